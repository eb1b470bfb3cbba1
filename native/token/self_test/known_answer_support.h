// known_answer_support.h: what the files of known answers share.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "token/secure_memory.h"

namespace strongroom::self_test::known_answers {

template <std::size_t N>
using Array = std::array<std::uint8_t, N>;

// Bytes from hexadecimal digits, at compile time; a wrong digit or length does not compile.
template <std::size_t N>
consteval Array<(N - 1) / 2> hex(const char (&digits)[N]) {
  static_assert(N % 2 == 1, "two digits a byte");
  Array<(N - 1) / 2> bytes{};
  const auto value = [](char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    throw "not a hexadecimal digit";
  };
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(value(digits[2 * i]) * 16 + value(digits[2 * i + 1]));
  return bytes;
}

inline Bytes text(std::string_view value) {
  return {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
}

// Compares a computed result with the published one. With corrupt a bit of the computed one is
// flipped first.
template <std::size_t N>
bool matches(Array<N>& computed, const Array<N>& published, bool corrupt) {
  if (corrupt) computed[0] ^= 1;
  return computed == published;
}

}  // namespace strongroom::self_test::known_answers
