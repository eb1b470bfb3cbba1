// The hashes (FIPS 180-4), PBKDF2 (SP 800-132, RFC 8018) and comparison in constant time.
#include <openssl/crypto.h>

#include <memory>

#include "token/algorithms/asymmetric.h"
#include "token/algorithms/openssl.h"
#include "token/algorithms/unchecked.h"
#include "token/per_thread.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

struct DigestContext {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  DigestContext() = default;
  DigestContext(const DigestContext&) = delete;
  DigestContext& operator=(const DigestContext&) = delete;
  ~DigestContext() { EVP_MD_CTX_free(context); }
};

constinit PerThread<DigestContext> digest_contexts;

struct FreeKdf {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

OSSL_PARAM octets(const char* name, Bytes bytes) {
  // OSSL_PARAM has no const pointer; these are only read.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(given(bytes.data())),
                                           bytes.size());
}

}  // namespace

namespace unchecked {

CK_RV digest(Hash hash, Bytes data, MutableBytes out) {
  if (out.size() != hash_length(hash)) return CKR_ARGUMENTS_BAD;
  const Library* const algorithms = library();
  DigestContext* const own = digest_contexts.get();
  if (algorithms == nullptr || own == nullptr || own->context == nullptr) return CKR_HOST_MEMORY;
  EVP_MD* const algorithm = algorithms->hashes[static_cast<std::size_t>(hash)];
  if (EVP_DigestInit_ex2(own->context, algorithm, nullptr) == 1 &&
      EVP_DigestUpdate(own->context, given(data.data()), data.size()) == 1 &&
      EVP_DigestFinal_ex(own->context, out.data(), nullptr) == 1)
    return CKR_OK;
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

CK_RV sha256(Bytes data, MutableBytes out) { return unchecked::digest(Hash::kSha256, data, out); }

CK_RV pbkdf2_hmac_sha256(Bytes password, Bytes salt, unsigned iterations, MutableBytes out) {
  if (iterations == 0 || out.empty()) return CKR_ARGUMENTS_BAD;
  const Library* const algorithms = library();
  if (algorithms == nullptr) return CKR_HOST_MEMORY;
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(EVP_KDF_CTX_new(algorithms->pbkdf2));
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_PASSWORD, password),
      octets(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
      OSSL_PARAM_construct_end(),
  };
  if (context == nullptr) return CKR_HOST_MEMORY;
  if (EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1) return CKR_OK;
  wipe(out.data(), out.size());
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

}  // namespace unchecked

CK_RV sha256(Bytes data, MutableBytes digest) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kSha256);
  return rv != CKR_OK ? rv : unchecked::sha256(data, digest);
}

CK_RV digest(Hash hash, Bytes data, MutableBytes out) {
  const CK_RV rv = self_test::require(self_test::hash_alone(hash));
  return rv != CKR_OK ? rv : unchecked::digest(hash, data, out);
}

CK_RV pbkdf2_hmac_sha256(Bytes password, Bytes salt, unsigned iterations, MutableBytes out) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kPbkdf2);
  return rv != CKR_OK ? rv : unchecked::pbkdf2_hmac_sha256(password, salt, iterations, out);
}

bool equal_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace strongroom::algorithms
