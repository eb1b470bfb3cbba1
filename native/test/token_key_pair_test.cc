// Key pairs by the standard's functions: what they are made of, what is refused, how operations go
// on and end, what never waits, what outlives the device. That results are right is checked by
// independent code in test/unit/hsm/key-pairs.test.ts and in the tests of the algorithms.
#include <array>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

class TokenKeyPairTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }

  CK_RV pair(CK_MECHANISM_TYPE type, Attributes& of_public, Attributes& of_private) {
    Pair made;
    const CK_RV rv = generate_pair(session, type, of_public, of_private, &made);
    if (rv != CKR_OK) {
      EXPECT_EQ(made.public_key, CK_INVALID_HANDLE);
      EXPECT_EQ(made.private_key, CK_INVALID_HANDLE);
    }
    return rv;
  }
  std::size_t object_count() {
    Attributes any;
    return find(session, any).size();
  }
  CK_OBJECT_HANDLE make_sealing_key() {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32).flag(CKA_DERIVE, true);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &key));
    return key;
  }

  CK_SESSION_HANDLE session = 0;
  ByteString message = bytes_of("a message");
  Attributes none;
};

// Buffers of SR_SealKeyPair.
struct SealedPair {
  std::array<CK_BYTE, 1024> info{};
  std::array<CK_BYTE, SR_SEAL_NONCE_BYTES> nonce{};
  std::array<CK_BYTE, SR_SEAL_TAG_BYTES> tag{};
  std::array<CK_BYTE, 4096> ciphertext{};
  CK_ULONG info_length = 1024;
  CK_ULONG length = 4096;
  SR_SEALED_KEY_PAIR out{info.data(),       &info_length, {nonce.data(), tag.data()},
                         ciphertext.data(), &length,      nullptr};
};

TEST_F(TokenKeyPairTest, AnExistingPublicKeyIsMadeOfItsParts) {
  const Pair ec = make_p256(session);
  ByteString point;
  ASSERT_CKR(CKR_OK, get(session, ec.public_key, CKA_EC_POINT, &point));
  ASSERT_EQ(point.size(), 67u);  // 04 41, then 04 X Y
  const auto create = [&](ByteString parameters, ByteString encoded) {
    Attributes attributes;
    attributes.number(CKA_CLASS, CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, std::move(parameters))
        .bytes(CKA_EC_POINT, std::move(encoded));
    CK_OBJECT_HANDLE key;
    return c().C_CreateObject(session, attributes.data(), attributes.count(), &key);
  };
  EXPECT_CKR(CKR_OK, create(p256_parameters(), point));
  const ByteString raw(point.begin() + 2, point.end());
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(p256_parameters(), raw));
  ByteString off_curve = point;
  off_curve.back() ^= 1;
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(p256_parameters(), off_curve));
  ByteString longer = point;
  longer.push_back(0);
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(p256_parameters(), longer));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(p256_parameters(), {}));
  EXPECT_CKR(CKR_CURVE_NOT_SUPPORTED, create(from_hex("06052b81040021"), point));  // P-224
  EXPECT_CKR(CKR_DOMAIN_PARAMS_INVALID, create({}, point));
  EXPECT_CKR(CKR_DOMAIN_PARAMS_INVALID, create(from_hex("3003020101"), point));

  Attributes incomplete;
  incomplete.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_RSA);
  CK_OBJECT_HANDLE key;
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE,
             c().C_CreateObject(session, incomplete.data(), incomplete.count(), &key));
  Attributes crossed;
  crossed.number(CKA_CLASS, CKO_PUBLIC_KEY)
      .number(CKA_KEY_TYPE, CKK_RSA)
      .bytes(CKA_EC_POINT, point);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             c().C_CreateObject(session, crossed.data(), crossed.count(), &key));
  Attributes secret;
  secret.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_EC).flag(CKA_SENSITIVE, true);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             c().C_CreateObject(session, secret.data(), secret.count(), &key));
}

