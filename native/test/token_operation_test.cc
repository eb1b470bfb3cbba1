// Encryption, message-based encryption, MACs, random: results, lengths and refusals (PKCS#11
// v3.2, 5.2, 5.8 to 5.15, 5.20).
#include <cstring>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenOperationTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }
  CK_OBJECT_HANDLE make_seal_key(std::size_t bytes = 32) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, bytes).flag(CKA_DERIVE, true);
    CK_OBJECT_HANDLE key = 0;
    EXPECT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &key));
    return key;
  }
  CK_SESSION_HANDLE session = 0;
  CK_BYTE iv_bytes[12] = {1, 2, 3};
};

TEST_F(TokenOperationTest, GcmAnswersThePublishedVector) {
  // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_AES,
                    from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
                    {CKA_ENCRYPT, CKA_DECRYPT});
  const ByteString plaintext = from_hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
      "b525b16aedf5aa0de657ba637b39");
  const ByteString aad = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  ByteString sealed;
  ASSERT_CKR(CKR_OK,
             encrypt(session, key, from_hex("cafebabefacedbaddecaf888"), aad, plaintext, &sealed));
  EXPECT_EQ(sealed, from_hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08"
                             "e48590dbb3da7b08b1056828838"
                             "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"));
}

TEST_F(TokenOperationTest, LengthConventions) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  CK_GCM_PARAMS parameters{iv_bytes, 12, 96, nullptr, 0, 96};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  CK_BYTE data[10] = {};
  CK_BYTE out[64];
  CK_ULONG length = 0;
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OK, c().C_Encrypt(session, data, 10, nullptr, &length));
  EXPECT_EQ(length, 22u);
  length = 21;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_Encrypt(session, data, 10, out, &length));
  EXPECT_EQ(length, 22u);
  length = sizeof(out);
  EXPECT_CKR(CKR_OK, c().C_Encrypt(session, data, 10, out, &length));
  EXPECT_EQ(length, 22u);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Encrypt(session, data, 10, out, &length));

  ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
  CK_BYTE opened[10] = {1};
  length = 9;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_Decrypt(session, out, 22, opened, &length));
  EXPECT_EQ(length, 10u);
  EXPECT_CKR(CKR_OK, c().C_Decrypt(session, out, 22, opened, &length));
  EXPECT_EQ(std::memcmp(opened, data, 10), 0);

  ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_ENCRYPTED_DATA_LEN_RANGE, c().C_Decrypt(session, out, 11, opened, &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Decrypt(session, out, 22, opened, &length));
}

TEST_F(TokenOperationTest, ParametersAreCopiedAtInit) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  ByteString expected;
  const ByteString iv(iv_bytes, iv_bytes + 12);
  ASSERT_CKR(CKR_OK, encrypt(session, key, iv, bytes_of("aad"), bytes_of("data"), &expected));
  ByteString aad = bytes_of("aad");
  CK_GCM_PARAMS parameters{iv_bytes, 12, 96, aad.data(), aad.size(), 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  std::memset(iv_bytes, 0, sizeof(iv_bytes));
  aad.assign(3, 0);
  std::memset(&parameters, 0, sizeof(parameters));
  ByteString data = bytes_of("data");
  ByteString out(20, 0);
  CK_ULONG length = out.size();
  ASSERT_CKR(CKR_OK, c().C_Encrypt(session, data.data(), data.size(), out.data(), &length));
  EXPECT_EQ(out, expected);
}

TEST_F(TokenOperationTest, InPlaceWorksAndUnevenOverlapIsRefused) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  const ByteString iv(iv_bytes, iv_bytes + 12);
  ByteString expected;
  ASSERT_CKR(CKR_OK, encrypt(session, key, iv, {}, bytes_of("0123456789"), &expected));
  ByteString buffer = bytes_of("0123456789");
  buffer.resize(40);
  CK_GCM_PARAMS parameters{iv_bytes, 12, 96, nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  CK_ULONG length = buffer.size();
  ASSERT_CKR(CKR_OK, c().C_Encrypt(session, buffer.data(), 10, buffer.data(), &length));
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), buffer.begin()));
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             c().C_Encrypt(session, buffer.data() + 1, 10, buffer.data(), &length));
}

