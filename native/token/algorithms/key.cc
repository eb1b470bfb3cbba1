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

Contexts::~Contexts() { discard_gcm(); }

void Contexts::discard_gcm() {
  EVP_CIPHER_CTX_free(gcm_);
  gcm_ = nullptr;
}

EVP_CIPHER_CTX* Contexts::gcm(Bytes key) {
  if (gcm_ != nullptr) return gcm_;
  const Library* const algorithms = library();
  if (algorithms == nullptr) return nullptr;
  EVP_CIPHER* const cipher = for_key_length(algorithms->gcm, key.size());
  if (cipher == nullptr) return nullptr;
  gcm_ = EVP_CIPHER_CTX_new();
  if (gcm_ != nullptr && EVP_CipherInit_ex2(gcm_, cipher, key.data(), nullptr, 1, nullptr) != 1)
    discard_gcm();
  return gcm_;
}

}  // namespace strongroom::algorithms
