// support.h: what several tests of the cryptographic rooms share.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "token/algorithms/algorithms.h"

namespace strongroom::test {

using Buffer = std::vector<std::uint8_t>;

// Bytes from hexadecimal digits; the literal is the test's own, so a wrong one throws.
inline Buffer hex(std::string_view digits) {
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return bytes;
}

inline Buffer text(std::string_view value) { return {value.begin(), value.end()}; }

// Bytes that differ from place to place and from seed to seed. Not random, so failures repeat.
inline Buffer pattern(std::size_t length, unsigned seed = 0) {
  Buffer bytes(length);
  for (std::size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<std::uint8_t>((i + 1) * 131 + seed * 29 + i / 251);
  return bytes;
}

inline std::shared_ptr<algorithms::Key> key_of(const Buffer& bytes) {
  return algorithms::Key::make(Secret(Bytes(bytes)));
}

// Fields of an SP 800-108 input.
inline algorithms::KdfField counter(unsigned bits, bool little_endian = false) {
  return {algorithms::KdfField::Kind::kCounter, little_endian, bits, {}};
}
inline algorithms::KdfField length_field(unsigned bits, bool little_endian = false) {
  return {algorithms::KdfField::Kind::kLength, little_endian, bits, {}};
}
inline algorithms::KdfField bytes_field(const Buffer& bytes) {
  return {algorithms::KdfField::Kind::kBytes, false, 0, bytes};
}

// A message sealed by derive_seal.
struct Sealed {
  Buffer nonce = Buffer(28), ciphertext, tag = Buffer(16);
};

inline Sealed seal(algorithms::Key& key, const Buffer& aad, const Buffer& plaintext) {
  Sealed sealed;
  sealed.ciphertext.resize(plaintext.size());
  EXPECT_EQ(
      algorithms::derive_seal(key, aad, plaintext, sealed.nonce, sealed.ciphertext, sealed.tag),
      CKR_OK);
  return sealed;
}

// A secret that a memory scan looks for. It holds the bytes masked, so that it does not find
// itself.
class Needle {
 public:
  explicit Needle(Bytes secret);
  std::size_t size() const { return masked_.size(); }
  bool at(const std::uint8_t* data) const;
  std::uint8_t first() const { return masked_.front() ^ kMask; }

 private:
  static constexpr std::uint8_t kMask = 0xa5;
  Buffer masked_;
};

// Where in this process's readable memory, outside the arena and the secure heap, the needle's
// bytes are: one line of /proc/self/maps each. *scanned receives the number of bytes looked at.
std::vector<std::string> find_in_memory(const Needle& needle, std::size_t* scanned);

}  // namespace strongroom::test