TEST_F(TokenOperationTest, InitRefusals) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  CK_GCM_PARAMS good{iv_bytes, 12, 96, nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &good, sizeof(good)};
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, c().C_EncryptInit(session, &mechanism, key + 1));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_EncryptInit(0, &mechanism, key));
  CK_MECHANISM unknown{0x99, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_EncryptInit(session, &unknown, key));
  CK_MECHANISM other{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_EncryptInit(session, &other, key));
  CK_MECHANISM messages{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_EncryptInit(session, &messages, make_seal_key()));
  for (const CK_GCM_PARAMS& each : {CK_GCM_PARAMS{nullptr, 12, 96, nullptr, 0, 128},
                                    {iv_bytes, 0, 0, nullptr, 0, 128},
                                    {iv_bytes, 257, 0, nullptr, 0, 128},
                                    {iv_bytes, 12, 96, nullptr, 1, 128},
                                    {iv_bytes, 12, 96, nullptr, 0, 127},
                                    {iv_bytes, 12, 96, nullptr, 0, 64},
                                    {iv_bytes, 12, 96, nullptr, 0, 136}}) {
    CK_GCM_PARAMS bad = each;
    CK_MECHANISM with_bad{CKM_AES_GCM, &bad, sizeof(bad)};
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_EncryptInit(session, &with_bad, key));
  }
  CK_MECHANISM short_parameter{CKM_AES_GCM, &good, sizeof(good) - 1};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_EncryptInit(session, &short_parameter, key));
  CK_MECHANISM none{CKM_AES_GCM, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_DecryptInit(session, &none, key));
  const CK_OBJECT_HANDLE generic =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_ENCRYPT, CKA_SIGN});
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, c().C_EncryptInit(session, &mechanism, generic));
  const CK_OBJECT_HANDLE encrypt_only =
      create_secret(session, CKK_AES, ByteString(32, 1), {CKA_ENCRYPT});
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, c().C_DecryptInit(session, &mechanism, encrypt_only));
  Attributes restricted;
  aes_template(restricted);
  restricted.mechanisms({CKM_AES_KEY_WRAP_KWP});
  CK_OBJECT_HANDLE kwp_only = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, restricted, &kwp_only));
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_EncryptInit(session, &mechanism, kwp_only));
  // Nothing above left an operation behind.
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
}

TEST_F(TokenOperationTest, OneOperationAtATime) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  CK_GCM_PARAMS parameters{iv_bytes, 12, 96, nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_EncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_DecryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_FindObjectsInit(session, nullptr, 0));
  CK_BYTE out[64];
  CK_ULONG length = sizeof(out);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Decrypt(session, out, 20, out, &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Sign(session, out, 20, out, &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_FindObjectsFinal(session));
  // A null mechanism ends the operation of its own kind only.
  EXPECT_CKR(CKR_OK, c().C_DecryptInit(session, nullptr, 0));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_DecryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OK, c().C_EncryptInit(session, nullptr, 0));
  EXPECT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, CKF_DECRYPT));
  // Bad arguments end it too, as the standard has it.
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_Encrypt(session, nullptr, 1, out, &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Encrypt(session, out, 1, out, &length));
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_Encrypt(session, out, 1, out, nullptr));
}

TEST_F(TokenOperationTest, ADestroyedKeyEndsItsOperations) {
  const CK_OBJECT_HANDLE key = make_aes(session, true);
  CK_GCM_PARAMS parameters{iv_bytes, 12, 96, nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, key));
  CK_BYTE out[64];
  CK_ULONG length = sizeof(out);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Encrypt(session, out, 1, out, &length));
  EXPECT_CKR(CKR_OK, c().C_FindObjectsInit(session, nullptr, 0));  // nothing is left active
}

