// Wrapping by every cipher that wraps, and CMAC (PKCS#11 v3.2, 5.18.3, 5.18.4, 6.1, 6.7, 6.10,
// 6.13, 6.14, 6.16).
#include <cstring>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

class TokenWrapTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    wrapping = create_secret(session, CKK_AES, ByteString(32, 7),
                             {CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT});
  }

  CK_OBJECT_HANDLE secret(CK_KEY_TYPE type, const ByteString& value) const {
    return create_secret(session, type, value, {});
  }
  CK_RV wrap(CK_MECHANISM mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key,
             ByteString* out) const {
    CK_ULONG length = 0;
    if (const CK_RV rv = c().C_WrapKey(session, &mechanism, by, key, nullptr, &length);
        rv != CKR_OK)
      return rv;
    out->assign(length, 0);
    CK_ULONG less = length - 1;
    EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
               c().C_WrapKey(session, &mechanism, by, key, out->data(), &less));
    EXPECT_EQ(less, length);
    const CK_RV rv = c().C_WrapKey(session, &mechanism, by, key, out->data(), &length);
    EXPECT_EQ(length, out->size());
    return rv;
  }
  CK_RV unwrap(CK_MECHANISM mechanism, CK_OBJECT_HANDLE by, ByteString wrapped,
               CK_OBJECT_CLASS object_class, CK_KEY_TYPE type, CK_OBJECT_HANDLE* key,
               CK_ULONG length = 0) const {
    Attributes attributes;
    attributes.number(CKA_CLASS, object_class)
        .number(CKA_KEY_TYPE, type)
        .flag(CKA_TOKEN, false)
        .flag(CKA_SENSITIVE, false);
    if (object_class == CKO_PRIVATE_KEY) attributes.flag(CKA_SIGN, true);
    if (length != 0) attributes.number(CKA_VALUE_LEN, length);
    return c().C_UnwrapKey(session, &mechanism, by, wrapped.data(), wrapped.size(),
                           attributes.data(), attributes.count(), key);
  }
  ByteString value_of(CK_OBJECT_HANDLE key) const {
    ByteString value;
    EXPECT_CKR(CKR_OK, get(session, key, CKA_VALUE, &value));
    return value;
  }

  struct Case {
    const char* name;
    CK_MECHANISM mechanism;
    bool private_keys;
    bool whole_blocks;
  };
  std::vector<Case> cases(CK_ULONG length) {
    ctr = {32, {}};
    gcm = {iv, 12, 96, nullptr, 0, 128};
    ccm = {length, iv, 12, nullptr, 0, 16};
    return {{"ECB", {CKM_AES_ECB, nullptr, 0}, false, true},
            {"CBC", {CKM_AES_CBC, iv, 16}, false, true},
            {"CBC_PAD", {CKM_AES_CBC_PAD, iv, 16}, true, false},
            {"CTR", {CKM_AES_CTR, &ctr, sizeof(ctr)}, true, false},
            {"GCM", {CKM_AES_GCM, &gcm, sizeof(gcm)}, true, false},
            {"CCM", {CKM_AES_CCM, &ccm, sizeof(ccm)}, true, false},
            {"KWP", {CKM_AES_KEY_WRAP_KWP, nullptr, 0}, true, false}};
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE wrapping = 0;
  CK_BYTE iv[16] = {1, 2, 3};
  CK_AES_CTR_PARAMS ctr{};
  CK_GCM_PARAMS gcm{};
  CK_CCM_PARAMS ccm{};
};

TEST_F(TokenWrapTest, SecretKeysComeBack) {
  for (std::size_t length : {1, 16, 20, 24, 32, 33}) {
    ByteString value(length, 0x5a);
    const CK_OBJECT_HANDLE key = secret(CKK_GENERIC_SECRET, value);
    for (const Case& each : cases(length)) {
      SCOPED_TRACE(std::string(each.name) + " " + std::to_string(length));
      ByteString wrapped;
      ASSERT_CKR(CKR_OK, wrap(each.mechanism, wrapping, key, &wrapped));
      CK_OBJECT_HANDLE again = 0;
      ASSERT_CKR(CKR_OK, unwrap(each.mechanism, wrapping, wrapped, CKO_SECRET_KEY,
                                CKK_GENERIC_SECRET, &again, length));
      EXPECT_EQ(value_of(again), value);
      // Without a length it is what came, with the zeros that fill the last block.
      ASSERT_CKR(CKR_OK, unwrap(each.mechanism, wrapping, wrapped, CKO_SECRET_KEY,
                                CKK_GENERIC_SECRET, &again));
      ByteString filled = value;
      if (each.whole_blocks) filled.resize((length + 15) / 16 * 16);
      EXPECT_EQ(value_of(again), filled);
      // A length that is not the key's.
      EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
                 unwrap(each.mechanism, wrapping, wrapped, CKO_SECRET_KEY, CKK_GENERIC_SECRET,
                        &again, 100));
    }
  }
}

