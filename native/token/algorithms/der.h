// der.h: the little DER (X.690) that keys and ECDSA signatures are written in. Read strictly:
// definite lengths in their shortest form, no element longer than what holds it.
#pragma once

#include "token/secure_memory.h"

namespace strongroom::algorithms::der {

inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kBitString = 0x03;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kNull = 0x05;
inline constexpr std::uint8_t kObjectIdentifier = 0x06;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kContext0 = 0xa0;  // [0], constructed
inline constexpr std::uint8_t kContext1 = 0xa1;

// Takes elements off the front of its bytes. Every accessor is false, and nothing to rely on, when
// the next element is another or is not DER.
class Reader {
 public:
  Reader() = default;
  explicit Reader(Bytes in) : in_(in) {}

  bool element(std::uint8_t tag, Bytes* content);
  bool constructed(std::uint8_t tag, Reader* content);
  // A non-negative INTEGER, big endian without leading zeros; zero is empty.
  bool unsigned_integer(Bytes* value);
  // A BIT STRING of whole bytes.
  bool bit_string(Bytes* value);

  bool next_is(std::uint8_t tag) const { return !in_.empty() && in_.front() == tag; }
  bool empty() const { return in_.empty(); }
  Bytes rest() const { return in_; }

 private:
  Bytes in_;
};

// Writes back to front: the last element first, and what holds it after it, when its length is
// known. written() is the end of the room.
class Writer {
 public:
  explicit Writer(MutableBytes room) : room_(room), at_(room.size()) {}

  void bytes(Bytes value);
  void byte(std::uint8_t value) { bytes({&value, 1}); }
  // Tag and length of what was written since length() was content_end.
  void enclose(std::uint8_t tag, std::size_t content_end);
  void element(std::uint8_t tag, Bytes content);
  void unsigned_integer(Bytes big_endian);  // leading zeros are dropped
  void bit_string(Bytes value);

  std::size_t length() const { return room_.size() - at_; }
  // Empty when it did not fit.
  Bytes written() const { return fits_ ? Bytes(room_).subspan(at_) : Bytes(); }

 private:
  MutableBytes room_;
  std::size_t at_;
  bool fits_ = true;
};

}  // namespace strongroom::algorithms::der