TEST_F(TokenOperationTest, MessagesWithGcm) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  CK_MECHANISM mechanism{CKM_AES_GCM, nullptr, 0};
  ByteString data = bytes_of("message");
  CK_BYTE tag[16];
  CK_BYTE sealed[7];
  CK_ULONG length = sizeof(sealed);
  CK_BYTE iv[12] = {};
  CK_GCM_MESSAGE_PARAMS parameters{iv, 12, 0, CKG_GENERATE, tag, 128};
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_EncryptMessage(session, &parameters, sizeof(parameters), nullptr, 0, data.data(),
                                  7, sealed, &length));
  ASSERT_CKR(CKR_OK, c().C_MessageEncryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OK, c().C_EncryptMessage(session, &parameters, sizeof(parameters), nullptr, 0,
                                          data.data(), 7, nullptr, &length));
  EXPECT_EQ(length, 7u);
  const CK_BYTE untouched[12] = {};
  EXPECT_EQ(std::memcmp(iv, untouched, 12), 0);  // asking for the length makes no IV
  length = 6;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
             c().C_EncryptMessage(session, &parameters, sizeof(parameters), nullptr, 0, data.data(),
                                  7, sealed, &length));
  ASSERT_CKR(CKR_OK, c().C_EncryptMessage(session, &parameters, sizeof(parameters), nullptr, 0,
                                          data.data(), 7, sealed, &length));
  EXPECT_NE(std::memcmp(iv, untouched, 12), 0);
  const ByteString first_iv(iv, iv + 12);
  ByteString whole;
  whole.reserve(sizeof(sealed) + sizeof(tag));
  whole.assign(sealed, sealed + 7);
  whole.insert(whole.end(), tag, tag + 16);
  for (const CK_GCM_MESSAGE_PARAMS& each :
       {CK_GCM_MESSAGE_PARAMS{iv, 12, 8, CKG_GENERATE, tag, 128},
        {iv, 8, 0, CKG_GENERATE, tag, 128},
        {nullptr, 12, 0, CKG_GENERATE, tag, 128},
        {iv, 12, 0, CKG_GENERATE, nullptr, 128},
        {iv, 12, 0, CKG_GENERATE, tag, 64},
        {iv, 12, 0, 77, tag, 128}}) {
    CK_GCM_MESSAGE_PARAMS bad = each;
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               c().C_EncryptMessage(session, &bad, sizeof(bad), nullptr, 0, data.data(), 7, sealed,
                                    &length));
  }
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_EncryptMessage(session, nullptr, 0, nullptr, 0,
                                                               data.data(), 7, sealed, &length));
  // Still active: a second message has its own IV. A fixed field stays as it was.
  CK_BYTE long_iv[16] = {9, 9, 9, 9};
  CK_GCM_MESSAGE_PARAMS fixed{long_iv, 16, 32, CKG_GENERATE_RANDOM, tag, 128};
  ASSERT_CKR(CKR_OK, c().C_EncryptMessage(session, &fixed, sizeof(fixed), nullptr, 0, data.data(),
                                          7, sealed, &length));
  EXPECT_EQ(long_iv[0], 9);
  EXPECT_EQ(long_iv[3], 9);
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_MessageDecryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_MessageDecryptFinal(session));
  EXPECT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_MessageEncryptFinal(session));

  ByteString opened;
  ASSERT_CKR(CKR_OK, decrypt(session, key, first_iv, {}, whole, &opened));
  EXPECT_EQ(opened, data);
  ASSERT_CKR(CKR_OK, c().C_MessageDecryptInit(session, &mechanism, key));
  CK_BYTE plain[7];
  length = 7;
  ASSERT_CKR(CKR_OK, c().C_DecryptMessage(session, &fixed, sizeof(fixed), nullptr, 0, sealed, 7,
                                          plain, &length));
  EXPECT_EQ(std::memcmp(plain, data.data(), 7), 0);
  tag[0] ^= 1;
  EXPECT_CKR(CKR_AEAD_DECRYPT_FAILED, c().C_DecryptMessage(session, &fixed, sizeof(fixed), nullptr,
                                                           0, sealed, 7, plain, &length));
  EXPECT_EQ(ByteString(plain, plain + 7), ByteString(7, 0));
  EXPECT_CKR(CKR_OK, c().C_MessageDecryptFinal(session));
}

