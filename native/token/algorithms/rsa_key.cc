// RSA keys: making them from their numbers and generating them (FIPS 186-5 A.1.3).
//
// The numbers of a private key pass from the arena to OpenSSL as they are. OpenSSL then keeps them,
// and p's and q's Montgomery forms, in its own heap as long as the key lives: its providers offer
// no other place for RSA. It cleanses them with the key.
#include <openssl/bn.h>

#include <algorithm>
#include <bit>
#include <new>

#include "token/algorithms/asymmetric_key.h"
#include "token/algorithms/random_provider.h"
#include "token/no_wait.h"
#include "token/self_test/pairwise.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kExponentBytesMax = 8;  // OpenSSL's own limit for moduli above 3072 bits
constexpr std::size_t kNumberCount = 8;

Bytes without_leading_zeros(Bytes number) {
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  return number;
}

std::size_t bit_length(Bytes number) {
  return number.empty() ? 0
                        : number.size() * 8 - static_cast<std::size_t>(std::countl_zero(number[0]));
}

bool is_odd(Bytes number) { return !number.empty() && (number.back() & 1) != 0; }

// The limits of FIPS 186-5 5.1 on what can be seen of a public key, but for exponents from 3 to
// 65535, which old keys have.
bool acceptable(const RsaPublicNumbers& key) {
  const std::size_t bits = bit_length(key.modulus);
  return bits >= kModulusBitsMin && bits <= kModulusBitsMax && is_odd(key.modulus) &&
         key.exponent.size() <= kExponentBytesMax && is_odd(key.exponent) &&
         bit_length(key.exponent) >= 2;
}

// OSSL_PARAM takes numbers in the machine's order of bytes.
void copy_native(Bytes big_endian, std::uint8_t* out) {
  if constexpr (std::endian::native == std::endian::little)
    std::ranges::reverse_copy(big_endian, out);
  else
    std::ranges::copy(big_endian, out);
}

// One of OpenSSL's key parameters with room for its number in the arena.
struct Parameter {
  const char* name;
  Bytes RsaNumbers::*number;
};

constexpr std::array<Parameter, kNumberCount> kParameters = {{
    {OSSL_PKEY_PARAM_RSA_N, &RsaNumbers::modulus},
    {OSSL_PKEY_PARAM_RSA_E, &RsaNumbers::exponent},
    {OSSL_PKEY_PARAM_RSA_D, &RsaNumbers::private_exponent},
    {OSSL_PKEY_PARAM_RSA_FACTOR1, &RsaNumbers::prime1},
    {OSSL_PKEY_PARAM_RSA_FACTOR2, &RsaNumbers::prime2},
    {OSSL_PKEY_PARAM_RSA_EXPONENT1, &RsaNumbers::exponent1},
    {OSSL_PKEY_PARAM_RSA_EXPONENT2, &RsaNumbers::exponent2},
    {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &RsaNumbers::coefficient},
}};

// The first `count` numbers of a key as OpenSSL takes them. Null: it refuses them, or out of
// memory.
OwnedPkey import_numbers(const RsaNumbers& key, std::size_t count) {
  Secret native(kNumberCount * kModulusBytesMax);
  if (!native) return nullptr;
  std::array<OSSL_PARAM, kNumberCount + 1> list;
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes number = key.*kParameters[i].number;
    std::uint8_t* const room = native.data() + i * kModulusBytesMax;
    copy_native(number, room);
    list[i] = OSSL_PARAM_construct_BN(kParameters[i].name, room, number.size());
  }
  list[count] = OSSL_PARAM_construct_end();
  return import_key("RSA", count > 2 ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, list.data());
}

// BIGNUMs of a key in the secure heap, for as long as its consistency is looked at.
class Arithmetic {
 public:
  explicit Arithmetic(OSSL_LIB_CTX* library_context)
      : context_(BN_CTX_secure_new_ex(library_context)) {
    if (context_ != nullptr) BN_CTX_start(context_);
  }
  Arithmetic(const Arithmetic&) = delete;
  Arithmetic& operator=(const Arithmetic&) = delete;
  ~Arithmetic() {
    if (context_ != nullptr) BN_CTX_end(context_);
    BN_CTX_free(context_);
  }

