// C_GetMechanismInfo against what the operations take (PKCS#11 v3.2, 5.5).
#include <map>
#include <set>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenMechanismTest : public TokenTest {};

TEST_F(TokenMechanismTest, TheTableTellsTheTruth) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  CK_BYTE iv_bytes[12] = {1, 2, 3};
  CK_ULONG count = 0;
  ASSERT_CKR(CKR_OK, c().C_GetMechanismList(slot, nullptr, &count));
  std::vector<CK_MECHANISM_TYPE> list(count);
  CK_ULONG fewer = count - 1;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_GetMechanismList(slot, list.data(), &fewer));
  EXPECT_EQ(fewer, count);
  ASSERT_CKR(CKR_OK, c().C_GetMechanismList(slot, list.data(), &count));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetMechanismList(slot, nullptr, nullptr));
  CK_MECHANISM_INFO info;
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_GetMechanismInfo(slot, 0x99, &info));

  const CK_OBJECT_HANDLE aes = create_secret(
      session, CKK_AES, ByteString(32, 1),
      {CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_VERIFY, CKA_DERIVE});
  const CK_OBJECT_HANDLE generic = create_secret(
      session, CKK_GENERIC_SECRET, ByteString(32, 1),
      {CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_VERIFY, CKA_DERIVE});
  const CK_OBJECT_HANDLE chacha20 =
      create_secret(session, CKK_CHACHA20, ByteString(32, 1), {CKA_ENCRYPT, CKA_DECRYPT});
  const Pair rsa = make_rsa(session);
  const Pair ec = make_p256(session);
  const std::set<CK_MECHANISM_TYPE> pss_mechanisms = {
      CKM_RSA_PKCS_PSS,        CKM_SHA1_RSA_PKCS_PSS,   CKM_SHA224_RSA_PKCS_PSS,
      CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS};
  const std::set<CK_MECHANISM_TYPE> cut_macs = {CKM_SHA_1_HMAC_GENERAL,  CKM_SHA224_HMAC_GENERAL,
                                                CKM_SHA256_HMAC_GENERAL, CKM_SHA384_HMAC_GENERAL,
                                                CKM_SHA512_HMAC_GENERAL, CKM_AES_CMAC_GENERAL};
  const std::map<CK_MECHANISM_TYPE, CK_MECHANISM_TYPE> pss_hashes = {
      {CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1},
      {CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224},
      {CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384},
      {CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512}};
  // Whatever a mechanism does not say it does is CKR_MECHANISM_INVALID; what it says, some key can
  // do.
  for (CK_MECHANISM_TYPE type : list) {
    ASSERT_CKR(CKR_OK, c().C_GetMechanismInfo(slot, type, &info));
    EXPECT_LE(info.ulMinKeySize, info.ulMaxKeySize);
    EXPECT_EQ(info.flags & CKF_HW, 0u);
    struct Entry {
      CK_FLAGS flag;
      CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
    };
    for (const Entry& entry : {Entry{CKF_ENCRYPT, c().C_EncryptInit},
                               {CKF_DECRYPT, c().C_DecryptInit},
                               {CKF_SIGN, c().C_SignInit},
                               {CKF_VERIFY, c().C_VerifyInit},
                               {CKF_MESSAGE_ENCRYPT, c().C_MessageEncryptInit},
                               {CKF_MESSAGE_DECRYPT, c().C_MessageDecryptInit}}) {
      bool valid = false;
      for (CK_OBJECT_HANDLE key : {aes, generic, chacha20, rsa.public_key, rsa.private_key,
                                   ec.public_key, ec.private_key}) {
        CK_GCM_PARAMS gcm{iv_bytes, 12, 96, nullptr, 0, 128};
        CK_ULONG mac = 16;
        const auto hash = pss_hashes.find(type);
        CK_RSA_PKCS_PSS_PARAMS pss{hash != pss_hashes.end() ? hash->second : CKM_SHA256,
                                   CKG_MGF1_SHA256, 20};
        CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
        CK_MECHANISM mechanism{type, nullptr, 0};
        if (type == CKM_AES_GCM) mechanism = {type, &gcm, sizeof(gcm)};
        CK_BYTE block[16] = {};
        CK_AES_CTR_PARAMS ctr{32, {}};
        CK_CCM_PARAMS ccm{0, iv_bytes, 12, nullptr, 0, 16};
        CK_CHACHA20_PARAMS stream{block, 32, iv_bytes, 96};
        CK_SALSA20_CHACHA20_POLY1305_PARAMS sealed{iv_bytes, 96, nullptr, 0};
        if (type == CKM_AES_CBC || type == CKM_AES_CBC_PAD)
          mechanism = {type, block, sizeof(block)};
        if (type == CKM_AES_CTR) mechanism = {type, &ctr, sizeof(ctr)};
        if (type == CKM_AES_CCM) mechanism = {type, &ccm, sizeof(ccm)};
        if (type == CKM_CHACHA20) mechanism = {type, &stream, sizeof(stream)};
        if (type == CKM_CHACHA20_POLY1305) mechanism = {type, &sealed, sizeof(sealed)};
        if (type == CKM_RSA_PKCS_OAEP) mechanism = {type, &oaep, sizeof(oaep)};
        if (pss_mechanisms.contains(type)) mechanism = {type, &pss, sizeof(pss)};
        if (cut_macs.contains(type)) mechanism = {type, &mac, sizeof(mac)};
        const CK_RV rv = entry.init(session, &mechanism, key);
        EXPECT_EQ(rv == CKR_MECHANISM_INVALID, !(info.flags & entry.flag))
            << std::hex << type << " " << name_of(rv);
        valid = valid || rv == CKR_OK;
        EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, entry.flag));
      }
      EXPECT_EQ(valid, (info.flags & entry.flag) != 0);
    }
  }
}

}  // namespace strongroom::test
