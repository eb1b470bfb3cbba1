// stream_ciphers.cc: CKM_AES_CTR (6.11) and CKM_CHACHA20 (6.58): a key stream from a block counter,
// which is never counted past its end.
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using algorithms::Cipher;

constexpr std::uint64_t kAnyLength = ~std::uint64_t{0};

// Bytes of key stream until a counter of this many bits that stands at `count` is used up.
std::uint64_t bytes_until_end(unsigned bits, std::uint64_t count, unsigned block_bytes) {
  const std::uint64_t blocks = bits == 64 ? 0 - count : (std::uint64_t{1} << bits) - count;
  // Zero: all 2^64 of them.
  return blocks == 0 || blocks > kAnyLength / block_bytes ? kAnyLength : blocks * block_bytes;
}

CK_RV read_ctr(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_AES_CTR_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters) ||
      parameters.ulCounterBits < 1 || parameters.ulCounterBits > 128)
    return CKR_MECHANISM_PARAM_INVALID;
  std::memcpy(out->block.data(), parameters.cb, sizeof(parameters.cb));
  // The counter's lowest 64 bits; those above them count only where they are all set.
  std::uint64_t count = 0;
  for (std::size_t i = 8; i < 16; ++i) count = count << 8 | parameters.cb[i];
  const auto bits = static_cast<unsigned>(parameters.ulCounterBits);
  if (bits <= 64) {
    if (bits < 64) count &= (std::uint64_t{1} << bits) - 1;
    out->length_max = bytes_until_end(bits, count, 16);
    return CKR_OK;
  }
  std::uint64_t high = 0;
  for (std::size_t i = 0; i < 8; ++i) high = high << 8 | parameters.cb[i];
  const std::uint64_t mask = bits == 128 ? kAnyLength : (std::uint64_t{1} << (bits - 64)) - 1;
  out->length_max = (high & mask) == mask ? bytes_until_end(64, count, 16) : kAnyLength;
  return CKR_OK;
}

CK_RV read_chacha20(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_CHACHA20_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters) ||
      !parameters.pBlockCounter || !parameters.pNonce)
    return CKR_MECHANISM_PARAM_INVALID;
  // RFC 8439, or the original cipher: 16 bytes either way.
  const bool fits = (parameters.blockCounterBits == 32 && parameters.ulNonceBits == 96) ||
                    (parameters.blockCounterBits == 64 && parameters.ulNonceBits == 64);
  if (!fits) return CKR_MECHANISM_PARAM_INVALID;
  const std::size_t counter_bytes = parameters.blockCounterBits / 8;
  std::memcpy(out->block.data(), parameters.pBlockCounter, counter_bytes);
  std::memcpy(out->block.data() + counter_bytes, parameters.pNonce, parameters.ulNonceBits / 8);
  std::uint64_t count = 0;
  for (std::size_t i = counter_bytes; i > 0; --i) count = count << 8 | out->block[i - 1];
  out->length_max = bytes_until_end(static_cast<unsigned>(parameters.blockCounterBits), count, 64);
  return CKR_OK;
}

template <Cipher kCipher, Direction kDirection>
CK_RV run(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.size() > what.parameters.length_max) return length_range(kDirection);
  return run_to(data.size(), data, out, out_len, [&] {
    return algorithms::transform(*what.key.key, kCipher, kDirection, what.parameters.block, data,
                                 {out, data.size()});
  });
}

class KeyStream final : public CipherStream {
 public:
  KeyStream(std::unique_ptr<algorithms::CipherState> state, std::uint64_t length_max,
            CK_RV too_long)
      : state_(std::move(state)), left_(length_max), too_long_(too_long) {}

  std::size_t next_length(std::size_t part) const override { return part; }
  CK_RV add(Bytes part, CK_BYTE* out) override {
    if (part.size() > left_) return too_long_;
    left_ -= part.size();
    return state_->add(part, {out, part.size()});
  }
  CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) override {
    return run_to(0, {}, out, out_len, [] { return CK_RV{CKR_OK}; });
  }

 private:
  const std::unique_ptr<algorithms::CipherState> state_;
  std::uint64_t left_;
  const CK_RV too_long_;
};

template <Cipher kCipher, Direction kDirection>
CK_RV begin(const Ciphering& what, std::unique_ptr<CipherStream>* out) {
  std::unique_ptr<algorithms::CipherState> state;
  const CK_RV rv = algorithms::CipherState::begin(*what.key.key, kCipher, kDirection,
                                                  what.parameters.block, &state);
  if (rv != CKR_OK) return rv;
  *out = std::make_unique<KeyStream>(std::move(state), what.parameters.length_max,
                                     length_range(kDirection));
  return CKR_OK;
}

template <Cipher kCipher>
constexpr CipherScheme scheme(CK_RV (*read)(const CK_MECHANISM&, CipherParameters*)) {
  return {read, run<kCipher, Direction::kEncrypt>, run<kCipher, Direction::kDecrypt>,
          begin<kCipher, Direction::kEncrypt>, begin<kCipher, Direction::kDecrypt>};
}

}  // namespace

const CipherScheme kCtrScheme = scheme<Cipher::kAesCtr>(read_ctr);
const CipherScheme kChaCha20Scheme = scheme<Cipher::kChaCha20>(read_chacha20);

}  // namespace strongroom::token::operations
