#include "token/algorithms/digest_state.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "token/algorithms/openssl.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

class EvpDigestState final : public DigestState {
 public:
  explicit EvpDigestState(EVP_MD_CTX* context) : context_(context) {}
  EvpDigestState(const EvpDigestState&) = delete;
  EvpDigestState& operator=(const EvpDigestState&) = delete;
  ~EvpDigestState() override { EVP_MD_CTX_free(context_); }

  CK_RV add(Bytes part) override {
    return outcome(part.empty() || EVP_DigestUpdate(context_, part.data(), part.size()) == 1);
  }
  CK_RV finish(MutableBytes digest) override {
    return outcome(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  }

 private:
  static CK_RV outcome(bool succeeded) {
    if (!succeeded) ERR_clear_error();
    return succeeded ? CKR_OK : CKR_FUNCTION_FAILED;
  }
  EVP_MD_CTX* context_;
};

}  // namespace

CK_RV DigestState::begin(Hash hash, std::unique_ptr<DigestState>* out) {
  if (const CK_RV rv = self_test::require(self_test::hash_alone(hash)); rv != CKR_OK) return rv;
  const Library* const algorithms = library();
  EVP_MD_CTX* const context = algorithms != nullptr ? EVP_MD_CTX_new() : nullptr;
  if (context == nullptr) return CKR_HOST_MEMORY;
  *out = std::make_unique<EvpDigestState>(context);
  if (EVP_DigestInit_ex2(context, algorithms->hashes[static_cast<std::size_t>(hash)], nullptr) == 1)
    return CKR_OK;
  ERR_clear_error();
  out->reset();
  return CKR_HOST_MEMORY;
}

}  // namespace strongroom::algorithms