  BIGNUM* number() {
    BIGNUM* const made = context_ != nullptr ? BN_CTX_get(context_) : nullptr;
    // Set before any use: division then runs in a time that does not tell the numbers.
    if (made != nullptr) BN_set_flags(made, BN_FLG_CONSTTIME);
    return made;
  }
  BIGNUM* number(Bytes big_endian) {
    BIGNUM* const made = number();
    const int length = static_cast<int>(big_endian.size());
    return made != nullptr && BN_bin2bn(big_endian.data(), length, made) != nullptr ? made
                                                                                    : nullptr;
  }
  BN_CTX* context() { return context_; }

 private:
  BN_CTX* context_;
};

// SP 800-56B 6.4.1.4.3 (rsakpv2-crt) but for the primality of p and q, which would take a hundred
// times as long as all else: a wrapped key was made by whom wrapped it, and one with wrong factors
// fails only its owner. *consistent is set when the answer is CKR_OK.
CK_RV check_consistency(const RsaNumbers& key, bool* consistent) {
  *consistent = false;
  for (const Bytes prime : {key.prime1, key.prime2})
    if (!is_odd(prime) || bit_length(prime) < 2) return CKR_OK;
  const OpenSslCall call;
  Arithmetic numbers(library()->context);
  BN_CTX* const context = numbers.context();
  BIGNUM* const n = numbers.number(key.modulus);
  BIGNUM* const e = numbers.number(key.exponent);
  BIGNUM* const d = numbers.number(key.private_exponent);
  BIGNUM* const result = numbers.number();
  if (n == nullptr || e == nullptr || d == nullptr || result == nullptr)
    return call.outcome(false, CKR_HOST_MEMORY);

  struct Half {
    Bytes prime, exponent;
  };
  std::array<BIGNUM*, 2> primes{};
  std::size_t index = 0;
  for (const Half& half : {Half{key.prime1, key.exponent1}, Half{key.prime2, key.exponent2}}) {
    BIGNUM* const p = numbers.number(half.prime);
    BIGNUM* const p_minus_1 = numbers.number(half.prime);
    BIGNUM* const dp = numbers.number(half.exponent);
    if (p == nullptr || p_minus_1 == nullptr || dp == nullptr || BN_sub_word(p_minus_1, 1) != 1)
      return call.outcome(false, CKR_HOST_MEMORY);
    // e·d ≡ 1 and dp ≡ d (mod p - 1)
    if (BN_mod_mul(result, e, d, p_minus_1, context) != 1)
      return call.outcome(false, CKR_FUNCTION_FAILED);
    if (BN_is_one(result) != 1) return CKR_OK;
    if (BN_nnmod(result, d, p_minus_1, context) != 1)
      return call.outcome(false, CKR_FUNCTION_FAILED);
    if (BN_cmp(result, dp) != 0) return CKR_OK;
    primes[index++] = p;
  }
  const auto [p, q] = primes;
  BIGNUM* const coefficient = numbers.number(key.coefficient);
  if (coefficient == nullptr || BN_mul(result, p, q, context) != 1)
    return call.outcome(false, CKR_HOST_MEMORY);
  if (BN_cmp(result, n) != 0 || BN_cmp(p, q) == 0 || BN_cmp(d, n) >= 0 ||
      BN_cmp(coefficient, p) >= 0)
    return CKR_OK;
  if (BN_mod_mul(result, coefficient, q, p, context) != 1)
    return call.outcome(false, CKR_FUNCTION_FAILED);
  *consistent = BN_is_one(result) == 1;
  return CKR_OK;
}

// Reads the numbers of a key that OpenSSL has made straight into the arena and writes them down.
Secret encode(EVP_PKEY* key) {
  Secret native(kNumberCount * kModulusBytesMax);
  Secret big_endian(kNumberCount * kModulusBytesMax);
  if (!native || !big_endian) return {};
  std::array<OSSL_PARAM, kNumberCount + 1> list;
  for (std::size_t i = 0; i < kNumberCount; ++i)
    list[i] = OSSL_PARAM_construct_BN(kParameters[i].name, native.data() + i * kModulusBytesMax,
                                      kModulusBytesMax);
  list[kNumberCount] = OSSL_PARAM_construct_end();
  if (EVP_PKEY_get_params(key, list.data()) != 1) return {};
  RsaNumbers numbers;
  for (std::size_t i = 0; i < kNumberCount; ++i) {
    if (OSSL_PARAM_modified(&list[i]) != 1) return {};
    std::uint8_t* const room = big_endian.data() + i * kModulusBytesMax;
    copy_native({native.data() + i * kModulusBytesMax, list[i].return_size}, room);
    numbers.*kParameters[i].number = without_leading_zeros({room, list[i].return_size});
  }
  return write_pkcs8(numbers);
}

