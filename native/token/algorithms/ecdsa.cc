// ECDSA: FIPS 186-5 section 6. Nonces are hedged: OpenSSL mixes the key, the digest and random
// bytes; libsecp256k1 takes random bytes into RFC 6979's generator.
#include <algorithm>
#include <cstring>

#include "token/algorithms/asymmetric_key.h"
#include "token/algorithms/der.h"
#include "token/algorithms/random_provider.h"
#include "token/algorithms/unchecked.h"
#include "token/drbg/drbg.h"
#include "token/no_wait.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

constexpr EvpUse kSign{EvpUse::Kind::kSign};
constexpr EvpUse kVerify{EvpUse::Kind::kVerify};
constexpr std::size_t kDerBytesMax = 2 * (kFieldBytesMax + 3) + 3;

// SEQUENCE { r, s }, which EVP speaks, as r || s of whole field elements.
bool to_fixed(Bytes encoded, MutableBytes signature) {
  const std::size_t half = signature.size() / 2;
  der::Reader whole(encoded);
  der::Reader in;
  if (!whole.constructed(der::kSequence, &in)) return false;
  for (const MutableBytes out : {signature.first(half), signature.subspan(half)}) {
    Bytes number;
    if (!in.unsigned_integer(&number) || number.size() > half) return false;
    std::ranges::fill(out, std::uint8_t{0});
    std::ranges::copy(number, out.end() - static_cast<std::ptrdiff_t>(number.size()));
  }
  return true;
}

Bytes to_der(Bytes signature, MutableBytes room) {
  const std::size_t half = signature.size() / 2;
  der::Writer out(room);
  out.unsigned_integer(signature.subspan(half));
  out.unsigned_integer(signature.first(half));
  out.enclose(der::kSequence, 0);
  return out.written();
}

// The leftmost 256 bits of a digest as a number, which is what libsecp256k1 takes.
std::array<std::uint8_t, secp256k1::kFieldBytes> to_field(Bytes digest) {
  std::array<std::uint8_t, secp256k1::kFieldBytes> number{};
  const Bytes used = digest.first(std::min(digest.size(), number.size()));
  std::ranges::copy(used, number.end() - static_cast<std::ptrdiff_t>(used.size()));
  return number;
}

CK_RV sign_by_evp(PrivateKeyWithContexts& key, Bytes digest, MutableBytes signature) {
  const OpenSslCall call;
  EvpLease lease(key.evp(), kSign);
  if (lease.get() == nullptr) return call.outcome(false, CKR_HOST_MEMORY);
  std::uint8_t encoded[kDerBytesMax];
  std::size_t length = sizeof encoded;
  const bool good =
      EVP_PKEY_sign(lease.get(), encoded, &length, digest.data(), digest.size()) == 1 &&
      to_fixed({encoded, length}, signature);
  if (!good) lease.discard();
  return call.outcome(good, CKR_FUNCTION_FAILED);
}

CK_RV verify_by_evp(EcPublicKey& key, Bytes digest, Bytes signature) {
  const OpenSslCall call;
  EvpLease lease(key.evp(), kVerify);
  if (lease.get() == nullptr) return call.outcome(false, CKR_HOST_MEMORY);
  std::uint8_t room[kDerBytesMax];
  const Bytes encoded = to_der(signature, room);
  const int good =
      EVP_PKEY_verify(lease.get(), encoded.data(), encoded.size(), digest.data(), digest.size());
  return call.outcome(good == 1, CKR_SIGNATURE_INVALID);
}

CK_RV check(const PublicKey& key, Bytes digest) {
  if (key.type() != CKK_EC) return CKR_KEY_TYPE_INCONSISTENT;
  return digest.empty() || digest.size() > kHashBytesMax ? CKR_DATA_LEN_RANGE : CKR_OK;
}

CK_RV ready(const PublicKey& key, bool slow) {
  if (key.type() != CKK_EC) return CKR_KEY_TYPE_INCONSISTENT;
  if (no_wait && slow) return CKR_STRONGROOM_BUSY;
  return self_test::require(ecdsa_test(key.curve()));
}

}  // namespace

namespace unchecked {

CK_RV ecdsa_sign(PrivateKey& key, Bytes digest, Bytes hedge, MutableBytes signature) {
  const Curve curve = key.public_key()->curve();
  if (signature.size() != 2 * field_length(curve)) return CKR_ARGUMENTS_BAD;
  if constexpr (secp256k1::kBuiltIn) {
    if (by_libsecp256k1(curve))
      return secp256k1::sign(with_contexts(key).scalar(), to_field(digest), hedge, signature)
                 ? CKR_OK
                 : CKR_FUNCTION_FAILED;
  }
  return sign_by_evp(with_contexts(key), digest, signature);
}

CK_RV ecdsa_verify(PublicKey& key, Bytes digest, Bytes signature) {
  if (signature.size() != 2 * field_length(key.curve())) return CKR_SIGNATURE_LEN_RANGE;
  if constexpr (secp256k1::kBuiltIn) {
    if (by_libsecp256k1(key.curve()))
      return secp256k1::verify(as_ec(key).parsed(), to_field(digest), signature)
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
  }
  return verify_by_evp(as_ec(key), digest, signature);
}

}  // namespace unchecked

CK_RV ecdsa_sign(PrivateKey& key, Bytes digest, MutableBytes signature) {
  const PublicKey& public_key = *key.public_key();
  if (const CK_RV rv = ready(public_key, is_slow(key)); rv != CKR_OK) return rv;
  if (const CK_RV rv = check(public_key, digest); rv != CKR_OK) return rv;
  std::uint8_t hedge[secp256k1::kHedgeBytes];
  if (by_libsecp256k1(public_key.curve())) {
    if (const CK_RV rv = drbg::generate(hedge); rv != CKR_OK) return rv;
  }
  const CK_RV rv = unchecked::ecdsa_sign(key, digest, hedge, signature);
  wipe(hedge, sizeof hedge);
  return rv;
}

CK_RV ecdsa_sign(PrivateKey& key, Hash hash, Bytes message, MutableBytes signature) {
  // Asked first, so that a call that has to come again does not hash in vain.
  if (const CK_RV rv = ready(*key.public_key(), is_slow(key)); rv != CKR_OK) return rv;
  std::uint8_t made[kHashBytesMax];
  const MutableBytes whole(made, hash_length(hash));
  const CK_RV rv = digest(hash, message, whole);
  return rv != CKR_OK ? rv : ecdsa_sign(key, whole, signature);
}

CK_RV ecdsa_verify(PublicKey& key, Bytes digest, Bytes signature) {
  if (const CK_RV rv = ready(key, is_slow(key)); rv != CKR_OK) return rv;
  if (const CK_RV rv = check(key, digest); rv != CKR_OK) return rv;
  return unchecked::ecdsa_verify(key, digest, signature);
}

CK_RV ecdsa_verify(PublicKey& key, Hash hash, Bytes message, Bytes signature) {
  if (const CK_RV rv = ready(key, is_slow(key)); rv != CKR_OK) return rv;
  std::uint8_t made[kHashBytesMax];
  const MutableBytes whole(made, hash_length(hash));
  const CK_RV rv = digest(hash, message, whole);
  return rv != CKR_OK ? rv : ecdsa_verify(key, whole, signature);
}

}  // namespace strongroom::algorithms
