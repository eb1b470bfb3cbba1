// codec.h: the bytes of a frame, read and written. Every length is checked against what is there; a
// Reader or Writer that failed once stays failed, so that callers check once, at the end.
// docs/formats/frame.md describes the layout.
#pragma once

#include <string.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "cryptoki/cryptoki.h"
#include "frame/commands.h"

namespace strongroom::frame {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

static_assert(std::endian::native == std::endian::little, "frames are copied, not swapped");
static_assert(sizeof(CK_ULONG) == 8, "attribute and mechanism numbers travel as 64 bits");

struct Header {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t command;
  std::uint32_t flags;
  std::uint32_t sequence;
  std::uint32_t session_low;
  std::uint32_t session_high;
  std::uint32_t length;           // of the frame, attached bytes not counted
  std::uint32_t status;           // CKR_*; 0 in requests
  std::uint32_t attached_input;   // bytes beside the request
  std::uint32_t attached_output;  // room beside the response; in the response, bytes written there
};
static_assert(sizeof(Header) == kHeaderBytes);

inline void wipe(void* data, std::size_t length) {
  if (length != 0) explicit_bzero(data, length);
}

constexpr std::size_t padded(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

// Reader: walks the body of a request that nobody else can write to.
class Reader {
 public:
  Reader(Bytes body, Bytes attached) : body_(body), attached_(attached) {}

  std::uint32_t u32() {
    std::uint32_t value = 0;
    take(&value, sizeof value);
    return value;
  }
  std::uint64_t u64() {
    std::uint64_t value = 0;
    take(&value, sizeof value);
    return value;
  }
  // Inline bytes and their zero padding.
  Bytes bytes() {
    const std::uint32_t length = u32();
    if (length > remaining() || padded(length) > remaining()) return fail();
    const Bytes value = body_.subspan(at_, length);
    for (std::size_t i = length; i < padded(length); ++i) {
      if (body_[at_ + i] != 0) return fail();
    }
    at_ += padded(length);
    return value;
  }
  // Inline bytes, or the attached ones when the length word says so. The attached input is used
  // exactly once.
  Bytes data() {
    std::uint32_t length = 0;
    if (remaining() < sizeof length) return fail();
    std::memcpy(&length, body_.data() + at_, sizeof length);
    if ((length & kAttached) == 0) return bytes();
    at_ += sizeof length;
    if (attached_used_ || (length & ~kAttached) != attached_.size()) return fail();
    attached_used_ = true;
    return attached_;
  }

  std::size_t remaining() const { return body_.size() - at_; }
  Bytes fail() {
    failed_ = true;
    return {};
  }
  bool failed() const { return failed_; }
  // True when every byte was read, and none was missing.
  bool finish() const {
    return !failed_ && at_ == body_.size() && attached_used_ == !attached_.empty();
  }

 private:
  void take(void* value, std::size_t length) {
    if (failed_ || remaining() < length) {
      failed_ = true;
      return;
    }
    std::memcpy(value, body_.data() + at_, length);
    at_ += length;
  }

  Bytes body_;
  Bytes attached_;
  std::size_t at_ = 0;
  bool attached_used_ = false;
  bool failed_ = false;
};

// Writer: fills the body of a response. What does not fit sets overflowed and writes nothing.
class Writer {
 public:
  explicit Writer(MutableBytes body) : body_(body) {}

  void u32(std::uint32_t value) { put(&value, sizeof value); }
  void u64(std::uint64_t value) { put(&value, sizeof value); }
  void bytes(Bytes value) {
    if (value.size() >= kAttached || sizeof(std::uint32_t) + padded(value.size()) > room()) {
      overflowed_ = true;
      return;
    }
    u32(static_cast<std::uint32_t>(value.size()));
    if (!value.empty()) std::memmove(body_.data() + at_, value.data(), value.size());
    pad(value.size());
  }
  // Where the bytes of a byte field would go: the caller writes there, then calls placed.
  MutableBytes place() {
    if (room() < sizeof(std::uint32_t)) return {};
    // Padding needs at most 3 bytes more than the field itself.
    return body_.subspan(at_ + sizeof(std::uint32_t),
                         (room() - sizeof(std::uint32_t)) & ~std::size_t{3});
  }
  void placed(std::size_t length) {
    u32(static_cast<std::uint32_t>(length));
    pad(length);
  }

  std::size_t room() const { return body_.size() - at_; }
  std::size_t size() const { return at_; }
  bool overflowed() const { return overflowed_; }
  void reset() {
    at_ = 0;
    overflowed_ = false;
  }

 private:
  void put(const void* value, std::size_t length) {
    if (overflowed_ || room() < length) {
      overflowed_ = true;
      return;
    }
    std::memcpy(body_.data() + at_, value, length);
    at_ += length;
  }
  void pad(std::size_t length) {
    for (std::size_t i = length; i < padded(length); ++i) body_[at_ + i] = 0;
    at_ += padded(length);
  }

  MutableBytes body_;
  std::size_t at_ = 0;
  bool overflowed_ = false;
};

}  // namespace strongroom::frame
