// cmac_signatures.cc: CKM_AES_CMAC and CKM_AES_CMAC_GENERAL (6.14).
#include "token/operations/signatures.h"

namespace strongroom::token::operations {
namespace {

constexpr std::size_t kCmacBytes = 16;

CK_RV read(const MechanismRow& row, const CK_MECHANISM& mechanism, const Object&,
           SignatureParameters* out) {
  return read_mac_length(mechanism, row.family == Family::kCmacGeneral, kCmacBytes, out);
}

std::size_t length(const Signing& signing) { return signing.parameters.mac_length; }

CK_RV sign(const Signing& signing, Bytes data, MutableBytes mac) {
  return algorithms::aes_cmac(*signing.key.key, data, mac);
}

CK_RV verify(const Signing& signing, Bytes data, Bytes mac) {
  return verify_mac(sign, signing, data, mac);
}

}  // namespace

const SignatureScheme kCmacScheme = {read, length, sign, verify};

}  // namespace strongroom::token::operations