TEST_F(TokenWrapTest, OnlyZerosAreCutOff) {
  const CK_OBJECT_HANDLE key = secret(CKK_GENERIC_SECRET, ByteString(32, 0x5a));
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  ByteString wrapped;
  ASSERT_CKR(CKR_OK, wrap(ecb, wrapping, key, &wrapped));
  CK_OBJECT_HANDLE again = 0;
  // A byte at a time would be guessed a byte at a time.
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             unwrap(ecb, wrapping, wrapped, CKO_SECRET_KEY, CKK_GENERIC_SECRET, &again, 31));
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             unwrap(ecb, wrapping, wrapped, CKO_SECRET_KEY, CKK_GENERIC_SECRET, &again, 16));
  wrapped.push_back(0);
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE,
             unwrap(ecb, wrapping, wrapped, CKO_SECRET_KEY, CKK_GENERIC_SECRET, &again));
}

TEST_F(TokenWrapTest, PrivateKeysComeBackAndSign) {
  for (const auto& [pair, type, hash] :
       {std::tuple{make_p256(session), CK_KEY_TYPE{CKK_EC}, CK_MECHANISM_TYPE{CKM_ECDSA_SHA256}},
        {make_rsa(session), CK_KEY_TYPE{CKK_RSA}, CK_MECHANISM_TYPE{CKM_SHA256_RSA_PKCS}}}) {
    gcm = {iv, 12, 96, nullptr, 0, 128};
    CK_ULONG length = 0;
    CK_MECHANISM measure{CKM_AES_GCM, &gcm, sizeof(gcm)};
    ASSERT_CKR(CKR_OK,
               c().C_WrapKey(session, &measure, wrapping, pair.private_key, nullptr, &length));
    for (const Case& each : cases(length - 16)) {
      SCOPED_TRACE(each.name);
      ByteString wrapped;
      if (!each.private_keys) {
        CK_MECHANISM mechanism = each.mechanism;
        EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE, c().C_WrapKey(session, &mechanism, wrapping,
                                                        pair.private_key, nullptr, &length));
        continue;
      }
      ASSERT_CKR(CKR_OK, wrap(each.mechanism, wrapping, pair.private_key, &wrapped));
      CK_OBJECT_HANDLE again = 0;
      ASSERT_CKR(CKR_OK, unwrap(each.mechanism, wrapping, wrapped, CKO_PRIVATE_KEY, type, &again));
      CK_MECHANISM sign{hash, nullptr, 0};
      ByteString signature(512);
      CK_ULONG signature_length = signature.size();
      CK_BYTE data[3] = {1, 2, 3};
      ASSERT_CKR(CKR_OK, c().C_SignInit(session, &sign, again));
      ASSERT_CKR(CKR_OK, c().C_Sign(session, data, 3, signature.data(), &signature_length));
      ASSERT_CKR(CKR_OK, c().C_VerifyInit(session, &sign, pair.public_key));
      EXPECT_CKR(CKR_OK, c().C_Verify(session, data, 3, signature.data(), signature_length));
      // A private key does not come back as a secret one.
      EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(each.mechanism, wrapping, wrapped, CKO_SECRET_KEY,
                                                 CKK_GENERIC_SECRET, &again));
    }
  }
}

