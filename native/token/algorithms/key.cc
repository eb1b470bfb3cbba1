#include "token/algorithms/key.h"

#include <new>
#include <utility>

namespace strongroom::algorithms {

std::shared_ptr<Key> Key::make(Secret value) {
  try {
    return std::make_shared<KeyWithContexts>(std::move(value));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

KeyWithContexts::~KeyWithContexts() {
  for (Contexts* contexts : contexts_) delete contexts;
}

Lease::Lease(Key& key) : key_(static_cast<KeyWithContexts&>(key)) {
  const std::size_t number = thread_number();
  if (number == kNoThreadNumber) {
    contexts_ = new (std::nothrow) Contexts;
    temporary_ = true;
    return;
  }
  Contexts*& mine = key_.contexts_[number];
  if (mine == nullptr) mine = new (std::nothrow) Contexts;
  contexts_ = mine;
}

Contexts::~Contexts() {
  for (EVP_CIPHER_CTX* context : ciphers_) EVP_CIPHER_CTX_free(context);
}

void Contexts::discard(Keyed which) {
  EVP_CIPHER_CTX*& mine = ciphers_[static_cast<std::size_t>(which)];
  EVP_CIPHER_CTX_free(mine);
  mine = nullptr;
}

EVP_CIPHER_CTX* new_context(Keyed which, Bytes key) {
  struct Row {
    CipherMode mode;
    int encrypts;
    bool holds_back = false;  // a last block that may be padding, unless told not to
  };
  static constexpr std::array<Row, static_cast<std::size_t>(Keyed::kCount)> kRows = {{
      {CipherMode::kAesGcm, 1},
      {CipherMode::kAesCcm, 1},
      {CipherMode::kAesCcm, 0},
      {CipherMode::kAesEcb, 1},
      {CipherMode::kAesEcb, 0, true},
      {CipherMode::kAesCbc, 1},
      {CipherMode::kAesCbc, 0, true},
      {CipherMode::kAesCtr, 1},
      {CipherMode::kChaCha20, 1},
      {CipherMode::kChaCha20Poly1305, 1},
  }};
  const Row& row = kRows[static_cast<std::size_t>(which)];
  EVP_CIPHER* const cipher = cipher_for(row.mode, key.size());
  EVP_CIPHER_CTX* const context = cipher != nullptr ? EVP_CIPHER_CTX_new() : nullptr;
  if (context == nullptr) return nullptr;
  if (EVP_CipherInit_ex2(context, cipher, key.data(), nullptr, row.encrypts, nullptr) == 1 &&
      // A context that was told so says it again at every start: only where it has to be.
      (!row.holds_back || EVP_CIPHER_CTX_set_padding(context, 0) == 1))
    return context;
  EVP_CIPHER_CTX_free(context);
  ERR_clear_error();
  return nullptr;
}

}  // namespace strongroom::algorithms