TEST_F(TokenKeyPairTest, BothAreMadeOrNone) {
  const CK_SESSION_HANDLE read_only = open_session(false);
  for (const bool public_on_token : {true, false}) {
    Attributes of_public;
    of_public.bytes(CKA_EC_PARAMS, p256_parameters()).flag(CKA_TOKEN, public_on_token);
    Attributes of_private;
    of_private.flag(CKA_TOKEN, !public_on_token);
    const std::size_t before = object_count();
    Pair made;
    EXPECT_CKR(CKR_SESSION_READ_ONLY,
               generate_pair(read_only, CKM_EC_KEY_PAIR_GEN, of_public, of_private, &made));
    EXPECT_EQ(object_count(), before);
    EXPECT_CKR(CKR_OK, pair(CKM_EC_KEY_PAIR_GEN, of_public, of_private));
    EXPECT_EQ(object_count(), before + 2);
  }
  // Without a user there is no private key, and then no public one either.
  const std::size_t with_user = object_count();
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  const std::size_t in_public = object_count();
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, pair(CKM_EC_KEY_PAIR_GEN, of_public, none));
  EXPECT_EQ(object_count(), in_public);
  EXPECT_LT(in_public, with_user);
}

TEST_F(TokenKeyPairTest, ArgumentsAreAskedFor) {
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  CK_OBJECT_HANDLE key = 0;
  const auto call = [&](CK_MECHANISM* how, CK_OBJECT_HANDLE* a, CK_OBJECT_HANDLE* b) {
    return c().C_GenerateKeyPair(session, how, of_public.data(), of_public.count(), nullptr, 0, a,
                                 b);
  };
  EXPECT_CKR(CKR_ARGUMENTS_BAD, call(nullptr, &key, &key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, call(&mechanism, nullptr, &key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, call(&mechanism, &key, nullptr));
  CK_BYTE parameter = 0;
  mechanism.pParameter = &parameter;
  mechanism.ulParameterLen = 1;
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, call(&mechanism, &key, &key));
  mechanism = {CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID, call(&mechanism, &key, &key));
}

TEST_F(TokenKeyPairTest, ASignatureAsksForItsLengthAndRoom) {
  const Pair ec = make_p256(session);
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_SignInit(session, &mechanism, ec.private_key));
  CK_ULONG length = 0;
  EXPECT_CKR(CKR_OK, c().C_Sign(session, message.data(), message.size(), nullptr, &length));
  EXPECT_EQ(length, 64u);
  ByteString signature(64);
  length = 63;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
             c().C_Sign(session, message.data(), message.size(), signature.data(), &length));
  EXPECT_EQ(length, 64u);
  EXPECT_CKR(CKR_OK,
             c().C_Sign(session, message.data(), message.size(), signature.data(), &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_Sign(session, message.data(), message.size(), signature.data(), &length));
  const auto check = [&](CK_OBJECT_HANDLE key, CK_ULONG signature_length) {
    if (const CK_RV rv = c().C_VerifyInit(session, &mechanism, key); rv != CKR_OK) return rv;
    return c().C_Verify(session, message.data(), message.size(), signature.data(),
                        signature_length);
  };
  EXPECT_CKR(CKR_OK, check(ec.public_key, 64));
  EXPECT_CKR(CKR_SIGNATURE_LEN_RANGE, check(ec.public_key, 63));
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, check(ec.private_key, 64));
  signature[0] ^= 1;
  EXPECT_CKR(CKR_SIGNATURE_INVALID, check(ec.public_key, 64));

  // A digest has 1 to 64 bytes.
  CK_MECHANISM raw{CKM_ECDSA, nullptr, 0};
  for (const std::size_t bytes : {0, 65}) {
    ByteString digest(65, 1);
    ASSERT_CKR(CKR_OK, c().C_SignInit(session, &raw, ec.private_key));
    length = 64;
    EXPECT_CKR(CKR_DATA_LEN_RANGE,
               c().C_Sign(session, digest.data(), bytes, signature.data(), &length));
  }
}

