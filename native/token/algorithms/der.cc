#include "token/algorithms/der.h"

#include <cstring>

namespace strongroom::algorithms::der {

bool Reader::element(std::uint8_t tag, Bytes* content) {
  if (in_.size() < 2 || in_[0] != tag) return false;
  std::size_t length = in_[1];
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t digits = length - 0x80;
    if (digits == 0 || digits > 2 || in_.size() < 2 + digits) return false;
    length = 0;
    for (std::size_t i = 0; i < digits; ++i) length = length << 8 | in_[2 + i];
    if (length < 0x80 || (digits == 2 && length < 0x100)) return false;
    header += digits;
  }
  if (in_.size() - header < length) return false;
  *content = in_.subspan(header, length);
  in_ = in_.subspan(header + length);
  return true;
}

bool Reader::constructed(std::uint8_t tag, Reader* content) {
  Bytes inside;
  if (!element(tag, &inside)) return false;
  *content = Reader(inside);
  return true;
}

bool Reader::unsigned_integer(Bytes* value) {
  Bytes content;
  if (!element(kInteger, &content) || content.empty() || (content[0] & 0x80) != 0) return false;
  if (content[0] == 0) {
    content = content.subspan(1);
    if (!content.empty() && (content[0] & 0x80) == 0) return false;
  }
  *value = content;
  return true;
}

bool Reader::bit_string(Bytes* value) {
  Bytes content;
  if (!element(kBitString, &content) || content.empty() || content[0] != 0) return false;
  *value = content.subspan(1);
  return true;
}

void Writer::bytes(Bytes value) {
  fits_ = fits_ && value.size() <= at_;
  if (!fits_ || value.empty()) return;
  at_ -= value.size();
  std::memcpy(room_.data() + at_, value.data(), value.size());
}

void Writer::enclose(std::uint8_t tag, std::size_t content_end) {
  const std::size_t content = length() - content_end;
  if (content < 0x80) {
    byte(static_cast<std::uint8_t>(content));
  } else {
    std::uint8_t digits = 0;
    for (std::size_t rest = content; rest != 0; rest >>= 8, ++digits)
      byte(static_cast<std::uint8_t>(rest));
    byte(static_cast<std::uint8_t>(0x80 + digits));
  }
  byte(tag);
}

void Writer::element(std::uint8_t tag, Bytes content) {
  const std::size_t end = length();
  bytes(content);
  enclose(tag, end);
}

void Writer::unsigned_integer(Bytes big_endian) {
  while (!big_endian.empty() && big_endian.front() == 0) big_endian = big_endian.subspan(1);
  const std::size_t end = length();
  bytes(big_endian);
  if (big_endian.empty() || (big_endian.front() & 0x80) != 0) byte(0);
  enclose(kInteger, end);
}

void Writer::bit_string(Bytes value) {
  const std::size_t end = length();
  bytes(value);
  byte(0);
  enclose(kBitString, end);
}

}  // namespace strongroom::algorithms::der
