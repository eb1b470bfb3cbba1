// AES-ECB, -CBC, -CTR (NIST SP 800-38A) and ChaCha20 (RFC 8439), whole and in parts; and sealing in
// parts with AES-GCM and ChaCha20-Poly1305.
#include "token/algorithms/aead_context.h"
#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

// EVP counts in int. A multiple of the block length.
constexpr std::size_t kPieceBytes = std::size_t{1} << 30;

struct Row {
  Keyed encrypts;
  Keyed decrypts;
  self_test::Algorithm test;
  bool blocks;  // takes whole blocks only
};

const Row& row_of(Cipher cipher) {
  using self_test::Algorithm;
  static constexpr Row kRows[] = {
      {Keyed::kEcbEncrypt, Keyed::kEcbDecrypt, Algorithm::kAesEcb, true},
      {Keyed::kCbcEncrypt, Keyed::kCbcDecrypt, Algorithm::kAesCbc, true},
      {Keyed::kCtr, Keyed::kCtr, Algorithm::kAesCtr, false},
      {Keyed::kChaCha20, Keyed::kChaCha20, Algorithm::kChaCha20Poly1305, false},
  };
  return kRows[static_cast<std::size_t>(cipher)];
}

Keyed keyed_for(Cipher cipher, Direction direction) {
  const Row& row = row_of(cipher);
  return direction == Direction::kEncrypt ? row.encrypts : row.decrypts;
}

bool key_fits(const Key& key, bool chacha20) {
  const std::size_t length = key.value().size();
  return length == 32 || (!chacha20 && (length == 16 || length == 24));
}

// Key and iv of a message.
CK_RV check_start(const Key& key, Cipher cipher, Bytes iv) {
  if (!key_fits(key, cipher == Cipher::kChaCha20)) return CKR_KEY_SIZE_RANGE;
  const std::size_t wanted = cipher == Cipher::kAesEcb ? 0 : kBlockBytes;
  return iv.size() == wanted ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

bool start(EVP_CIPHER_CTX* context, Direction direction, Bytes iv) {
  return EVP_CipherInit_ex2(context, nullptr, nullptr, iv.data(),
                            direction == Direction::kEncrypt ? 1 : 0, nullptr) == 1;
}

bool update(EVP_CIPHER_CTX* context, Bytes in, MutableBytes out) {
  for (std::size_t at = 0; at < in.size(); at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, in.size() - at);
    int written = 0;
    if (EVP_CipherUpdate(context, out.data() + at, &written, in.data() + at,
                         static_cast<int>(piece)) != 1 ||
        written != static_cast<int>(piece))
      return false;
  }
  return true;
}

CK_RV failed(MutableBytes out) {
  wipe(out.data(), out.size());
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

class EvpCipherState final : public CipherState {
 public:
  EvpCipherState(EVP_CIPHER_CTX* context, bool blocks) : context_(context), blocks_(blocks) {}
  EvpCipherState(const EvpCipherState&) = delete;
  EvpCipherState& operator=(const EvpCipherState&) = delete;
  ~EvpCipherState() override { EVP_CIPHER_CTX_free(context_); }

  CK_RV add(Bytes in, MutableBytes out) override {
    if (in.size() != out.size()) return CKR_ARGUMENTS_BAD;
    if (blocks_ && in.size() % kBlockBytes != 0) return CKR_DATA_LEN_RANGE;
    return update(context_, in, out) ? CKR_OK : failed(out);
  }
  CK_RV finish(MutableBytes tag) override {
    return aead_finish_sealing(context_, tag) ? CKR_OK : failed(tag);
  }

 private:
  EVP_CIPHER_CTX* const context_;
  const bool blocks_;
};

}  // namespace