TEST_F(TokenWrapTest, KeyWrapGivesThePublishedResult) {
  // RFC 3394, 4.6.
  const CK_OBJECT_HANDLE by =
      create_secret(session, CKK_AES,
                    from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
                    {CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT});
  const ByteString value =
      from_hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  CK_MECHANISM kw{CKM_AES_KEY_WRAP, nullptr, 0};
  ByteString wrapped;
  ASSERT_CKR(CKR_OK, wrap(kw, by, secret(CKK_AES, value), &wrapped));
  EXPECT_EQ(wrapped,
            from_hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02d"
                     "d21"));
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, unwrap(kw, by, wrapped, CKO_SECRET_KEY, CKK_AES, &key, 32));
  EXPECT_EQ(value_of(key), value);
  // The same as data; and another initial value is another wrapped key.
  ByteString out(64);
  CK_ULONG length = out.size();
  ByteString plaintext = value;
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &kw, by));
  ASSERT_CKR(CKR_OK, c().C_Encrypt(session, plaintext.data(), 32, out.data(), &length));
  EXPECT_EQ(ByteString(out.begin(), out.begin() + 40), wrapped);
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &kw, by));
  EXPECT_CKR(CKR_DATA_LEN_RANGE, c().C_Encrypt(session, plaintext.data(), 20, out.data(), &length));
  CK_MECHANISM other{CKM_AES_KEY_WRAP, iv, 8};
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(other, by, wrapped, CKO_SECRET_KEY, CKK_AES, &key));
  CK_MECHANISM wrong{CKM_AES_KEY_WRAP, iv, 4};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             unwrap(wrong, by, wrapped, CKO_SECRET_KEY, CKK_AES, &key));
  // Semiblocks only, and at least two.
  CK_ULONG none = 0;
  for (std::size_t bytes : {8, 20}) {
    EXPECT_CKR(CKR_KEY_SIZE_RANGE,
               c().C_WrapKey(session, &kw, by, secret(CKK_GENERIC_SECRET, ByteString(bytes, 1)),
                             nullptr, &none));
  }
  wrapped[5] ^= 1;
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(kw, by, wrapped, CKO_SECRET_KEY, CKK_AES, &key));
  wrapped.pop_back();
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE, unwrap(kw, by, wrapped, CKO_SECRET_KEY, CKK_AES, &key));
}

TEST_F(TokenWrapTest, RsaKeysWrapAnyKey) {
  Attributes of_public;
  of_public.number(CKA_MODULUS_BITS, 2048).flag(CKA_WRAP, true);
  Attributes of_private;
  of_private.flag(CKA_UNWRAP, true).flag(CKA_TOKEN, false);
  Pair rsa;
  ASSERT_CKR(CKR_OK,
             generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, of_public, of_private, &rsa));
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, iv, 4};
  CK_MECHANISM direct{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
  ByteString wrapped;
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, wrap(direct, rsa.public_key, secret(CKK_AES, ByteString(32, 3)), &wrapped));
  ASSERT_CKR(CKR_OK, unwrap(direct, rsa.private_key, wrapped, CKO_SECRET_KEY, CKK_AES, &key));
  EXPECT_EQ(value_of(key), ByteString(32, 3));
  for (CK_ULONG bits : {128, 192, 256}) {
    CK_RSA_AES_KEY_WRAP_PARAMS parameters{bits, &oaep};
    CK_MECHANISM mechanism{CKM_RSA_AES_KEY_WRAP, &parameters, sizeof(parameters)};
    for (std::size_t length : {1, 31, 500}) {
      ASSERT_CKR(CKR_OK, wrap(mechanism, rsa.public_key,
                              secret(CKK_GENERIC_SECRET, ByteString(length, 3)), &wrapped));
      ASSERT_CKR(CKR_OK, unwrap(mechanism, rsa.private_key, wrapped, CKO_SECRET_KEY,
                                CKK_GENERIC_SECRET, &key));
      EXPECT_EQ(value_of(key), ByteString(length, 3));
    }
    const Pair ec = make_p256(session);
    ASSERT_CKR(CKR_OK, wrap(mechanism, rsa.public_key, ec.private_key, &wrapped));
    ASSERT_CKR(CKR_OK, unwrap(mechanism, rsa.private_key, wrapped, CKO_PRIVATE_KEY, CKK_EC, &key));
    // Another length of AES key than was named, and damage to either half.
    CK_RSA_AES_KEY_WRAP_PARAMS other{bits == 128 ? CK_ULONG{256} : CK_ULONG{128}, &oaep};
    CK_MECHANISM with_other{CKM_RSA_AES_KEY_WRAP, &other, sizeof(other)};
    EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
               unwrap(with_other, rsa.private_key, wrapped, CKO_PRIVATE_KEY, CKK_EC, &key));
    for (std::size_t at : {std::size_t{10}, wrapped.size() - 1}) {
      ByteString damaged = wrapped;
      damaged[at] ^= 1;
      EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
                 unwrap(mechanism, rsa.private_key, damaged, CKO_PRIVATE_KEY, CKK_EC, &key));
    }
    EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE, unwrap(mechanism, rsa.private_key, ByteString(256, 1),
                                                 CKO_PRIVATE_KEY, CKK_EC, &key));
  }
  for (CK_RSA_AES_KEY_WRAP_PARAMS parameters :
       {CK_RSA_AES_KEY_WRAP_PARAMS{64, &oaep}, {256, nullptr}}) {
    CK_MECHANISM mechanism{CKM_RSA_AES_KEY_WRAP, &parameters, sizeof(parameters)};
    CK_ULONG length = 0;
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               c().C_WrapKey(session, &mechanism, rsa.public_key, wrapping, nullptr, &length));
  }
}

