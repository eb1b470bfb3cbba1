// frame_builder.h: request frames for tests, written independently of the codec under test.
#pragma once

#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "frame/codec.h"
#include "frame/dispatcher.h"

namespace strongroom::frame::test {

using Buffer = std::vector<std::uint8_t>;

inline void add(Buffer& to, const void* data, std::size_t length) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  to.insert(to.end(), bytes, bytes + length);
}

class Body {
 public:
  Body& u32(std::uint32_t value) {
    add(bytes_, &value, sizeof value);
    return *this;
  }
  Body& u64(std::uint64_t value) {
    add(bytes_, &value, sizeof value);
    return *this;
  }
  Body& bytes(const Buffer& value) {
    u32(static_cast<std::uint32_t>(value.size()));
    add(bytes_, value.data(), value.size());
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    return *this;
  }
  Body& text(const std::string& value) { return bytes(Buffer(value.begin(), value.end())); }
  Body& mechanism(CK_MECHANISM_TYPE type, const Buffer& parameter = {}) {
    return u32(static_cast<std::uint32_t>(type)).bytes(parameter);
  }
  // Attributes given as type and value.
  Body& attributes(std::initializer_list<std::pair<CK_ATTRIBUTE_TYPE, Buffer>> list) {
    u32(static_cast<std::uint32_t>(list.size()));
    for (const auto& [type, value] : list) u32(static_cast<std::uint32_t>(type)).bytes(value);
    return *this;
  }
  const Buffer& get() const { return bytes_; }

 private:
  Buffer bytes_;
};

inline Buffer flag(bool value) { return {static_cast<std::uint8_t>(value)}; }
inline Buffer ulong(CK_ULONG value) {
  Buffer bytes;
  add(bytes, &value, sizeof value);
  return bytes;
}

inline Buffer frame(std::uint16_t command, std::uint64_t session, const Buffer& body,
                    std::uint32_t sequence = 7) {
  Header header{};
  header.magic = kMagic;
  header.version = static_cast<std::uint16_t>(kVersion);
  header.command = command;
  header.sequence = sequence;
  header.session_low = static_cast<std::uint32_t>(session);
  header.session_high = static_cast<std::uint32_t>(session >> 32);
  header.length = static_cast<std::uint32_t>(sizeof header + body.size());
  Buffer bytes;
  add(bytes, &header, sizeof header);
  add(bytes, body.data(), body.size());
  return bytes;
}

// A response: its header and body.
struct Response {
  Header header{};
  Buffer body;

  CK_RV status() const { return header.status; }
  std::uint64_t u64(std::size_t at = 0) const {
    std::uint64_t value = 0;
    if (at + sizeof value <= body.size()) std::memcpy(&value, body.data() + at, sizeof value);
    return value;
  }
  std::uint32_t u32(std::size_t at = 0) const {
    std::uint32_t value = 0;
    if (at + sizeof value <= body.size()) std::memcpy(&value, body.data() + at, sizeof value);
    return value;
  }
  // The byte field at this offset.
  Buffer bytes(std::size_t at = 0) const {
    const std::size_t length = u32(at);
    if (at + 4 + length > body.size()) return {};
    const auto begin = body.begin() + static_cast<std::ptrdiff_t>(at) + 4;
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
  }
};

inline Response send(Attachment& attachment, const Buffer& request, bool wait = true,
                     std::size_t room = 65536) {
  Buffer out(room);
  const std::size_t length = execute(attachment, request, {}, {}, out, wait);
  Response response;
  std::memcpy(&response.header, out.data(), sizeof(Header));
  response.body.assign(out.begin() + sizeof(Header),
                       out.begin() + static_cast<std::ptrdiff_t>(length));
  return response;
}

}  // namespace strongroom::frame::test
