#include "token/algorithms/evp_key.h"

#include <new>

namespace strongroom::algorithms {
namespace {

OSSL_PARAM word(const char* name, const char* value) {
  // OSSL_PARAM has no const pointer; these are only read.
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

// Padding parameters. Their names are the same strings for signatures and encryption, but for the
// hash's.
class Parameters {
 public:
  Parameters(const EvpUse& use, Bytes label) : salt_length_(use.salt_length) {
    std::size_t count = 0;
    switch (use.padding) {
      case EvpUse::Padding::kNone:
        break;
      case EvpUse::Padding::kPkcs1:
        list_[count++] = word(OSSL_PKEY_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
        break;
      case EvpUse::Padding::kPss:
        list_[count++] = word(OSSL_PKEY_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PSS);
        list_[count++] = word(OSSL_SIGNATURE_PARAM_DIGEST, name_of(use.hash));
        list_[count++] = word(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, name_of(use.mgf1));
        list_[count++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt_length_);
        break;
      case EvpUse::Padding::kOaep:
        list_[count++] = word(OSSL_PKEY_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_OAEP);
        list_[count++] = word(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, name_of(use.hash));
        list_[count++] = word(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, name_of(use.mgf1));
        if (!label.empty())
          list_[count++] = OSSL_PARAM_construct_octet_string(
              OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, const_cast<std::uint8_t*>(label.data()),
              label.size());
        break;
    }
    list_[count] = OSSL_PARAM_construct_end();
  }
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;
  const OSSL_PARAM* list() const { return list_.data(); }

 private:
  int salt_length_;
  std::array<OSSL_PARAM, 5> list_;
};

int start(EVP_PKEY_CTX* context, EvpUse::Kind kind, const OSSL_PARAM* parameters) {
  switch (kind) {
    case EvpUse::Kind::kSign:
      return EVP_PKEY_sign_init_ex(context, parameters);
    case EvpUse::Kind::kVerify:
      return EVP_PKEY_verify_init_ex(context, parameters);
    case EvpUse::Kind::kEncrypt:
      return EVP_PKEY_encrypt_init_ex(context, parameters);
    case EvpUse::Kind::kDecrypt:
      break;
  }
  return EVP_PKEY_decrypt_init_ex(context, parameters);
}

EVP_PKEY_CTX* make_context(EVP_PKEY* key, const EvpUse& use, Bytes label) {
  OwnedPkeyContext context(EVP_PKEY_CTX_new_from_pkey(library()->context, key, nullptr));
  if (context == nullptr || start(context.get(), use.kind, Parameters(use, label).list()) != 1)
    return nullptr;
  return context.release();
}

}  // namespace

EvpContexts::~EvpContexts() {
  for (const Entry& entry : entries_) EVP_PKEY_CTX_free(entry.context);
}

EVP_PKEY_CTX* EvpContexts::get(EVP_PKEY* key, const EvpUse& use) {
  for (const Entry& entry : entries_)
    if (entry.context != nullptr && entry.use == use) return entry.context;
  EVP_PKEY_CTX* const made = make_context(key, use, {});
  if (made == nullptr) return nullptr;
  Entry& entry = entries_[oldest_];
  oldest_ = (oldest_ + 1) % entries_.size();
  EVP_PKEY_CTX_free(entry.context);
  entry = {use, made};
  return made;
}

void EvpContexts::discard(const EvpUse& use) {
  for (Entry& entry : entries_) {
    if (entry.context == nullptr || entry.use != use) continue;
    EVP_PKEY_CTX_free(entry.context);
    entry.context = nullptr;
  }
}

EvpKey::~EvpKey() {
  for (EvpContexts* contexts : contexts_) delete contexts;
}

EvpLease::EvpLease(EvpKey& key, const EvpUse& use, Bytes label) : use_(use) {
  const std::size_t number = thread_number();
  if (number == kNoThreadNumber || !label.empty()) {
    context_ = make_context(key.get(), use, label);
    return;
  }
  EvpContexts*& mine = key.contexts_[number];
  if (mine == nullptr) mine = new (std::nothrow) EvpContexts;
  kept_in_ = mine;
  if (mine != nullptr) context_ = mine->get(key.get(), use);
}

EvpLease::~EvpLease() {
  if (kept_in_ == nullptr) EVP_PKEY_CTX_free(context_);
}

void EvpLease::discard() {
  if (kept_in_ == nullptr) return;
  kept_in_->discard(use_);
  context_ = nullptr;
}

OwnedPkey import_key(const char* type, int selection, const OSSL_PARAM* numbers) {
  const OwnedPkeyContext context(EVP_PKEY_CTX_new_from_name(library()->context, type, nullptr));
  EVP_PKEY* key = nullptr;
  // EVP takes the list through a pointer to non-const and only reads it.
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, const_cast<OSSL_PARAM*>(numbers)) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return OwnedPkey(key);
}

}  // namespace strongroom::algorithms