CK_RV generate(std::size_t bits, Secret* value) {
  const OpenSslCall call;
  const OwnedPkeyContext context(EVP_PKEY_CTX_new_from_name(library()->context, "RSA", nullptr));
  std::size_t modulus_bits = bits;
  unsigned exponent = 65537;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &modulus_bits),
      OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY* made = nullptr;
  const bool good = context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1 &&
                    EVP_PKEY_CTX_set_params(context.get(), parameters) == 1 &&
                    EVP_PKEY_generate(context.get(), &made) == 1;
  const OwnedPkey owned(made);
  if (good) *value = encode(made);
  return call.outcome(good && *value, CKR_FUNCTION_FAILED);
}

}  // namespace

RsaPublicKey::RsaPublicKey(const RsaPublicNumbers& numbers, OwnedPkey key)
    : evp_(std::move(key)),
      modulus_(numbers.modulus.begin(), numbers.modulus.end()),
      exponent_(numbers.exponent.begin(), numbers.exponent.end()),
      info_(write_spki(numbers)),
      bits_(bit_length(numbers.modulus)) {}

PrivateKeyWithContexts::PrivateKeyWithContexts(std::shared_ptr<PublicKey> public_key, Secret value,
                                               Bytes scalar, OwnedPkey key)
    : evp_(std::move(key)),
      public_key_(std::move(public_key)),
      value_(std::move(value)),
      scalar_(scalar) {}

CK_RV make_rsa_public_key(Bytes modulus, Bytes exponent, std::shared_ptr<PublicKey>* out) {
  const RsaPublicNumbers numbers{without_leading_zeros(modulus), without_leading_zeros(exponent)};
  if (library() == nullptr) return CKR_HOST_MEMORY;
  if (!acceptable(numbers)) return CKR_ATTRIBUTE_VALUE_INVALID;
  RsaNumbers key;
  key.modulus = numbers.modulus;
  key.exponent = numbers.exponent;
  OwnedPkey imported = import_numbers(key, 2);
  if (imported == nullptr) return CKR_HOST_MEMORY;
  try {
    *out = std::make_shared<RsaPublicKey>(numbers, std::move(imported));
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
  return CKR_OK;
}

CK_RV make_rsa_private_key(const RsaNumbers& numbers, std::shared_ptr<PrivateKey>* out) {
  if (library() == nullptr) return CKR_HOST_MEMORY;
  const std::size_t room = numbers.modulus.size();
  for (const Parameter& parameter : kParameters)
    if ((numbers.*parameter.number).size() > room) return CKR_ATTRIBUTE_VALUE_INVALID;
  std::shared_ptr<PublicKey> public_key;
  if (const CK_RV rv = make_rsa_public_key(numbers.modulus, numbers.exponent, &public_key);
      rv != CKR_OK)
    return rv;
  bool consistent = false;
  if (const CK_RV rv = check_consistency(numbers, &consistent); rv != CKR_OK) return rv;
  if (!consistent) return CKR_ATTRIBUTE_VALUE_INVALID;
  Secret value = write_pkcs8(numbers);
  OwnedPkey imported = value ? import_numbers(numbers, kNumberCount) : nullptr;
  if (imported == nullptr) return CKR_HOST_MEMORY;
  try {
    *out = std::make_shared<PrivateKeyWithContexts>(std::move(public_key), std::move(value),
                                                    Bytes(), std::move(imported));
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
  return CKR_OK;
}

CK_RV generate_rsa_key(std::size_t bits, std::shared_ptr<PrivateKey>* out) {
  if (bits != 2048 && bits != 3072 && bits != 4096) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (no_wait) return CKR_STRONGROOM_BUSY;
  if (const CK_RV rv = self_test::require(self_test::Algorithm::kRsaSignature); rv != CKR_OK)
    return rv;
  Secret value;
  if (const CK_RV rv = generate(bits, &value); rv != CKR_OK) return rv;
  std::shared_ptr<PrivateKey> made;
  if (const CK_RV rv = make_private_key(std::move(value), &made); rv != CKR_OK) return rv;
  if (const CK_RV rv = self_test::pairwise(*made); rv != CKR_OK) return rv;
  *out = std::move(made);
  return CKR_OK;
}

}  // namespace strongroom::algorithms
