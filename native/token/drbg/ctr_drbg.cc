#include "token/drbg/ctr_drbg.h"

#include <ctime>
#include <memory>

namespace strongroom::drbg {
namespace {

using algorithms::given;
using algorithms::library;

constexpr unsigned kStrengthBits = 256;

// Drops what OpenSSL queued about a failure, so that the host does not find it.
bool settle(int result) {
  if (result == 1) return true;
  ERR_clear_error();
  return false;
}

OSSL_PARAM octets(const char* name, Bytes bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(given(bytes.data())),
                                           bytes.size());
}

struct FreeContext {
  void operator()(EVP_RAND_CTX* context) const { EVP_RAND_CTX_free(context); }
};

}  // namespace

bool CtrDrbg::instantiate(EVP_RAND_CTX* parent, Bytes personalization, unsigned reseed_requests) {
  context_ = EVP_RAND_CTX_new(library()->ctr_drbg, parent);
  char cipher[] = "AES-256-CTR";
  int use_derivation_function = 1;
  std::time_t no_interval = 0;  // reseeding follows counters and requests, not a clock
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_int(OSSL_DRBG_PARAM_USE_DF, &use_derivation_function),
      OSSL_PARAM_construct_uint(OSSL_DRBG_PARAM_RESEED_REQUESTS, &reseed_requests),
      OSSL_PARAM_construct_time_t(OSSL_DRBG_PARAM_RESEED_TIME_INTERVAL, &no_interval),
      OSSL_PARAM_construct_end(),
  };
  // A null personalization string would make OpenSSL put in one of its own.
  if (context_ != nullptr &&
      settle(EVP_RAND_instantiate(context_, kStrengthBits, 0, given(personalization.data()),
                                  personalization.size(), parameters)))
    return true;
  EVP_RAND_CTX_free(context_);
  context_ = nullptr;
  return false;
}

bool CtrDrbg::reseed(Bytes entropy, Bytes additional_input) {
  return settle(EVP_RAND_reseed(context_, 0, entropy.empty() ? nullptr : entropy.data(),
                                entropy.size(), given(additional_input.data()),
                                additional_input.size()));
}

bool CtrDrbg::generate(MutableBytes out, Bytes additional_input) {
  return settle(EVP_RAND_generate(context_, out.data(), out.size(), kStrengthBits, 0,
                                  given(additional_input.data()), additional_input.size()));
}

bool replay(const Replay& vector, MutableBytes out) {
  if (library() == nullptr) return false;
  const std::unique_ptr<EVP_RAND_CTX, FreeContext> source(
      EVP_RAND_CTX_new(library()->fixed_source, nullptr));
  unsigned strength = kStrengthBits;
  const OSSL_PARAM seed[] = {
      OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
      octets(OSSL_RAND_PARAM_TEST_ENTROPY, vector.entropy),
      octets(OSSL_RAND_PARAM_TEST_NONCE, vector.nonce),
      OSSL_PARAM_construct_end(),
  };
  const OSSL_PARAM second_seed[] = {
      octets(OSSL_RAND_PARAM_TEST_ENTROPY, vector.entropy_reseed),
      OSSL_PARAM_construct_end(),
  };
  CtrDrbg instance;
  return source != nullptr &&
         settle(EVP_RAND_instantiate(source.get(), kStrengthBits, 0, nullptr, 0, seed)) &&
         instance.instantiate(source.get(), vector.personalization, 0) &&
         settle(EVP_RAND_CTX_set_params(source.get(), second_seed)) &&
         instance.reseed({}, vector.additional_reseed) &&
         instance.generate(out, vector.additional_1) && instance.generate(out, vector.additional_2);
}

}  // namespace strongroom::drbg
