// encoding.h: little-endian integers in byte strings, the only integer form in flash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "token/secure_memory.h"

namespace strongroom::token {

template <class Integer>
void store_le(std::uint8_t* out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <class Integer>
Integer load_le(const std::uint8_t* in) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    value = static_cast<Integer>(value | (static_cast<Integer>(in[i]) << (8 * i)));
  return value;
}

// Writer fills a buffer of known length front to back; ok() is false once anything did not fit.
class Writer {
 public:
  explicit Writer(MutableBytes out) : out_(out) {}
  template <class Integer>
  void integer(Integer value) {
    if (std::uint8_t* here = advance(sizeof(Integer))) store_le(here, value);
  }
  void bytes(Bytes value) {
    if (std::uint8_t* here = advance(value.size()); here && !value.empty())
      std::memcpy(here, value.data(), value.size());
  }
  bool complete() const { return ok_ && used_ == out_.size(); }

 private:
  std::uint8_t* advance(std::size_t length) {
    if (!ok_ || out_.size() - used_ < length) {
      ok_ = false;
      return nullptr;
    }
    std::uint8_t* here = out_.data() + used_;
    used_ += length;
    return here;
  }
  MutableBytes out_;
  std::size_t used_ = 0;
  bool ok_ = true;
};

// Reader takes a buffer apart front to back. Every accessor is false at the end of the data.
class Reader {
 public:
  explicit Reader(Bytes in) : in_(in) {}
  template <class Integer>
  bool integer(Integer* value) {
    Bytes raw;
    if (!bytes(sizeof(Integer), &raw)) return false;
    *value = load_le<Integer>(raw.data());
    return true;
  }
  bool bytes(std::size_t length, Bytes* value) {
    if (in_.size() < length) return false;
    *value = in_.first(length);
    in_ = in_.subspan(length);
    return true;
  }
  bool empty() const { return in_.empty(); }
  Bytes rest() const { return in_; }

 private:
  Bytes in_;
};

}  // namespace strongroom::token