TEST_F(TokenKeyPairTest, ParametersOfRsaAreReadAtInit) {
  const Pair rsa = make_rsa(session);
  const auto sign = [&](CK_MECHANISM_TYPE type, CK_RSA_PKCS_PSS_PARAMS parameters) {
    CK_MECHANISM mechanism{type, &parameters, sizeof(parameters)};
    const CK_RV rv = c().C_SignInit(session, &mechanism, rsa.private_key);
    EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, CKF_SIGN));
    return rv;
  };
  EXPECT_CKR(CKR_OK, sign(CKM_RSA_PKCS_PSS, {CKM_SHA256, CKG_MGF1_SHA512, 222}));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             sign(CKM_RSA_PKCS_PSS, {CKM_SHA256, CKG_MGF1_SHA256, 223}));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             sign(CKM_RSA_PKCS_PSS, {CKM_SHA256, CKG_MGF1_SHA256, ~0UL}));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, sign(CKM_RSA_PKCS_PSS, {CKM_SHA256_HMAC, 2, 32}));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, sign(CKM_RSA_PKCS_PSS, {CKM_SHA256, 0, 32}));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             sign(CKM_SHA512_RSA_PKCS_PSS, {CKM_SHA256, CKG_MGF1_SHA256, 32}));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, sign(CKM_SHA256_RSA_PKCS, {CKM_SHA256, 2, 32}));

  const auto encrypt = [&](CK_RSA_PKCS_OAEP_PARAMS parameters, CK_ULONG length) {
    CK_MECHANISM mechanism{CKM_RSA_PKCS_OAEP, &parameters, length};
    const CK_RV rv = c().C_EncryptInit(session, &mechanism, rsa.public_key);
    EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, CKF_ENCRYPT));
    return rv;
  };
  constexpr CK_ULONG kWhole = sizeof(CK_RSA_PKCS_OAEP_PARAMS);
  CK_BYTE label[3] = {1, 2, 3};
  EXPECT_CKR(CKR_OK, encrypt({CKM_SHA512, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, label, 3}, kWhole));
  EXPECT_CKR(CKR_OK, encrypt({CKM_SHA256, CKG_MGF1_SHA256, 0, nullptr, 0}, kWhole));
  for (const CK_RSA_PKCS_OAEP_PARAMS& bad :
       {CK_RSA_PKCS_OAEP_PARAMS{CKM_SHA256, CKG_MGF1_SHA256, 0, label, 3},
        {CKM_SHA256, CKG_MGF1_SHA256, 2, nullptr, 0},
        {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 3},
        {CKM_RSA_PKCS, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0},
        {CKM_SHA256, 99, CKZ_DATA_SPECIFIED, nullptr, 0}}) {
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, encrypt(bad, kWhole));
  }
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             encrypt({CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0}, kWhole - 8));
}

TEST_F(TokenKeyPairTest, OaepTellsEnoughRoomAndThenTheLength) {
  const Pair rsa = make_rsa(session);
  CK_BYTE label[3] = {1, 2, 3};
  CK_RSA_PKCS_OAEP_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, label, 3};
  CK_MECHANISM mechanism{CKM_RSA_PKCS_OAEP, &parameters, sizeof(parameters)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, rsa.public_key));
  label[0] = 9;  // the operation has its own copy
  ByteString ciphertext(256);
  CK_ULONG length = 255;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
             c().C_Encrypt(session, message.data(), message.size(), ciphertext.data(), &length));
  EXPECT_EQ(length, 256u);
  EXPECT_CKR(CKR_OK,
             c().C_Encrypt(session, message.data(), message.size(), ciphertext.data(), &length));
  label[0] = 1;
  ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, rsa.private_key));
  EXPECT_CKR(CKR_OK, c().C_Decrypt(session, ciphertext.data(), 256, nullptr, &length));
  EXPECT_EQ(length, 190u);
  ByteString opened(message.size());
  length = opened.size() - 1;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
             c().C_Decrypt(session, ciphertext.data(), 256, opened.data(), &length));
  EXPECT_EQ(length, message.size());
  EXPECT_CKR(CKR_OK, c().C_Decrypt(session, ciphertext.data(), 256, opened.data(), &length));
  EXPECT_EQ(opened, message);
}