TEST_F(TokenOperationTest, MessagesWithADerivedKey) {
  const CK_OBJECT_HANDLE key = make_seal_key();
  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES] = {};
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  SR_SEAL_PARAMS seal{nonce, tag};
  ByteString aad = bytes_of("context");
  for (std::size_t size : {0u, 1u, 32u, 4096u}) {
    ByteString data(size + 1, 0x5A);
    ByteString sealed(size + 1);
    ByteString opened(size + 1);
    CK_ULONG length = size;
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptInit(session, &mechanism, key));
    ASSERT_CKR(CKR_OK, c().C_EncryptMessage(session, &seal, sizeof(seal), aad.data(), aad.size(),
                                            data.data(), size, sealed.data(), &length));
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
    ASSERT_CKR(CKR_OK, c().C_MessageDecryptInit(session, &mechanism, key));
    length = size;
    ASSERT_CKR(CKR_OK, c().C_DecryptMessage(session, &seal, sizeof(seal), aad.data(), aad.size(),
                                            sealed.data(), size, opened.data(), &length));
    EXPECT_EQ(length, size);
    EXPECT_TRUE(std::equal(data.begin(), data.begin() + static_cast<long>(size), opened.begin()));
    nonce[27] ^= 1;
    EXPECT_CKR(CKR_AEAD_DECRYPT_FAILED,
               c().C_DecryptMessage(session, &seal, sizeof(seal), aad.data(), aad.size(),
                                    sealed.data(), size, opened.data(), &length));
    nonce[27] ^= 1;
    EXPECT_CKR(CKR_AEAD_DECRYPT_FAILED,
               c().C_DecryptMessage(session, &seal, sizeof(seal), aad.data(), aad.size() - 1,
                                    sealed.data(), size, opened.data(), &length));
    ASSERT_CKR(CKR_OK, c().C_MessageDecryptFinal(session));
  }
  SR_SEAL_PARAMS no_tag{nonce, nullptr};
  CK_BYTE byte = 0;
  CK_ULONG length = 1;
  ASSERT_CKR(CKR_OK, c().C_MessageEncryptInit(session, &mechanism, key));
  EXPECT_CKR(
      CKR_MECHANISM_PARAM_INVALID,
      c().C_EncryptMessage(session, &no_tag, sizeof(no_tag), nullptr, 0, &byte, 1, &byte, &length));
  ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
  // Not for short keys, not for AES keys, not for keys that may not derive.
  EXPECT_CKR(CKR_KEY_SIZE_RANGE, c().C_MessageEncryptInit(session, &mechanism, make_seal_key(31)));
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT,
             c().C_MessageEncryptInit(session, &mechanism, make_aes(session)));
  const CK_OBJECT_HANDLE sign_only =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN, CKA_ENCRYPT});
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             c().C_MessageEncryptInit(session, &mechanism, sign_only));
}

TEST_F(TokenOperationTest, SealedRandomOpensAsAMessage) {
  const CK_OBJECT_HANDLE key = make_seal_key();
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  SR_SEAL_PARAMS seal{nonce, tag};
  ByteString aad = bytes_of("context");
  CK_BYTE plain[32];
  CK_BYTE sealed[32];
  ASSERT_CKR(CKR_OK,
             sr().SR_SealRandom(session, key, &seal, aad.data(), aad.size(), 32, plain, sealed));
  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  CK_BYTE opened[32];
  CK_ULONG length = 32;
  ASSERT_CKR(CKR_OK, c().C_MessageDecryptInit(session, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_DecryptMessage(session, &seal, sizeof(seal), aad.data(), aad.size(),
                                          sealed, 32, opened, &length));
  EXPECT_EQ(std::memcmp(plain, opened, 32), 0);
  ASSERT_CKR(CKR_OK, sr().SR_SealRandom(session, key, &seal, nullptr, 0, 32, nullptr,
                                        sealed));  // kept inside; no operation in the way
  ASSERT_CKR(CKR_OK, c().C_DecryptMessage(session, &seal, sizeof(seal), nullptr, 0, sealed, 32,
                                          opened, &length));
  EXPECT_NE(std::memcmp(plain, opened, 32), 0);

  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_SealRandom(session, key, &seal, nullptr, 0, 0, plain, sealed));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_SealRandom(session, key, &seal, nullptr, 0, 65537, plain, sealed));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_SealRandom(session, key, nullptr, nullptr, 0, 32, plain, sealed));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_SealRandom(session, key, &seal, nullptr, 0, 32, plain, nullptr));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID,
             sr().SR_SealRandom(session, key + 1, &seal, nullptr, 0, 32, plain, sealed));
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT,
             sr().SR_SealRandom(session, make_aes(session), &seal, nullptr, 0, 32, plain, sealed));
}

