// frame_fuzzer: a client of the dispatcher that sends anything. An input is a list of requests:
//   1 byte   command, as an index into the table; 255: what follows is a whole frame
//   1 byte   the session named: 0 none, else one of those opened so far
//   2 bytes  length of the body, little endian
//   the body
// Whatever comes, the answer is one frame that keeps the format, within the room there is, and it
// does not show the key that may not be shown.
#include <vector>

#include "frame/dispatcher.h"
#include "fuzz/device.h"

namespace {

using namespace strongroom;
using namespace strongroom::fuzz;

constexpr std::size_t kRequestsMax = 32;
constexpr std::size_t kRoom = 65536;
constexpr CK_BYTE kWholeFrame = 255;

const frame::Module& module() {
  static const frame::Module instance(cryptoki::function_list(), cryptoki::vendor_list());
  return instance;
}

std::uint16_t number_of(const char* name) {
  for (const frame::Row& row : frame::kRows) {
    if (std::strcmp(row.name, name) == 0) return row.number;
  }
  std::abort();
}

using Buffer = std::vector<std::uint8_t>;

Buffer frame_of(std::uint16_t command, std::uint64_t session, std::span<const std::uint8_t> body) {
  frame::Header header{};
  header.magic = frame::kMagic;
  header.version = static_cast<std::uint16_t>(frame::kVersion);
  header.command = command;
  header.session_low = static_cast<std::uint32_t>(session);
  header.session_high = static_cast<std::uint32_t>(session >> 32);
  header.length = static_cast<std::uint32_t>(sizeof header + body.size());
  Buffer bytes(header.length);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!body.empty()) std::memcpy(bytes.data() + sizeof header, body.data(), body.size());
  return bytes;
}

class Client {
 public:
  Client() {
    require(frame::Attachment::open(module(), device_.device(), &attachment_) == CKR_OK,
            "a client attaches");
  }

  // The status of the answer; its body stays in response().
  CK_RV send(const Buffer& request) {
    response_.assign(kRoom, 0);
    const std::size_t length =
        frame::execute(*attachment_, request, {}, {}, response_, /*wait=*/true);
    require(length >= sizeof(frame::Header) && length <= kRoom, "an answer has its length");
    frame::Header header;
    std::memcpy(&header, response_.data(), sizeof header);
    require(header.magic == frame::kMagic && header.length == length, "an answer is a frame");
    response_.resize(length);
    require_no_needle(response_);
    return header.status;
  }

  std::uint64_t first_u64() const {
    std::uint64_t value = 0;
    if (response_.size() >= sizeof(frame::Header) + sizeof value)
      std::memcpy(&value, response_.data() + sizeof(frame::Header), sizeof value);
    return value;
  }

  // A session in which the user is logged in, and the key that may not be shown.
  std::uint64_t start() {
    Buffer open(16);
    const std::uint64_t slot = device_.slot();
    const std::uint64_t flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    std::memcpy(open.data(), &slot, 8);
    std::memcpy(open.data() + 8, &flags, 8);
    require(send(frame_of(number_of("OpenSession"), 0, open)) == CKR_OK, "a session opens");
    const std::uint64_t session = first_u64();
    Buffer login(8 + sizeof kUserPin - 1);
    const std::uint32_t user = CKU_USER;
    const std::uint32_t length = sizeof kUserPin - 1;
    std::memcpy(login.data(), &user, 4);
    std::memcpy(login.data() + 4, &length, 4);
    std::memcpy(login.data() + 8, kUserPin, length);
    login.resize((login.size() + 3) & ~std::size_t{3});
    require(send(frame_of(number_of("Login"), session, login)) == CKR_OK, "the user logs in");
    require(send(frame_of(number_of("CreateObject"), session, needle_template())) == CKR_OK,
            "a key is imported");
    return session;
  }

 private:
  static void add(Buffer* to, CK_ATTRIBUTE_TYPE type, const void* value, std::uint32_t length) {
    const auto number = static_cast<std::uint32_t>(type);
    const std::size_t at = to->size();
    to->resize(at + 8 + ((length + 3) & ~3u));
    std::memcpy(to->data() + at, &number, 4);
    std::memcpy(to->data() + at + 4, &length, 4);
    std::memcpy(to->data() + at + 8, value, length);
  }

  static Buffer needle_template() {
    static constexpr CK_ULONG kClass = CKO_SECRET_KEY;
    static constexpr CK_ULONG kType = CKK_AES;
    static constexpr CK_BBOOL kYes = CK_TRUE;
    static constexpr CK_BBOOL kNo = CK_FALSE;
    constexpr CK_ATTRIBUTE_TYPE kUses[] = {CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT,
                                           CKA_WRAP,      CKA_UNWRAP,  CKA_DERIVE};
    Buffer bytes(4);
    add(&bytes, CKA_CLASS, &kClass, sizeof kClass);
    add(&bytes, CKA_KEY_TYPE, &kType, sizeof kType);
    add(&bytes, CKA_EXTRACTABLE, &kNo, sizeof kNo);
    for (const CK_ATTRIBUTE_TYPE use : kUses) add(&bytes, use, &kYes, sizeof kYes);
    add(&bytes, CKA_VALUE, needle().data(), kNeedleBytes);
    const std::uint32_t count = 4 + std::size(kUses);
    std::memcpy(bytes.data(), &count, 4);
    return bytes;
  }

  MemoryDevice device_;
  std::unique_ptr<frame::Attachment> attachment_;
  Buffer response_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Client client;
  std::vector<std::uint64_t> sessions{0, client.start()};
  const std::uint16_t open_session = number_of("OpenSession");
  std::span<const std::uint8_t> input(data, size);
  for (std::size_t i = 0; i < kRequestsMax && input.size() >= 4; ++i) {
    const CK_BYTE command = input[0];
    const std::uint64_t session = sessions[input[1] % sessions.size()];
    const std::size_t wanted = input[2] | std::size_t{input[3]} << 8;
    input = input.subspan(4);
    const auto body = input.subspan(0, std::min(wanted, input.size()));
    input = input.subspan(body.size());
    const std::uint16_t number = frame::kRows[command % std::size(frame::kRows)].number;
    const bool whole = command == kWholeFrame;
    const CK_RV status =
        client.send(whole ? Buffer(body.begin(), body.end()) : frame_of(number, session, body));
    if (!whole && number == open_session && status == CKR_OK)
      sessions.push_back(client.first_u64());
  }
  return 0;
}
