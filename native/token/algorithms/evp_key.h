// evp_key.h: an OpenSSL key and what each thread keeps ready for using it.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include "token/algorithms/hash.h"
#include "token/algorithms/openssl.h"
#include "token/per_thread.h"
#include "token/secure_memory.h"

namespace strongroom::algorithms {

struct FreePkey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using OwnedPkey = std::unique_ptr<EVP_PKEY, FreePkey>;
using OwnedPkeyContext = std::unique_ptr<EVP_PKEY_CTX, FreePkey>;

// What a context of a key has been set up to do. Making one costs more than most uses of it.
struct EvpUse {
  enum class Kind : std::uint8_t { kSign, kVerify, kEncrypt, kDecrypt };
  enum class Padding : std::uint8_t { kNone, kPkcs1, kPss, kOaep };
  Kind kind;
  Padding padding = Padding::kNone;
  Hash hash = Hash::kSha256;  // kPss, kOaep
  Hash mgf1 = Hash::kSha256;
  std::uint16_t salt_length = 0;  // kPss

  bool operator==(const EvpUse&) const = default;
};

// One thread's contexts of one key: the last few uses.
class EvpContexts {
 public:
  EvpContexts() = default;
  EvpContexts(const EvpContexts&) = delete;
  EvpContexts& operator=(const EvpContexts&) = delete;
  ~EvpContexts();

  // Null: OpenSSL cannot do this with that key, or out of memory.
  EVP_PKEY_CTX* get(EVP_PKEY* key, const EvpUse& use);
  void discard(const EvpUse& use);

 private:
  struct Entry {
    EvpUse use{EvpUse::Kind::kSign};
    EVP_PKEY_CTX* context = nullptr;
  };
  std::array<Entry, 4> entries_;
  std::size_t oldest_ = 0;
};

// EvpKey: shared by all threads; not changed after it is made.
class EvpKey {
 public:
  explicit EvpKey(OwnedPkey key) : key_(std::move(key)) {}
  EvpKey(const EvpKey&) = delete;
  EvpKey& operator=(const EvpKey&) = delete;
  ~EvpKey();
  EVP_PKEY* get() const { return key_.get(); }

 private:
  friend class EvpLease;
  OwnedPkey key_;
  // As in KeyWithContexts (key.h).
  std::array<EvpContexts*, kThreadNumbers> contexts_{};
};

// EvpLease: a context of a key for one operation. One with an OAEP label is not kept.
class EvpLease {
 public:
  EvpLease(EvpKey& key, const EvpUse& use, Bytes label = {});
  EvpLease(const EvpLease&) = delete;
  EvpLease& operator=(const EvpLease&) = delete;
  ~EvpLease();

  EVP_PKEY_CTX* get() { return context_; }
  // After an unexpected failure a context is in no known state.
  void discard();

 private:
  EvpUse use_;
  EvpContexts* kept_in_ = nullptr;  // null: the context ends with the lease
  EVP_PKEY_CTX* context_ = nullptr;
};

// A key from its numbers; type "RSA" or "EC", selection EVP_PKEY_PUBLIC_KEY or EVP_PKEY_KEYPAIR.
// Null: OpenSSL refuses them, or out of memory.
OwnedPkey import_key(const char* type, int selection, const OSSL_PARAM* numbers);

}  // namespace strongroom::algorithms