namespace unchecked {

CK_RV transform(Key& key, Cipher cipher, Direction direction, Bytes iv, Bytes in,
                MutableBytes out) {
  if (const CK_RV rv = check_start(key, cipher, iv); rv != CKR_OK) return rv;
  if (in.size() != out.size()) return CKR_ARGUMENTS_BAD;
  if (row_of(cipher).blocks && in.size() % kBlockBytes != 0) return CKR_DATA_LEN_RANGE;
  const Keyed which = keyed_for(cipher, direction);
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(which);
  if (context == nullptr) return CKR_HOST_MEMORY;
  if (start(context, direction, iv) && update(context, in, out)) return CKR_OK;
  lease.discard(which);
  return failed(out);
}

CK_RV seal(Aead aead, Key& key, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
           MutableBytes tag) {
  switch (aead) {
    case Aead::kAesGcm:
      return unchecked::aes_gcm_seal(key, iv, aad, plaintext, ciphertext, tag);
    case Aead::kAesCcm:
      return aes_ccm_seal(key, iv, aad, plaintext, ciphertext, tag);
    case Aead::kChaCha20Poly1305:
      break;
  }
  return chacha20_poly1305_seal(key, iv, aad, plaintext, ciphertext, tag);
}

CK_RV open(Aead aead, Key& key, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
           MutableBytes plaintext) {
  switch (aead) {
    case Aead::kAesGcm:
      return unchecked::aes_gcm_open(key, iv, aad, ciphertext, tag, plaintext);
    case Aead::kAesCcm:
      return aes_ccm_open(key, iv, aad, ciphertext, tag, plaintext);
    case Aead::kChaCha20Poly1305:
      break;
  }
  return chacha20_poly1305_open(key, iv, aad, ciphertext, tag, plaintext);
}

}  // namespace unchecked

namespace {

self_test::Algorithm test_of(Aead aead) {
  switch (aead) {
    case Aead::kAesGcm:
      return self_test::Algorithm::kAesGcm;
    case Aead::kAesCcm:
      return self_test::Algorithm::kAesCcm;
    case Aead::kChaCha20Poly1305:
      break;
  }
  return self_test::Algorithm::kChaCha20Poly1305;
}

}  // namespace

CK_RV transform(Key& key, Cipher cipher, Direction direction, Bytes iv, Bytes in,
                MutableBytes out) {
  const CK_RV rv = self_test::require(row_of(cipher).test);
  return rv != CKR_OK ? rv : unchecked::transform(key, cipher, direction, iv, in, out);
}

CK_RV seal(Aead aead, Key& key, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
           MutableBytes tag) {
  const CK_RV rv = self_test::require(test_of(aead));
  return rv != CKR_OK ? rv : unchecked::seal(aead, key, iv, aad, plaintext, ciphertext, tag);
}

CK_RV open(Aead aead, Key& key, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
           MutableBytes plaintext) {
  const CK_RV rv = self_test::require(test_of(aead));
  return rv != CKR_OK ? rv : unchecked::open(aead, key, iv, aad, ciphertext, tag, plaintext);
}

CK_RV CipherState::begin(Key& key, Cipher cipher, Direction direction, Bytes iv,
                         std::unique_ptr<CipherState>* out) {
  if (const CK_RV rv = self_test::require(row_of(cipher).test); rv != CKR_OK) return rv;
  if (const CK_RV rv = check_start(key, cipher, iv); rv != CKR_OK) return rv;
  EVP_CIPHER_CTX* const context = new_context(keyed_for(cipher, direction), key.value());
  if (context == nullptr) return CKR_HOST_MEMORY;
  auto state = std::make_unique<EvpCipherState>(context, row_of(cipher).blocks);
  if (!start(context, direction, iv)) return failed({});
  *out = std::move(state);
  return CKR_OK;
}

CK_RV CipherState::begin_sealing(Aead aead, Key& key, Bytes iv, Bytes aad,
                                 std::unique_ptr<CipherState>* out) {
  if (const CK_RV rv = self_test::require(test_of(aead)); rv != CKR_OK) return rv;
  const bool chacha20 = aead == Aead::kChaCha20Poly1305;
  if (!key_fits(key, chacha20)) return CKR_KEY_SIZE_RANGE;
  const bool iv_fits = chacha20 ? iv.size() == unchecked::kChaCha20NonceBytes
                                : !iv.empty() && iv.size() <= kGcmIvBytesMax;
  if (aead == Aead::kAesCcm || !iv_fits || aad.size() > kGcmDataBytesMax)
    return CKR_MECHANISM_PARAM_INVALID;
  EVP_CIPHER_CTX* const context =
      new_context(chacha20 ? Keyed::kChaCha20Poly1305 : Keyed::kGcm, key.value());
  if (context == nullptr) return CKR_HOST_MEMORY;
  auto state = std::make_unique<EvpCipherState>(context, false);
  if (!aead_start_sealing(context, iv, aad)) return failed({});
  *out = std::move(state);
  return CKR_OK;
}

}  // namespace strongroom::algorithms
