#include "token/algorithms/secp256k1.h"

#ifdef STRONGROOM_LIBSECP256K1
#include <secp256k1.h>

#include <atomic>
#include <cstring>
#include <mutex>

#include "token/drbg/drbg.h"
#include "token/no_wait.h"

namespace strongroom::algorithms::secp256k1 {
namespace {

static_assert(sizeof(secp256k1_pubkey) == sizeof(Point));

// Read by all threads and never freed. The tables take a megabyte and some milliseconds.
std::atomic<const secp256k1_context*> tables{nullptr};

const secp256k1_context* context() { return tables.load(std::memory_order_acquire); }

// What the library calls a wrong argument is answered by its result, not by ending the process.
void ignore(const char*, void*) {}

CK_RV make_tables() {
  Secret seed(kHedgeBytes);
  if (!seed) return CKR_HOST_MEMORY;
  if (const CK_RV rv = drbg::generate(seed.mutable_bytes()); rv != CKR_OK) return rv;
  secp256k1_context* const made =
      secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
  if (made == nullptr) return CKR_HOST_MEMORY;
  secp256k1_context_set_illegal_callback(made, ignore, nullptr);
  if (secp256k1_context_randomize(made, seed.data()) != 1) {
    secp256k1_context_destroy(made);
    return CKR_FUNCTION_FAILED;
  }
  tables.store(made, std::memory_order_release);
  return CKR_OK;
}

secp256k1_pubkey library_form(const Point& point) {
  secp256k1_pubkey key;
  std::memcpy(key.data, point.data(), point.size());
  return key;
}

}  // namespace

CK_RV prepare() {
  if (context() != nullptr) return CKR_OK;
  if (no_wait) return CKR_STRONGROOM_BUSY;
  static std::mutex making;
  const std::lock_guard lock(making);
  return context() != nullptr ? CKR_OK : make_tables();
}

bool parse(Bytes point, Point* out) {
  secp256k1_pubkey key;
  if (secp256k1_ec_pubkey_parse(secp256k1_context_no_precomp, &key, point.data(), point.size()) !=
      1)
    return false;
  std::memcpy(out->data(), key.data, out->size());
  return true;
}

bool public_point(Bytes scalar, MutableBytes point) {
  secp256k1_pubkey key;
  std::size_t length = point.size();
  return secp256k1_ec_pubkey_create(context(), &key, scalar.data()) == 1 &&
         secp256k1_ec_pubkey_serialize(context(), point.data(), &length, &key,
                                       SECP256K1_EC_UNCOMPRESSED) == 1;
}

bool sign(Bytes scalar, Bytes digest, Bytes hedge, MutableBytes signature) {
  secp256k1_ecdsa_signature made;
  return secp256k1_ecdsa_sign(context(), &made, digest.data(), scalar.data(),
                              secp256k1_nonce_function_rfc6979,
                              hedge.empty() ? nullptr : hedge.data()) == 1 &&
         secp256k1_ecdsa_signature_serialize_compact(context(), signature.data(), &made) == 1;
}

bool verify(const Point& point, Bytes digest, Bytes signature) {
  secp256k1_ecdsa_signature given;
  if (secp256k1_ecdsa_signature_parse_compact(context(), &given, signature.data()) != 1)
    return false;
  secp256k1_ecdsa_signature_normalize(context(), &given, &given);
  const secp256k1_pubkey key = library_form(point);
  return secp256k1_ecdsa_verify(context(), &given, digest.data(), &key) == 1;
}

}  // namespace strongroom::algorithms::secp256k1
#endif  // STRONGROOM_LIBSECP256K1