TEST_F(TokenWrapTest, DamagedPaddingIsNoWrappedKey) {
  CK_MECHANISM padded{CKM_AES_CBC_PAD, iv, 16};
  ByteString wrapped;
  ASSERT_CKR(CKR_OK,
             wrap(padded, wrapping, secret(CKK_GENERIC_SECRET, ByteString(20, 3)), &wrapped));
  wrapped[15] ^= 0x80;
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             unwrap(padded, wrapping, wrapped, CKO_SECRET_KEY, CKK_GENERIC_SECRET, &key));
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE,
             unwrap(padded, wrapping, ByteString(17, 1), CKO_SECRET_KEY, CKK_GENERIC_SECRET, &key));
}

TEST_F(TokenWrapTest, ATrustedKeyWrapsOnlyByWhatBindsTheKey) {
  Attributes unwrap_template;
  unwrap_template.number(CKA_CLASS, CKO_SECRET_KEY)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_WRAP_WITH_TRUSTED, true);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_TOKEN, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_WRAP, true)
      .flag(CKA_UNWRAP, true)
      .nested(CKA_UNWRAP_TEMPLATE, unwrap_template);
  CK_OBJECT_HANDLE trusted = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &trusted));
  ByteString id;
  ASSERT_CKR(CKR_OK, get(session, trusted, CKA_UNIQUE_ID, &id));
  SR_APPLICATION ceremony;
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &ceremony));
  const CK_SESSION_HANDLE so = open_session_of(ceremony, slot);
  login(so, CKU_SO);
  ASSERT_CKR(CKR_OK, sr().SR_MarkTrusted(so, id.data(), id.size()));
  ASSERT_CKR(CKR_OK, sr().SR_CloseApplication(ceremony));

  const CK_OBJECT_HANDLE key = secret(CKK_GENERIC_SECRET, ByteString(32, 3));
  for (const Case& each : cases(32)) {
    SCOPED_TRACE(each.name);
    CK_MECHANISM mechanism = each.mechanism;
    const bool binds = mechanism.mechanism == CKM_AES_KEY_WRAP_KWP;
    CK_ULONG length = 0;
    EXPECT_CKR(binds ? CKR_OK : CKR_MECHANISM_INVALID,
               c().C_WrapKey(session, &mechanism, trusted, key, nullptr, &length));
    ByteString blob(48, 1);
    CK_OBJECT_HANDLE out = 0;
    EXPECT_CKR(binds ? CKR_TEMPLATE_INCONSISTENT : CKR_MECHANISM_INVALID,
               unwrap(mechanism, trusted, blob, CKO_SECRET_KEY, CKK_GENERIC_SECRET, &out));
  }
  CK_MECHANISM kw{CKM_AES_KEY_WRAP, nullptr, 0};
  CK_ULONG length = 0;
  EXPECT_CKR(CKR_OK, c().C_WrapKey(session, &kw, trusted, key, nullptr, &length));
}

