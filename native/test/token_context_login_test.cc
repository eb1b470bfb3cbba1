// CKA_ALWAYS_AUTHENTICATE and CKU_CONTEXT_SPECIFIC (PKCS#11 v3.2, 4.9 and 5.6.8): a login for one
// operation, by whichever function the key is used.
#include "test/token_fixture.h"

namespace strongroom::test {

class TokenContextLoginTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    pair = make(CKM_RSA_PKCS_KEY_PAIR_GEN);
  }

  // Asks for a login each time it signs or decrypts.
  static Pair make_in(CK_SESSION_HANDLE where, CK_MECHANISM_TYPE type, bool on_token = false) {
    Attributes of_public;
    Attributes of_private;
    of_public.flag(CKA_VERIFY, true);
    of_private.flag(CKA_SIGN, true).flag(CKA_ALWAYS_AUTHENTICATE, true).flag(CKA_TOKEN, on_token);
    if (type == CKM_RSA_PKCS_KEY_PAIR_GEN) {
      of_public.number(CKA_MODULUS_BITS, 2048).flag(CKA_ENCRYPT, true);
      of_private.flag(CKA_DECRYPT, true).flag(CKA_UNWRAP, true);
    } else {
      of_public.bytes(CKA_EC_PARAMS, p256_parameters());
    }
    Pair made;
    EXPECT_CKR(CKR_OK, generate_pair(where, type, of_public, of_private, &made));
    return made;
  }
  Pair make(CK_MECHANISM_TYPE type, bool on_token = false) {
    return make_in(session, type, on_token);
  }

  static CK_RV sign_init(CK_SESSION_HANDLE where, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS, nullptr, 0};
    return c().C_SignInit(where, &mechanism, key);
  }
  static CK_RV sign(CK_SESSION_HANDLE where) {
    CK_BYTE data[] = {1, 2, 3};
    CK_BYTE signature[512];
    CK_ULONG length = sizeof(signature);
    return c().C_Sign(where, data, sizeof(data), signature, &length);
  }
  static CK_RV login_again(CK_SESSION_HANDLE where, std::string_view pin = kUserPin) {
    return try_login(where, CKU_CONTEXT_SPECIFIC, pin);
  }

  CK_SESSION_HANDLE session = 0;
  Pair pair;
};

TEST_F(TokenContextLoginTest, OneLoginIsForOneSignature) {
  EXPECT_TRUE(flag(session, pair.private_key, CKA_ALWAYS_AUTHENTICATE));
  for (int i = 0; i < 2; ++i) {
    ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
    EXPECT_CKR(CKR_OK, login_again(session));
    EXPECT_EQ(state(session), CKS_RW_USER_FUNCTIONS);  // nothing but the operation has changed
    EXPECT_CKR(CKR_OK, sign(session));
  }
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, sign(session));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(session));  // that call was its end
}

TEST_F(TokenContextLoginTest, PartsNeedItToo) {
  CK_BYTE part[] = {1, 2, 3};
  CK_BYTE signature[512];
  CK_ULONG length = sizeof(signature);
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, c().C_SignUpdate(session, part, sizeof(part)));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_SignFinal(session, signature, &length));
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, c().C_SignFinal(session, signature, &length));

  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  ASSERT_CKR(CKR_OK, login_again(session));
  EXPECT_CKR(CKR_OK, c().C_SignUpdate(session, part, sizeof(part)));
  EXPECT_CKR(CKR_OK, c().C_SignFinal(session, nullptr, &length));
  EXPECT_CKR(CKR_OK, c().C_SignUpdate(session, part, sizeof(part)));
  EXPECT_CKR(CKR_OK, c().C_SignFinal(session, signature, &length));
}

TEST_F(TokenContextLoginTest, DecryptionNeedsIt) {
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
  CK_MECHANISM mechanism{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
  CK_BYTE message[] = {4, 5, 6};
  CK_BYTE sealed[512];
  CK_ULONG sealed_length = sizeof(sealed);
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, pair.public_key));  // no login for this
  ASSERT_CKR(CKR_OK, c().C_Encrypt(session, message, sizeof(message), sealed, &sealed_length));
  CK_BYTE opened[512];
  CK_ULONG length = sizeof(opened);
  ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, pair.private_key));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN,
             c().C_Decrypt(session, sealed, sealed_length, opened, &length));
  ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, pair.private_key));
  ASSERT_CKR(CKR_OK, login_again(session));
  ASSERT_CKR(CKR_OK, c().C_Decrypt(session, sealed, sealed_length, opened, &length));
  EXPECT_EQ(ByteString(opened, opened + length), ByteString(message, message + sizeof(message)));
}