TEST_F(TokenKeyPairTest, WhatIsSlowNeverRunsOnAThreadThatMayNotWait) {
  const Pair rsa = make_rsa(session);
  const Pair ec = make_p256(session);
  const CK_OBJECT_HANDLE sealing = make_sealing_key();
  const std::size_t before = object_count();
  ByteString signature(256);
  CK_ULONG length = signature.size();
  CK_MECHANISM pkcs1{CKM_SHA256_RSA_PKCS, nullptr, 0};
  CK_MECHANISM ecdsa{CKM_ECDSA_SHA256, nullptr, 0};
  const auto sign = [&](CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    length = signature.size();
    return sr().SR_Sign(session, mechanism, key, message.data(), message.size(), signature.data(),
                        &length);
  };
  ASSERT_CKR(CKR_OK, sign(&ecdsa, ec.private_key));  // self-tests
  ASSERT_CKR(CKR_OK, sign(&pkcs1, rsa.private_key));
  const ByteString good(signature);

  sr().SR_SetNoWait(CK_TRUE);
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  EXPECT_CKR(CKR_STRONGROOM_BUSY, pair(CKM_EC_KEY_PAIR_GEN, of_public, none));
  CK_MECHANISM generation{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  SealedPair sealed;
  EXPECT_CKR(CKR_STRONGROOM_BUSY,
             sr().SR_SealKeyPair(session, &generation, of_public.data(), of_public.count(), sealing,
                                 nullptr, 0, &sealed.out));
  signature.assign(256, 0xEE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, sign(&pkcs1, rsa.private_key));
  EXPECT_EQ(signature, ByteString(256, 0xEE));
  EXPECT_CKR(CKR_OK, sr().SR_Verify(session, &pkcs1, rsa.public_key, message.data(), message.size(),
                                    const_cast<CK_BYTE*>(good.data()), good.size()));
  EXPECT_CKR(CKR_OK, sign(&ecdsa, ec.private_key));
  // An operation that is told to wait goes on where waiting is allowed.
  ASSERT_CKR(CKR_OK, c().C_SignInit(session, &pkcs1, rsa.private_key));
  length = signature.size();
  EXPECT_CKR(CKR_STRONGROOM_BUSY,
             c().C_Sign(session, message.data(), message.size(), signature.data(), &length));
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_CKR(CKR_OK,
             c().C_Sign(session, message.data(), message.size(), signature.data(), &length));
  EXPECT_EQ(signature, good);
  EXPECT_EQ(object_count(), before);
}

TEST_F(TokenKeyPairTest, ASealedPairLeavesNoObjectAndAsksForRoom) {
  const CK_OBJECT_HANDLE sealing = make_sealing_key();
  const std::size_t before = object_count();
  CK_MECHANISM generation{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  const auto seal = [&](SR_SEALED_KEY_PAIR* out) {
    return sr().SR_SealKeyPair(session, &generation, of_public.data(), of_public.count(), sealing,
                               message.data(), message.size(), out);
  };
  SealedPair whole;
  ASSERT_CKR(CKR_OK, seal(&whole.out));
  EXPECT_EQ(whole.info_length, 91u);
  EXPECT_EQ(whole.length, 138u);
  SealedPair short_one;
  short_one.length = 137;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, seal(&short_one.out));
  EXPECT_EQ(short_one.length, 138u);
  EXPECT_EQ(short_one.info_length, 91u);
  EXPECT_EQ(short_one.ciphertext, SealedPair().ciphertext);
  EXPECT_EQ(short_one.info, SealedPair().info);
  SealedPair nowhere;
  nowhere.out.pCiphertext = nullptr;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, seal(&nowhere.out));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, seal(nullptr));
  EXPECT_EQ(object_count(), before);

  // What was sealed is a private key, and was not written anywhere in the clear.
  CK_MECHANISM open{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_MessageDecryptInit(session, &open, sealing));
  ByteString opened(whole.length);
  CK_ULONG length = opened.size();
  ASSERT_CKR(CKR_OK, c().C_DecryptMessage(session, &whole.out.seal, sizeof(SR_SEAL_PARAMS),
                                          message.data(), message.size(), whole.ciphertext.data(),
                                          whole.length, opened.data(), &length));
  EXPECT_EQ(opened[0], 0x30);
  EXPECT_FALSE(std::equal(opened.begin(), opened.end(), whole.ciphertext.begin()));
}

TEST_F(TokenKeyPairTest, APublicKeyIsPublicAndItsPartsStay) {
  const Pair rsa = make_rsa(session);
  EXPECT_FALSE(flag(session, rsa.public_key, CKA_PRIVATE));
  EXPECT_TRUE(flag(session, rsa.private_key, CKA_PRIVATE));
  for (const CK_ATTRIBUTE_TYPE type : {CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PUBLIC_KEY_INFO}) {
    ByteString of_public;
    ByteString of_private;
    ASSERT_CKR(CKR_OK, get(session, rsa.public_key, type, &of_public));
    ASSERT_CKR(CKR_OK, get(session, rsa.private_key, type, &of_private));
    EXPECT_EQ(of_public, of_private);
    Attributes change;
    change.bytes(type, of_public);
    for (const CK_OBJECT_HANDLE key : {rsa.public_key, rsa.private_key})
      EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
                 c().C_SetAttributeValue(session, key, change.data(), change.count()));
  }
  ByteString value;
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, rsa.public_key, CKA_VALUE, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, rsa.public_key, CKA_SENSITIVE, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, rsa.public_key, CKA_EC_POINT, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, rsa.private_key, CKA_EC_PARAMS, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, rsa.private_key, CKA_MODULUS_BITS, &value));
  EXPECT_CKR(CKR_OK, get(session, rsa.private_key, CKA_SUBJECT, &value));
  EXPECT_TRUE(value.empty());
}

}  // namespace
}  // namespace strongroom::test