TEST_F(TokenWrapTest, AuthenticatedByCcm) {
  const CK_OBJECT_HANDLE key = secret(CKK_GENERIC_SECRET, ByteString(40, 3));
  CK_BYTE mac[16] = {};
  CK_BYTE aad[3] = {'a', 'a', 'd'};
  CK_CCM_MESSAGE_PARAMS parameters{40, iv, 13, 0, CKG_GENERATE_RANDOM, mac, 16};
  CK_MECHANISM mechanism{CKM_AES_CCM, &parameters, sizeof(parameters)};
  ByteString wrapped(40);
  CK_ULONG length = wrapped.size();
  ASSERT_CKR(CKR_OK, c().C_WrapKeyAuthenticated(session, &mechanism, wrapping, key, aad, 3,
                                                wrapped.data(), &length));
  EXPECT_EQ(length, 40u);
  Attributes attributes;
  attributes.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .flag(CKA_SENSITIVE, false);
  CK_OBJECT_HANDLE again = 0;
  ASSERT_CKR(CKR_OK,
             c().C_UnwrapKeyAuthenticated(session, &mechanism, wrapping, wrapped.data(), 40,
                                          attributes.data(), attributes.count(), aad, 3, &again));
  EXPECT_EQ(value_of(again), ByteString(40, 3));
  aad[0] = 'b';
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             c().C_UnwrapKeyAuthenticated(session, &mechanism, wrapping, wrapped.data(), 40,
                                          attributes.data(), attributes.count(), aad, 3, &again));
  // The caller chooses no nonce, nor names another length.
  parameters.nonceGenerator = CKG_NO_GENERATE;
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             c().C_WrapKeyAuthenticated(session, &mechanism, wrapping, key, aad, 3, wrapped.data(),
                                        &length));
  parameters.nonceGenerator = CKG_GENERATE;
  parameters.ulDataLen = 39;
  EXPECT_CKR(CKR_KEY_SIZE_RANGE, c().C_WrapKeyAuthenticated(session, &mechanism, wrapping, key, aad,
                                                            3, wrapped.data(), &length));
}

TEST_F(TokenWrapTest, CmacGivesThePublishedResults) {
  // RFC 4493, section 4; SP 800-38B, D.2 and D.3 (the empty message, AES-192 and -256).
  struct Known {
    const char *key, *message, *mac;
  };
  const char* const message =
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
  const std::string whole(message);
  const std::string part = whole.substr(0, 80);
  const std::string block = whole.substr(0, 32);
  const char* const k128 = "2b7e151628aed2a6abf7158809cf4f3c";
  const Known known[] = {
      {k128, "", "bb1d6929e95937287fa37d129b756746"},
      {k128, block.c_str(), "070a16b46b4d4144f79bdd9dd04a287c"},
      {k128, part.c_str(), "dfa66747de9ae63030ca32611497c827"},
      {k128, message, "51f0bebf7e3b9d92fc49741779363cfe"},
      {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "", "d17ddf46adaacde531cac483de7a9367"},
      {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "",
       "028962f61b7bf89efc6b551f4667d983"},
  };
  for (const Known& each : known) {
    const CK_OBJECT_HANDLE key =
        create_secret(session, CKK_AES, from_hex(each.key), {CKA_SIGN, CKA_VERIFY});
    ByteString data = from_hex(each.message);
    const ByteString mac = from_hex(each.mac);
    CK_MECHANISM cmac{CKM_AES_CMAC, nullptr, 0};
    ByteString out(16);
    CK_ULONG length = out.size();
    ASSERT_CKR(CKR_OK, c().C_SignInit(session, &cmac, key));
    ASSERT_CKR(CKR_OK, c().C_Sign(session, data.data(), data.size(), out.data(), &length));
    EXPECT_EQ(out, mac);
    ASSERT_CKR(CKR_OK, c().C_VerifyInit(session, &cmac, key));
    EXPECT_CKR(CKR_OK, c().C_Verify(session, data.data(), data.size(), out.data(), 16));
    // Cut, and in parts.
    CK_ULONG four = 4;
    CK_MECHANISM general{CKM_AES_CMAC_GENERAL, &four, sizeof(four)};
    ASSERT_CKR(CKR_OK, c().C_SignInit(session, &general, key));
    ASSERT_CKR(CKR_OK, c().C_SignUpdate(session, data.data(), data.size() / 3));
    ASSERT_CKR(CKR_OK, c().C_SignUpdate(session, data.data() + data.size() / 3,
                                        data.size() - data.size() / 3));
    length = out.size();
    ASSERT_CKR(CKR_OK, c().C_SignFinal(session, out.data(), &length));
    EXPECT_EQ(ByteString(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)),
              ByteString(mac.begin(), mac.begin() + 4));
    out[0] ^= 1;
    ASSERT_CKR(CKR_OK, c().C_VerifyInit(session, &general, key));
    EXPECT_CKR(CKR_SIGNATURE_INVALID,
               c().C_Verify(session, data.data(), data.size(), out.data(), 4));
  }
  const CK_OBJECT_HANDLE key = create_secret(session, CKK_AES, ByteString(16, 1), {CKA_SIGN});
  for (CK_ULONG wrong : {0, 17}) {
    CK_MECHANISM general{CKM_AES_CMAC_GENERAL, &wrong, sizeof(wrong)};
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_SignInit(session, &general, key));
  }
}

}  // namespace
}  // namespace strongroom::test
