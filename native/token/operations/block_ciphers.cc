// block_ciphers.cc: CKM_AES_ECB, CKM_AES_CBC and CKM_AES_CBC_PAD (6.10).
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using algorithms::Cipher;
using algorithms::kBlockBytes;

CK_RV read_ecb(const CK_MECHANISM& mechanism, CipherParameters*) {
  return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV read_cbc(const CK_MECHANISM& mechanism, CipherParameters* out) {
  return read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &out->block)
             ? CKR_OK
             : CKR_MECHANISM_PARAM_INVALID;
}

Bytes iv_of(Cipher cipher, const CipherParameters& parameters) {
  return cipher == Cipher::kAesCbc ? Bytes(parameters.block) : Bytes{};
}

template <Cipher kCipher, Direction kDirection>
CK_RV run(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.size() % kBlockBytes != 0) return length_range(kDirection);
  return run_to(data.size(), data, out, out_len, [&] {
    return algorithms::transform(*what.key.key, kCipher, kDirection,
                                 iv_of(kCipher, what.parameters), data, {out, data.size()});
  });
}

using Block = std::array<std::uint8_t, kBlockBytes>;

// A block on the stack that may hold plaintext.
struct WipedBlock {
  Block bytes{};
  WipedBlock() = default;
  WipedBlock(const WipedBlock&) = delete;
  WipedBlock& operator=(const WipedBlock&) = delete;
  ~WipedBlock() { wipe(bytes.data(), bytes.size()); }
};

// The last block of a padded message (RFC 2315, 10.3): the rest of the data, then as many bytes as
// are missing, each with their number.
void pad(Bytes rest, Block* block) {
  if (!rest.empty()) std::memcpy(block->data(), rest.data(), rest.size());
  std::memset(block->data() + rest.size(), static_cast<int>(kBlockBytes - rest.size()),
              kBlockBytes - rest.size());
}

// Bytes of padding in a last block, 1 to 16; 0: it is none. The time it takes does not depend on
// what the block holds.
std::size_t padding_of(const Block& block) {
  const unsigned length = block.back();
  // All ones below zero: the borrow of a subtraction.
  const auto less = [](unsigned a, unsigned b) { return 0U - ((a - b) >> 31); };
  unsigned wrong = less(length, 1) | less(kBlockBytes, length);
  for (unsigned from_end = 0; from_end < kBlockBytes; ++from_end)
    wrong |= less(from_end, length) & (block[kBlockBytes - 1 - from_end] ^ length);
  const unsigned is_wrong = 0U - ((wrong | (0U - wrong)) >> 31);
  return length & ~is_wrong;
}

CK_RV encrypt_padded(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const std::size_t whole = data.size() - data.size() % kBlockBytes;
  return run_to(whole + kBlockBytes, data, out, out_len, [&] {
    // Before the ciphertext takes its place.
    WipedBlock last;
    pad(data.subspan(whole), &last.bytes);
    algorithms::Key& key = *what.key.key;
    Block iv = what.parameters.block;
    if (whole != 0) {
      const CK_RV rv = algorithms::transform(key, Cipher::kAesCbc, Direction::kEncrypt, iv,
                                             data.first(whole), {out, whole});
      if (rv != CKR_OK) return rv;
      std::memcpy(iv.data(), out + whole - kBlockBytes, kBlockBytes);
    }
    return algorithms::transform(key, Cipher::kAesCbc, Direction::kEncrypt, iv, last.bytes,
                                 {out + whole, kBlockBytes});
  });
}

// How long the plaintext is shows in its last block, so that one is decrypted first. What was not
// padded at all takes as long as what was, and leaves nothing behind.
CK_RV decrypt_padded(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.empty() || data.size() % kBlockBytes != 0) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  if (!out) {
    *out_len = data.size();
    return CKR_OK;
  }
  algorithms::Key& key = *what.key.key;
  const std::size_t before = data.size() - kBlockBytes;
  const Bytes iv = what.parameters.block;
  WipedBlock last;
  const Bytes last_iv = before == 0 ? iv : data.subspan(before - kBlockBytes, kBlockBytes);
  CK_RV rv = algorithms::transform(key, Cipher::kAesCbc, Direction::kDecrypt, last_iv,
                                   data.subspan(before), last.bytes);
  if (rv != CKR_OK) return rv;
  const std::size_t padding = padding_of(last.bytes);
  const std::size_t length = data.size() - (padding != 0 ? padding : kBlockBytes);
  if (length_only(length, out, out_len, &rv)) return rv;
  if (overlap_unevenly(data.data(), data.size(), out, length)) return CKR_ARGUMENTS_BAD;
  if (before != 0) {
    rv = algorithms::transform(key, Cipher::kAesCbc, Direction::kDecrypt, iv, data.first(before),
                               {out, before});
    if (rv != CKR_OK) return rv;
  }
  if (padding == 0) {
    wipe(out, before);
    return CKR_ENCRYPTED_DATA_INVALID;
  }
  std::memcpy(out + before, last.bytes.data(), length - before);
  *out_len = length;
  return CKR_OK;
}

// Whole blocks are given out as they come; what is less than one is held. The last block of a
// padded message is held even where it is whole, since its padding is not to be given out.
class BlockStream : public CipherStream {
 public:
  BlockStream(std::unique_ptr<algorithms::CipherState> state, Direction direction, bool holds_last)
      : state_(std::move(state)), direction_(direction), holds_last_(holds_last) {}
  BlockStream(const BlockStream&) = delete;
  BlockStream& operator=(const BlockStream&) = delete;