TEST_F(TokenContextLoginTest, CallsWithoutAnInitCannotUseTheKey) {
  CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS, nullptr, 0};
  CK_BYTE data[3] = {};
  CK_BYTE out[512];
  CK_ULONG length = sizeof(out);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN,
             sr().SR_Sign(session, &mechanism, pair.private_key, data, sizeof(data), out, &length));
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
  CK_MECHANISM by_oaep{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
  CK_ULONG sealed_length = sizeof(out);
  ASSERT_CKR(CKR_OK, sr().SR_Encrypt(session, &by_oaep, pair.public_key, data, sizeof(data), out,
                                     &sealed_length));
  CK_BYTE opened[512];
  length = sizeof(opened);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, sr().SR_Decrypt(session, &by_oaep, pair.private_key, out,
                                                     sealed_length, opened, &length));
  SR_CIPHER_KEY from{&by_oaep, pair.private_key, nullptr, 0};
  SR_CIPHER_KEY to{&by_oaep, pair.public_key, nullptr, 0};
  length = sizeof(opened);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN,
             sr().SR_ReEncrypt(session, &from, out, sealed_length, &to, opened, &length));
  // C_UnwrapKey has no Init, so no login can come between.
  Attributes unwrapped;
  unwrapped.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN,
             c().C_UnwrapKey(session, &by_oaep, pair.private_key, out, sealed_length,
                             unwrapped.data(), unwrapped.count(), &key));
  // Nor does a login for one operation open the door for another call meanwhile.
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  ASSERT_CKR(CKR_OK, login_again(session));
  const CK_SESSION_HANDLE other = open_session();
  length = sizeof(out);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN,
             sr().SR_Sign(other, &mechanism, pair.private_key, data, sizeof(data), out, &length));
  ASSERT_CKR(CKR_OK, sign_init(other, pair.private_key));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, sign(other));
  EXPECT_CKR(CKR_OK, sign(session));
}

TEST_F(TokenContextLoginTest, WrongStateIsNotInitialized) {
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(session));
  const Pair plain = make_rsa(session);
  ASSERT_CKR(CKR_OK, sign_init(session, plain.private_key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(session));
  EXPECT_CKR(CKR_OK, sign(session));  // the operation is none the worse for it
  ASSERT_CKR(CKR_OK, c().C_FindObjectsInit(session, nullptr, 0));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(session));
  ASSERT_CKR(CKR_OK, c().C_FindObjectsFinal(session));
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  ASSERT_CKR(CKR_OK, login_again(session));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(session));  // it waits no longer
  EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, CKF_SIGN));
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(open_session()));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, pair.private_key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, login_again(session));
  EXPECT_EQ(token_info(slot).flags & CKF_USER_PIN_COUNT_LOW, 0u);
}

TEST_F(TokenContextLoginTest, AWrongPinLeavesTheOperationWaiting) {
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  EXPECT_CKR(CKR_PIN_INCORRECT, login_again(session, "not the pin"));
  EXPECT_CKR(CKR_PIN_INCORRECT, login_again(session, kSoPin));
  EXPECT_NE(token_info(slot).flags & CKF_USER_PIN_COUNT_LOW, 0u);
  EXPECT_CKR(CKR_OK, login_again(session));
  EXPECT_EQ(token_info(slot).flags & CKF_USER_PIN_COUNT_LOW, 0u);
  EXPECT_CKR(CKR_OK, sign(session));
}

TEST_F(TokenContextLoginTest, TheTryThatLocksThePinLogsOut) {
  const CK_SESSION_HANDLE other = open_session(false);
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  for (int i = 1; i < 10; ++i) EXPECT_CKR(CKR_PIN_INCORRECT, login_again(session, "not the pin"));
  EXPECT_NE(token_info(slot).flags & CKF_USER_PIN_FINAL_TRY, 0u);
  EXPECT_CKR(CKR_PIN_LOCKED, login_again(session, "not the pin"));
  EXPECT_EQ(state(session), CKS_RW_PUBLIC_SESSION);
  EXPECT_EQ(state(other), CKS_RO_PUBLIC_SESSION);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, sign(session));
  EXPECT_CKR(CKR_PIN_LOCKED, try_login(session, CKU_USER, kUserPin));
}

TEST_F(TokenContextLoginTest, ALogoutBetweenIsTheEnd) {
  const Pair kept = make(CKM_EC_KEY_PAIR_GEN, true);
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_SignInit(session, &mechanism, kept.private_key));
  ASSERT_CKR(CKR_OK, login_again(session));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  login(session);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, sign(session));
}

TEST_F(TokenContextLoginTest, NoWaitThreadsLogInElsewhere) {
  ASSERT_CKR(CKR_OK, sign_init(session, pair.private_key));
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, login_again(session));
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_CKR(CKR_OK, login_again(session));
  EXPECT_CKR(CKR_OK, sign(session));
}

TEST_F(TokenContextLoginTest, OnlyPrivateObjectsAsk) {
  Attributes of_public;
  Attributes of_private;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  of_private.flag(CKA_PRIVATE, false).flag(CKA_ALWAYS_AUTHENTICATE, true);
  Pair made;
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             generate_pair(session, CKM_EC_KEY_PAIR_GEN, of_public, of_private, &made));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             set_flag(session, pair.private_key, CKA_ALWAYS_AUTHENTICATE, false));
}

}  // namespace strongroom::test
