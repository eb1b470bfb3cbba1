// key.h: a Key with its contexts, for the files of algorithms/.
#pragma once

#include <array>
#include <memory>
#include <new>
#include <tuple>
#include <utility>

#include "token/algorithms/algorithms.h"
#include "token/algorithms/cmac_state.h"
#include "token/algorithms/hmac_state.h"
#include "token/algorithms/openssl.h"
#include "token/per_thread.h"

namespace strongroom::algorithms {

// The keyed contexts a thread keeps of a key. Those of block modes and CCM know one direction
// alone: schedules differ, or the code that uses them.
enum class Keyed : unsigned char {
  kGcm,
  kCcmSeal,
  kCcmOpen,
  kEcbEncrypt,
  kEcbDecrypt,
  kCbcEncrypt,
  kCbcDecrypt,
  kCtr,
  kChaCha20,
  kChaCha20Poly1305,
  kCount
};

// new_context: a context for the key that gives out every whole block. Null: out of memory, or the
// cipher takes no key of this length.
EVP_CIPHER_CTX* new_context(Keyed which, Bytes key);

// What one thread keeps of one key. Freeing cleanses schedules and MAC states (OpenSSL's promise).
class Contexts {
 public:
  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts();

  // Made on first use with the key's bytes straight from the arena. Null: as new_context.
  EVP_CIPHER_CTX* cipher(Keyed which, Bytes key) {
    EVP_CIPHER_CTX*& mine = ciphers_[static_cast<std::size_t>(which)];
    if (mine == nullptr) mine = new_context(which, key);
    return mine;
  }
  CmacState* cmac(Bytes key) {
    if (cmac_ == nullptr) {
      cmac_.reset(new (std::nothrow) CmacState);
      if (cmac_ != nullptr && !cmac_->set_key(key)) cmac_.reset();
    }
    return cmac_.get();
  }
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
  void discard(Keyed which);
  void discard_cmac() { cmac_.reset(); }
  template <Hash kHash>
  void discard_hmac() {
    std::get<Hmac<kHash>>(hmacs_).reset();
  }

 private:
  template <Hash kHash>
  using Hmac = std::unique_ptr<HmacState<kHash>>;
  std::array<EVP_CIPHER_CTX*, static_cast<std::size_t>(Keyed::kCount)> ciphers_{};
  std::unique_ptr<CmacState> cmac_;
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

  EVP_CIPHER_CTX* cipher(Keyed which) {
    return contexts_ != nullptr ? contexts_->cipher(which, key_.value()) : nullptr;
  }
  CmacState* cmac() { return contexts_ != nullptr ? contexts_->cmac(key_.value()) : nullptr; }
  template <Hash kHash>
  HmacState<kHash>* hmac() {
    return contexts_ != nullptr ? contexts_->hmac<kHash>(key_.value()) : nullptr;
  }
  void discard(Keyed which) { contexts_->discard(which); }
  void discard_cmac() { contexts_->discard_cmac(); }
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
