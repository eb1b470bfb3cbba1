#include "frame/dispatcher.h"

#include <new>

#include "frame/call.h"

namespace strongroom::frame {
namespace {

constexpr Handler kHandlers[] = {
#define SR_HANDLER(number, name, handler) handler,
    SR_FOR_EACH_COMMAND(SR_HANDLER)
#undef SR_HANDLER
};
static_assert(std::size(kHandlers) == std::size(kRows));

// The calling thread's promise not to wait, for as long as this lives.
class NoWait {
 public:
  NoWait(const Module& module, bool wait) : vendor_(wait ? nullptr : module.vendor) {
    if (vendor_ != nullptr) vendor_->SR_SetNoWait(CK_TRUE);
  }
  NoWait(const NoWait&) = delete;
  NoWait& operator=(const NoWait&) = delete;
  ~NoWait() {
    if (vendor_ != nullptr) vendor_->SR_SetNoWait(CK_FALSE);
  }

 private:
  const SR_FUNCTION_LIST* const vendor_;
};

std::uint64_t session_of(const Header& header) {
  return std::uint64_t{header.session_high} << 32 | header.session_low;
}

// Everything about the header that does not depend on the command.
bool well_formed(const Header& header, Bytes request, Bytes attached_input,
                 MutableBytes attached_output) {
  return header.magic == kMagic && header.version == kVersion && header.length == request.size() &&
         request.size() <= kFrameBytesMax &&
         (header.flags & ~(kFlagAttachedInput | kFlagAttachedOutput)) == 0 && header.status == 0 &&
         header.attached_input == attached_input.size() &&
         header.attached_output == attached_output.size() &&
         ((header.flags & kFlagAttachedInput) != 0) == !attached_input.empty() &&
         ((header.flags & kFlagAttachedOutput) != 0 || attached_output.empty());
}

std::size_t respond(MutableBytes response, const Header& request, CK_RV rv, std::size_t body = 0,
                    bool attached = false, std::size_t attached_bytes = 0) {
  // Return values are 32 bits wide by the standard; a module that answers more is broken.
  const auto status = static_cast<std::uint32_t>(rv <= 0xffffffffU ? rv : CKR_GENERAL_ERROR);
  const auto length = static_cast<std::uint32_t>(kHeaderBytes + body);
  // Field by field to where they belong: a structure would be written piecemeal and read as a
  // whole, and wait for itself.
  const auto put = [&](std::size_t offset, auto value) {
    std::memcpy(response.data() + offset, &value, sizeof value);
  };
  put(offsetof(Header, magic), kMagic);
  put(offsetof(Header, version), kVersion | std::uint32_t{request.command} << 16);
  put(offsetof(Header, flags), kFlagResponse | (attached ? kFlagAttachedOutput : 0));
  put(offsetof(Header, sequence), request.sequence);
  put(offsetof(Header, session_low), request.session_low);
  put(offsetof(Header, session_high), request.session_high);
  put(offsetof(Header, length), length);
  put(offsetof(Header, status), status);
  put(offsetof(Header, attached_input), std::uint32_t{0});
  put(offsetof(Header, attached_output), static_cast<std::uint32_t>(attached_bytes));
  return length;
}

CK_RV run(Call& call, const Row& row, std::uint64_t session) {
  if (row.session) {
    const CK_RV rv = call.application.hold(session, call.wait, &call.session);
    if (rv != CKR_OK) return rv;
  }
  const NoWait no_wait(call.module, call.wait);
  try {
    return kHandlers[row.number - 1](call);
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
}

}  // namespace

std::size_t execute(Attachment& attachment, Bytes request, Bytes attached_input,
                    MutableBytes attached_output, MutableBytes response, bool wait) noexcept {
  Header header{};
  if (request.size() < sizeof header)
    return respond(response, header, CKR_STRONGROOM_FRAME_INVALID);
  std::memcpy(&header, request.data(), sizeof header);
  if (!well_formed(header, request, attached_input, attached_output) ||
      response.size() < kResponseBytesMin) {
    return respond(response, Header{}, CKR_STRONGROOM_FRAME_INVALID);
  }
  if (header.command == 0 || header.command > std::size(kRows)) {
    return respond(response, header, CKR_STRONGROOM_COMMAND_UNKNOWN);
  }
  const Row& row = kRows[header.command - 1];
  if (!row.session && session_of(header) != 0)
    return respond(response, header, CKR_STRONGROOM_FRAME_INVALID);
  if (!wait && !row.sync) return respond(response, header, CKR_STRONGROOM_BUSY);

  HeldSession session;
  Call call(attachment, wait, session, Reader(request.subspan(sizeof header), attached_input),
            Writer(response.subspan(sizeof header)), attached_output,
            (header.flags & kFlagAttachedOutput) != 0);
  CK_RV rv = run(call, row, session_of(header));
  if (rv == CKR_OK && call.out.overflowed()) rv = CKR_BUFFER_TOO_SMALL;
  if (rv == CKR_OK)
    return respond(response, header, rv, call.out.size(), call.attached_produced,
                   call.attached_written);

  const bool partial = row.partial && call.out.size() != 0 && rv != CKR_BUFFER_TOO_SMALL;
  if (!partial) {
    // Whatever a module left behind in the outputs is nobody's business.
    wipe(attached_output.data(), attached_output.size());
    call.out.reset();
    if (rv == CKR_BUFFER_TOO_SMALL && call.needed != 0) call.out.u64(call.needed);
  }
  return respond(response, header, rv, call.out.size());
}

std::size_t refuse(Bytes request, MutableBytes response, CK_RV rv) noexcept {
  Header header{};
  if (request.size() >= sizeof header) std::memcpy(&header, request.data(), sizeof header);
  return respond(response, header, rv);
}

}  // namespace strongroom::frame
