// OpenSSL fetches an EVP_RAND by name and makes three of it: a primary one for the context, a
// public and a private one for each thread. Ours have no state: all of them are the token's DRBG,
// which has an instance for each thread itself.
#include "token/algorithms/random_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "token/drbg/drbg.h"

namespace strongroom::algorithms {
namespace {

constexpr char kProvider[] = "strongroom";
constexpr char kGenerator[] = "STRONGROOM-DRBG";
constexpr unsigned kStrengthBits = 256;
constexpr std::size_t kRequestBytesMax = std::size_t{1} << 16;  // SP 800-90A: 2^19 bits

// Since the last OpenSslCall of the thread.
thread_local CK_RV refusal = CKR_OK;

thread_local bool fixed = false;
thread_local std::uint8_t fixed_next = 0;

char instance;  // nothing is kept, but a null context would mean failure

void* new_context(void*, void*, const OSSL_DISPATCH*) { return &instance; }
void free_context(void*) {}
int instantiate(void*, unsigned strength, int, const unsigned char*, std::size_t,
                const OSSL_PARAM*) {
  return strength <= kStrengthBits ? 1 : 0;
}
int uninstantiate(void*) { return 1; }

int generate(void*, unsigned char* out, std::size_t length, unsigned strength, int,
             const unsigned char*, std::size_t) {
  if (strength > kStrengthBits) return 0;
  if (fixed) {
    for (std::size_t i = 0; i < length; ++i) out[i] = fixed_next++;
    return 1;
  }
  const CK_RV rv = drbg::generate({out, length});
  if (rv != CKR_OK) refusal = rv;
  return rv == CKR_OK ? 1 : 0;
}

// No state, no lock; but OpenSSL does not take a primary one that cannot be locked.
int enable_locking(void*) { return 1; }
int lock(void*) { return 1; }
void unlock(void*) {}

const OSSL_PARAM* gettable(void*, void*) {
  static const OSSL_PARAM kParameters[] = {
      OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, nullptr),
      OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, nullptr),
      OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, nullptr),
      OSSL_PARAM_END,
  };
  return kParameters;
}

int get_parameters(void*, OSSL_PARAM parameters[]) {
  OSSL_PARAM* const state = OSSL_PARAM_locate(parameters, OSSL_RAND_PARAM_STATE);
  OSSL_PARAM* const strength = OSSL_PARAM_locate(parameters, OSSL_RAND_PARAM_STRENGTH);
  OSSL_PARAM* const request = OSSL_PARAM_locate(parameters, OSSL_RAND_PARAM_MAX_REQUEST);
  return (state == nullptr || OSSL_PARAM_set_int(state, EVP_RAND_STATE_READY) == 1) &&
                 (strength == nullptr || OSSL_PARAM_set_uint(strength, kStrengthBits) == 1) &&
                 (request == nullptr || OSSL_PARAM_set_size_t(request, kRequestBytesMax) == 1)
             ? 1
             : 0;
}

// A dispatch table holds every function as one type and its number tells which it is.
template <class Function>
constexpr OSSL_DISPATCH entry(int number, Function* function) {
  return {number, reinterpret_cast<void (*)()>(function)};
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_RAND_NEWCTX, new_context),
      entry(OSSL_FUNC_RAND_FREECTX, free_context),
      entry(OSSL_FUNC_RAND_INSTANTIATE, instantiate),
      entry(OSSL_FUNC_RAND_UNINSTANTIATE, uninstantiate),
      entry(OSSL_FUNC_RAND_GENERATE, generate),
      entry(OSSL_FUNC_RAND_ENABLE_LOCKING, enable_locking),
      entry(OSSL_FUNC_RAND_LOCK, lock),
      entry(OSSL_FUNC_RAND_UNLOCK, unlock),
      entry(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, gettable),
      entry(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_parameters),
      {0, nullptr},
  };
  static const OSSL_ALGORITHM kGenerators[] = {
      {kGenerator, "provider=strongroom", kFunctions, "the token's CTR_DRBG"},
      {nullptr, nullptr, nullptr, nullptr},
  };
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? kGenerators : nullptr;
}

int initialise(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
               void** context) {
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
      {0, nullptr},
  };
  *out = kFunctions;
  *context = &instance;
  return 1;
}

}  // namespace

bool use_token_drbg(OSSL_LIB_CTX* context) {
  return OSSL_PROVIDER_add_builtin(context, kProvider, initialise) == 1 &&
         OSSL_PROVIDER_load(context, kProvider) != nullptr &&
         RAND_set_DRBG_type(context, kGenerator, nullptr, nullptr, nullptr) == 1;
}

OpenSslCall::OpenSslCall() { refusal = CKR_OK; }

CK_RV OpenSslCall::outcome(bool succeeded, CK_RV failure) const {
  if (succeeded) return CKR_OK;
  const bool out_of_memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
  ERR_clear_error();
  if (refusal != CKR_OK) return refusal;
  return out_of_memory ? CKR_HOST_MEMORY : failure;
}

FixedRandomness::FixedRandomness() {
  fixed = true;
  fixed_next = 0;
}

FixedRandomness::~FixedRandomness() { fixed = false; }

}  // namespace strongroom::algorithms
