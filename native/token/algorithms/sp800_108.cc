// Key derivation in counter mode: NIST SP 800-108r1 section 4.1, PRF HMAC-SHA-256.
#include <algorithm>
#include <array>
#include <cstring>

#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kOutputBytesMax = 65'535;

struct Encoded {
  std::array<std::uint8_t, 4> bytes;
  std::size_t length;
  Bytes view() const { return {bytes.data(), length}; }
};

Encoded encode(const KdfField& field, std::uint32_t value) {
  Encoded encoded{{}, field.width_bits / 8};
  for (std::size_t i = 0; i < encoded.length; ++i) {
    const std::size_t shift = 8 * (field.little_endian ? i : encoded.length - 1 - i);
    encoded.bytes[i] = static_cast<std::uint8_t>(value >> shift);
  }
  return encoded;
}

bool fits(const KdfField& field, std::uint32_t value) {
  const unsigned bits = field.width_bits;
  if (bits != 8 && bits != 16 && bits != 24 && bits != 32) return false;
  return bits == 32 || value < std::uint32_t{1} << bits;
}

// Exactly one counter that can count the blocks; at most one length that can hold L.
bool acceptable(std::span<const KdfField> fields, std::uint32_t blocks, std::uint32_t length_bits) {
  unsigned counters = 0;
  unsigned lengths = 0;
  for (const KdfField& field : fields) {
    switch (field.kind) {
      case KdfField::Kind::kCounter:
        if (++counters > 1 || !fits(field, blocks)) return false;
        break;
      case KdfField::Kind::kLength:
        if (++lengths > 1 || !fits(field, length_bits)) return false;
        break;
      case KdfField::Kind::kBytes:
        break;
    }
  }
  return counters == 1;
}

// One PRF call: HMAC over all fields, with this block's counter.
bool block(HmacSha256& hmac, std::span<const KdfField> fields, std::uint32_t counter,
           std::uint32_t length_bits, std::uint8_t* out) {
  bool good = hmac.start();
  for (const KdfField& field : fields) {
    switch (field.kind) {
      case KdfField::Kind::kCounter:
        good = good && hmac.add(encode(field, counter).view());
        break;
      case KdfField::Kind::kLength:
        good = good && hmac.add(encode(field, length_bits).view());
        break;
      case KdfField::Kind::kBytes:
        good = good && hmac.add(field.bytes);
        break;
    }
  }
  return good && hmac.finish(out);
}

}  // namespace

namespace unchecked {

CK_RV sp800_108_counter(Key& key, std::span<const KdfField> fields, MutableBytes out) {
  if (out.empty() || out.size() > kOutputBytesMax) return CKR_KEY_SIZE_RANGE;
  const auto blocks = static_cast<std::uint32_t>((out.size() + kSha256Bytes - 1) / kSha256Bytes);
  const auto length_bits = static_cast<std::uint32_t>(out.size() * 8);
  if (!acceptable(fields, blocks, length_bits)) return CKR_MECHANISM_PARAM_INVALID;
  Secret last;  // a last block that is only partly wanted
  if (out.size() % kSha256Bytes != 0) {
    last = Secret(kSha256Bytes);
    if (!last) return CKR_HOST_MEMORY;
  }
  Lease lease(key);
  HmacSha256* const hmac = lease.hmac<Hash::kSha256>();
  if (hmac == nullptr) return CKR_HOST_MEMORY;
  std::size_t done = 0;
  for (std::uint32_t counter = 1; counter <= blocks; ++counter) {
    const std::size_t wanted = std::min(kSha256Bytes, out.size() - done);
    std::uint8_t* const target = wanted == kSha256Bytes ? out.data() + done : last.data();
    if (!block(*hmac, fields, counter, length_bits, target)) {
      lease.discard_hmac<Hash::kSha256>();
      wipe(out.data(), out.size());
      ERR_clear_error();
      return CKR_FUNCTION_FAILED;
    }
    if (wanted != kSha256Bytes) std::memcpy(out.data() + done, last.data(), wanted);
    done += wanted;
  }
  return CKR_OK;
}

}  // namespace unchecked

CK_RV sp800_108_counter(Key& key, std::span<const KdfField> fields, MutableBytes out) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kSp800108);
  return rv != CKR_OK ? rv : unchecked::sp800_108_counter(key, fields, out);
}

}  // namespace strongroom::algorithms
