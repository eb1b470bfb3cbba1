// key.h: a Key with its contexts, for the files of algorithms/.
#pragma once

#include <array>
#include <memory>
#include <new>
#include <tuple>
#include <utility>

#include "token/algorithms/algorithms.h"
#include "token/algorithms/hmac_state.h"
#include "token/algorithms/openssl.h"
#include "token/per_thread.h"

namespace strongroom::algorithms {

// What one thread keeps of one key. Freeing cleanses schedules and MAC states (OpenSSL's promise).
class Contexts {
 public:
  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts();

  // Made on first use with the key's bytes straight from the arena. Null: out of memory, or not an
  // AES key.
  EVP_CIPHER_CTX* gcm(Bytes key);
  template <Hash kHash>
  HmacState<kHash>* hmac(Bytes key) {
    Hmac<kHash>& state = std::get<Hmac<kHash>>(hmacs_);
    if (state == nullptr) {
      state.reset(new (std::nothrow) HmacState<kHash>);
      if (state != nullptr && !state->set_key(key)) state.reset();
    }
    return state.get();
  }
  // After an unexpected failure a context is in no known state.
  void discard_gcm();
  template <Hash kHash>
  void discard_hmac() {
    std::get<Hmac<kHash>>(hmacs_).reset();
  }

 private:
  template <Hash kHash>
  using Hmac = std::unique_ptr<HmacState<kHash>>;
  EVP_CIPHER_CTX* gcm_ = nullptr;
  std::tuple<Hmac<Hash::kSha1>, Hmac<Hash::kSha224>, Hmac<Hash::kSha256>, Hmac<Hash::kSha384>,
             Hmac<Hash::kSha512>>
      hmacs_;
};

class KeyWithContexts final : public Key {
 public:
  explicit KeyWithContexts(Secret value) : value_(std::move(value)) {}
  ~KeyWithContexts() override;
  Bytes value() const override { return value_.bytes(); }

 private:
  friend class Lease;
  Secret value_;
  // By thread number. An entry is touched by the thread that holds the number and by the destructor
  // only; the hand-over of numbers and the last release of the key order those accesses.
  std::array<Contexts*, kThreadNumbers> contexts_{};
};

// Lease: the calling thread's contexts of a key, for the length of one operation. A thread without
// a number gets contexts that end with the lease.
class Lease {
 public:
  // Key::make is the only maker of keys, so every Key is one with contexts.
  explicit Lease(Key& key);
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    if (temporary_) delete contexts_;
  }

  EVP_CIPHER_CTX* gcm() { return contexts_ != nullptr ? contexts_->gcm(key_.value()) : nullptr; }
  template <Hash kHash>
  HmacState<kHash>* hmac() {
    return contexts_ != nullptr ? contexts_->hmac<kHash>(key_.value()) : nullptr;
  }
  void discard_gcm() { contexts_->discard_gcm(); }
  template <Hash kHash>
  void discard_hmac() {
    contexts_->discard_hmac<kHash>();
  }

 private:
  KeyWithContexts& key_;
  Contexts* contexts_ = nullptr;
  bool temporary_ = false;
};

}  // namespace strongroom::algorithms
