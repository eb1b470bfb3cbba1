// AES-CMAC: NIST SP 800-38B, RFC 4493.
//
// CMAC_* is marked deprecated in favour of EVP_MAC; cmac_state.h says why it is used all the same.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/cmac.h>

#include <cstring>

#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {

CmacState::~CmacState() { CMAC_CTX_free(context_); }

bool CmacState::set_key(Bytes key) {
  EVP_CIPHER* const cipher = cipher_for(CipherMode::kAesCbc, key.size());
  context_ = cipher != nullptr ? CMAC_CTX_new() : nullptr;
  return context_ != nullptr && CMAC_Init(context_, key.data(), key.size(), cipher, nullptr) == 1;
}

bool CmacState::start() { return CMAC_Init(context_, nullptr, 0, nullptr, nullptr) == 1; }

bool CmacState::add(Bytes data) {
  return data.empty() || CMAC_Update(context_, data.data(), data.size()) == 1;
}

bool CmacState::finish(std::uint8_t* mac) {
  std::size_t length = 0;
  return CMAC_Final(context_, mac, &length) == 1 && length == kCmacBytes;
}

namespace unchecked {

CK_RV aes_cmac(Key& key, Bytes data, MutableBytes mac) {
  if (mac.empty() || mac.size() > kCmacBytes) return CKR_MECHANISM_PARAM_INVALID;
  if (cipher_for(CipherMode::kAesCbc, key.value().size()) == nullptr) return CKR_KEY_SIZE_RANGE;
  Lease lease(key);
  CmacState* const state = lease.cmac();
  if (state == nullptr) return CKR_HOST_MEMORY;
  std::uint8_t whole[kCmacBytes];
  if (state->start() && state->add(data) && state->finish(whole)) {
    std::memcpy(mac.data(), whole, mac.size());
    wipe(whole, sizeof whole);
    return CKR_OK;
  }
  lease.discard_cmac();
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

}  // namespace unchecked

CK_RV aes_cmac(Key& key, Bytes data, MutableBytes mac) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesCmac);
  return rv != CKR_OK ? rv : unchecked::aes_cmac(key, data, mac);
}

}  // namespace strongroom::algorithms