  std::size_t next_length(std::size_t part) const override {
    const std::size_t there = held_length_ + part;
    const std::size_t left = there % kBlockBytes;
    return holds_last_ && left == 0 && there != 0 ? there - kBlockBytes : there - left;
  }

  CK_RV add(Bytes part, CK_BYTE* out) override {
    const std::size_t now = next_length(part.size());
    if (now == 0) return hold(part);
    if (held_length_ == 0) {
      const CK_RV rv = state_->add(part.first(now), {out, now});
      return rv == CKR_OK ? hold(part.subspan(now)) : rv;
    }
    // Output runs ahead of input by what was held, which would write over what is not read yet.
    WipedBuffer copy;
    if (out == part.data()) {
      if (!copy.append(part)) return CKR_HOST_MEMORY;
      part = copy.bytes();
    }
    const std::size_t missing = kBlockBytes - held_length_;
    std::memcpy(held_.bytes.data() + held_length_, part.data(), missing);
    CK_RV rv = state_->add(held_.bytes, {out, kBlockBytes});
    if (rv == CKR_OK && now > kBlockBytes) {
      rv = state_->add(part.subspan(missing, now - kBlockBytes),
                       {out + kBlockBytes, now - kBlockBytes});
    }
    held_length_ = 0;
    return rv == CKR_OK ? hold(part.subspan(missing + now - kBlockBytes)) : rv;
  }

  CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) override {
    if (held_length_ != 0) return length_range(direction_);
    return run_to(0, {}, out, out_len, [] { return CK_RV{CKR_OK}; });
  }

 protected:
  Bytes held() const { return Bytes(held_.bytes).first(held_length_); }
  algorithms::CipherState& state() { return *state_; }

 private:
  CK_RV hold(Bytes rest) {
    if (!rest.empty()) std::memcpy(held_.bytes.data() + held_length_, rest.data(), rest.size());
    held_length_ += rest.size();
    return CKR_OK;
  }

  const std::unique_ptr<algorithms::CipherState> state_;
  const Direction direction_;
  const bool holds_last_;
  WipedBlock held_;
  std::size_t held_length_ = 0;
};

class PaddingStream final : public BlockStream {
 public:
  explicit PaddingStream(std::unique_ptr<algorithms::CipherState> state)
      : BlockStream(std::move(state), Direction::kEncrypt, false) {}

  CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) override {
    return run_to(kBlockBytes, {}, out, out_len, [&] {
      WipedBlock last;
      pad(held(), &last.bytes);
      return state().add(last.bytes, {out, kBlockBytes});
    });
  }
};

class UnpaddingStream final : public BlockStream {
 public:
  explicit UnpaddingStream(std::unique_ptr<algorithms::CipherState> state)
      : BlockStream(std::move(state), Direction::kDecrypt, true) {}

  CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) override {
    if (held().size() != kBlockBytes) return CKR_ENCRYPTED_DATA_LEN_RANGE;
    if (!out) {
      *out_len = kBlockBytes;
      return CKR_OK;
    }
    // Once, however often the caller comes with too little room.
    if (!decrypted_) {
      if (const CK_RV rv = state().add(held(), last_.bytes); rv != CKR_OK) return rv;
      decrypted_ = true;
    }
    const std::size_t padding = padding_of(last_.bytes);
    if (padding == 0) return CKR_ENCRYPTED_DATA_INVALID;
    const std::size_t length = kBlockBytes - padding;
    return run_to(length, {}, out, out_len, [&] {
      std::memcpy(out, last_.bytes.data(), length);
      return CK_RV{CKR_OK};
    });
  }

 private:
  bool decrypted_ = false;
  WipedBlock last_;
};

template <Cipher kCipher, Direction kDirection>
CK_RV begin_state(const Ciphering& what, std::unique_ptr<algorithms::CipherState>* state) {
  return algorithms::CipherState::begin(*what.key.key, kCipher, kDirection,
                                        iv_of(kCipher, what.parameters), state);
}

template <Cipher kCipher, Direction kDirection>
CK_RV begin(const Ciphering& what, std::unique_ptr<CipherStream>* out) {
  std::unique_ptr<algorithms::CipherState> state;
  if (const CK_RV rv = begin_state<kCipher, kDirection>(what, &state); rv != CKR_OK) return rv;
  *out = std::make_unique<BlockStream>(std::move(state), kDirection, false);
  return CKR_OK;
}

template <class Stream, Direction kDirection>
CK_RV begin_padded(const Ciphering& what, std::unique_ptr<CipherStream>* out) {
  std::unique_ptr<algorithms::CipherState> state;
  if (const CK_RV rv = begin_state<Cipher::kAesCbc, kDirection>(what, &state); rv != CKR_OK)
    return rv;
  *out = std::make_unique<Stream>(std::move(state));
  return CKR_OK;
}

template <Cipher kCipher>
constexpr CipherScheme scheme(CK_RV (*read)(const CK_MECHANISM&, CipherParameters*)) {
  return {read, run<kCipher, Direction::kEncrypt>, run<kCipher, Direction::kDecrypt>,
          begin<kCipher, Direction::kEncrypt>, begin<kCipher, Direction::kDecrypt>};
}

}  // namespace

const CipherScheme kEcbScheme = scheme<Cipher::kAesEcb>(read_ecb);
const CipherScheme kCbcScheme = scheme<Cipher::kAesCbc>(read_cbc);
const CipherScheme kCbcPadScheme = {read_cbc, encrypt_padded, decrypt_padded,
                                    begin_padded<PaddingStream, Direction::kEncrypt>,
                                    begin_padded<UnpaddingStream, Direction::kDecrypt>};

}  // namespace strongroom::token::operations
