// hmac_signatures.cc: HMAC as signature mechanisms (6.20.4 and its like for each hash), and what
// all MACs share.
#include "token/operations/signatures.h"

namespace strongroom::token::operations {
namespace {

CK_RV read(const MechanismRow& row, const CK_MECHANISM& mechanism, const Object&,
           SignatureParameters* out) {
  return read_mac_length(mechanism, row.family == Family::kHmacGeneral,
                         algorithms::hash_length(*row.hash), out);
}

std::size_t length(const Signing& signing) { return signing.parameters.mac_length; }

CK_RV sign(const Signing& signing, Bytes data, MutableBytes mac) {
  return algorithms::hmac(*signing.key.key, *signing.row.hash, data, mac);
}

CK_RV verify(const Signing& signing, Bytes data, Bytes mac) {
  return verify_mac(sign, signing, data, mac);
}

}  // namespace

CK_RV read_mac_length(const CK_MECHANISM& mechanism, bool general, std::size_t longest,
                      SignatureParameters* out) {
  out->mac_length = longest;
  if (!general) return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
  CK_ULONG length;  // CK_MAC_GENERAL_PARAMS
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &length) || length < 1 ||
      length > longest) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  out->mac_length = length;
  return CKR_OK;
}

CK_RV verify_mac(CK_RV (*sign)(const Signing&, Bytes, MutableBytes), const Signing& signing,
                 Bytes data, Bytes mac) {
  std::array<std::uint8_t, algorithms::kHashBytesMax> room;
  const MutableBytes expected(room.data(), mac.size());
  CK_RV rv = sign(signing, data, expected);
  if (rv == CKR_OK && !algorithms::equal_constant_time(expected, mac)) rv = CKR_SIGNATURE_INVALID;
  wipe(room.data(), room.size());
  return rv;
}

const SignatureScheme kHmacScheme = {read, length, sign, verify};

}  // namespace strongroom::token::operations