TEST_F(TokenOperationTest, HmacAnswersThePublishedVector) {
  // RFC 4231, test case 2.
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_SHA256_HMAC, bytes_of("Jefe"), {CKA_SIGN, CKA_VERIFY});
  ByteString mac;
  ASSERT_CKR(CKR_OK, hmac(session, key, bytes_of("what do ya want for nothing?"), &mac));
  EXPECT_EQ(mac, from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));

  ByteString data = bytes_of("what do ya want for nothing?");
  const auto check = [&](CK_MECHANISM mechanism, ByteString signature) {
    const CK_RV rv = c().C_VerifyInit(session, &mechanism, key);
    return rv == CKR_OK
               ? c().C_Verify(session, data.data(), data.size(), signature.data(), signature.size())
               : rv;
  };
  CK_MECHANISM full{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_OK, check(full, mac));
  CK_ULONG bytes = 16;
  CK_MECHANISM general{CKM_SHA256_HMAC_GENERAL, &bytes, sizeof(bytes)};
  const ByteString half(mac.begin(), mac.begin() + 16);
  EXPECT_CKR(CKR_OK, check(general, half));
  EXPECT_CKR(CKR_SIGNATURE_LEN_RANGE, check(full, half));
  EXPECT_CKR(CKR_SIGNATURE_LEN_RANGE, check(general, mac));
  ByteString wrong = mac;
  wrong[31] ^= 1;
  EXPECT_CKR(CKR_SIGNATURE_INVALID, check(full, wrong));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_Verify(session, data.data(), data.size(), mac.data(), mac.size()));
  for (CK_ULONG bad : {0ul, 33ul}) {
    CK_MECHANISM with_bad{CKM_SHA256_HMAC_GENERAL, &bad, sizeof(bad)};
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_SignInit(session, &with_bad, key));
  }
  CK_MECHANISM parameter{CKM_SHA256_HMAC, &bytes, sizeof(bytes)};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_SignInit(session, &parameter, key));
  CK_MECHANISM bare{CKM_SHA256_HMAC_GENERAL, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_SignInit(session, &bare, key));
  const CK_OBJECT_HANDLE verify_only =
      create_secret(session, CKK_GENERIC_SECRET, bytes_of("Jefe"), {CKA_VERIFY});
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, c().C_SignInit(session, &full, verify_only));
}

TEST_F(TokenOperationTest, SignLengths) {
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, bytes_of("Jefe"), {CKA_SIGN});
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_SignInit(session, &mechanism, key));
  CK_BYTE mac[32];
  CK_ULONG length = 0;
  EXPECT_CKR(CKR_OK, c().C_Sign(session, nullptr, 0, nullptr, &length));
  EXPECT_EQ(length, 32u);
  length = 31;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_Sign(session, nullptr, 0, mac, &length));
  EXPECT_EQ(length, 32u);
  EXPECT_CKR(CKR_OK, c().C_Sign(session, nullptr, 0, mac, &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Sign(session, nullptr, 0, mac, &length));
}

TEST_F(TokenOperationTest, Random) {
  ByteString first(64, 0);
  ByteString second(64, 0);
  ASSERT_CKR(CKR_OK, c().C_GenerateRandom(session, first.data(), first.size()));
  ASSERT_CKR(CKR_OK, c().C_SeedRandom(session, first.data(), first.size()));
  ASSERT_CKR(CKR_OK, c().C_GenerateRandom(session, second.data(), second.size()));
  EXPECT_NE(first, ByteString(64, 0));
  EXPECT_NE(first, second);
  EXPECT_CKR(CKR_OK, c().C_GenerateRandom(session, nullptr, 0));
  EXPECT_CKR(CKR_OK, c().C_SeedRandom(session, nullptr, 0));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GenerateRandom(session, nullptr, 1));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_SeedRandom(session, nullptr, 1));
}

TEST_F(TokenOperationTest, NoWaitOperationsWork) {
  const CK_OBJECT_HANDLE key = make_seal_key();
  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  SR_SEAL_PARAMS seal{nonce, tag};
  CK_BYTE data[32] = {};
  const auto one = [&] {
    CK_ULONG length = sizeof(data);
    CK_RV rv = c().C_MessageEncryptInit(session, &mechanism, key);
    if (rv == CKR_OK)
      rv = c().C_EncryptMessage(session, &seal, sizeof(seal), nullptr, 0, data, 32, data, &length);
    c().C_MessageEncryptFinal(session);
    return rv;
  };
  ASSERT_CKR(CKR_OK, one());  // self-tests and entropy
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_OK, one());
  sr().SR_SetNoWait(CK_FALSE);
}

}  // namespace strongroom::test
