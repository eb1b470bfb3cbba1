// C_CopyObject and C_GetObjectSize (PKCS#11 v3.2, 5.7.3, 5.7.5).
#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

class TokenCopyTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }
  CK_RV copy(CK_OBJECT_HANDLE source, Attributes& changes, CK_OBJECT_HANDLE* out = nullptr) {
    CK_OBJECT_HANDLE ignored;
    return c().C_CopyObject(session, source, changes.data(), changes.count(), out ? out : &ignored);
  }
  CK_RV copy_with(CK_OBJECT_HANDLE source, CK_ATTRIBUTE_TYPE type, bool value,
                  CK_OBJECT_HANDLE* out = nullptr) {
    Attributes changes;
    changes.flag(type, value);
    return copy(source, changes, out);
  }
  CK_OBJECT_HANDLE make(bool sensitive, bool extractable) {
    Attributes attributes;
    aes_template(attributes);
    attributes.flag(CKA_SENSITIVE, sensitive).flag(CKA_EXTRACTABLE, extractable);
    CK_OBJECT_HANDLE key = 0;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    return key;
  }
  CK_SESSION_HANDLE session = 0;
};

TEST_F(TokenCopyTest, ASessionKeyMovesToTheToken) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  Attributes changes;
  changes.flag(CKA_TOKEN, true).label("kept").bytes(CKA_ID, {7});
  CK_OBJECT_HANDLE kept = 0;
  ASSERT_CKR(CKR_OK, copy(key, changes, &kept));
  EXPECT_NE(kept, key);
  EXPECT_TRUE(flag(session, kept, CKA_TOKEN));
  EXPECT_FALSE(flag(session, key, CKA_TOKEN));
  EXPECT_TRUE(flag(session, kept, CKA_LOCAL));
  ByteString id;
  ByteString other_id;
  ASSERT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &id));
  ASSERT_CKR(CKR_OK, get(session, kept, CKA_UNIQUE_ID, &other_id));
  EXPECT_NE(id, other_id);
  ByteString sealed;
  ASSERT_CKR(CKR_OK, encrypt(session, key, ByteString(12, 1), {}, bytes_of("same key"), &sealed));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  session = open_session();
  login(session);
  Attributes wanted;
  wanted.label("kept");
  const auto found = find(session, wanted);
  ASSERT_EQ(found.size(), 1u);
  ByteString opened;
  EXPECT_CKR(CKR_OK, decrypt(session, found[0], ByteString(12, 1), {}, sealed, &opened));
  EXPECT_EQ(opened, bytes_of("same key"));
}

TEST_F(TokenCopyTest, ACopyOutlivesItsSource) {
  const Pair pair = make_p256(session);
  CK_OBJECT_HANDLE kept = 0;
  ASSERT_CKR(CKR_OK, copy_with(pair.private_key, CKA_TOKEN, true, &kept));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, pair.private_key));
  CK_MECHANISM ecdsa{CKM_ECDSA_SHA256, nullptr, 0};
  CK_BYTE signature[64];
  CK_ULONG length = sizeof(signature);
  CK_BYTE message[] = {1, 2, 3};
  ASSERT_CKR(CKR_OK, c().C_SignInit(session, &ecdsa, kept));
  ASSERT_CKR(CKR_OK, c().C_Sign(session, message, sizeof(message), signature, &length));
  ASSERT_CKR(CKR_OK, c().C_VerifyInit(session, &ecdsa, pair.public_key));
  EXPECT_CKR(CKR_OK, c().C_Verify(session, message, sizeof(message), signature, length));
}

TEST_F(TokenCopyTest, RightsOnlyGetTighter) {
  const CK_OBJECT_HANDLE open = make(false, true);
  CK_OBJECT_HANDLE tight = 0;
  ASSERT_CKR(CKR_OK, copy_with(open, CKA_SENSITIVE, true, &tight));
  EXPECT_TRUE(flag(session, tight, CKA_SENSITIVE));
  EXPECT_FALSE(flag(session, tight, CKA_ALWAYS_SENSITIVE));
  ASSERT_CKR(CKR_OK, copy_with(open, CKA_EXTRACTABLE, false, &tight));
  EXPECT_FALSE(flag(session, tight, CKA_EXTRACTABLE));
  EXPECT_FALSE(flag(session, tight, CKA_NEVER_EXTRACTABLE));

  const CK_OBJECT_HANDLE closed = make(true, false);
  ASSERT_CKR(CKR_OK, copy_with(closed, CKA_TOKEN, true, &tight));
  EXPECT_TRUE(flag(session, tight, CKA_ALWAYS_SENSITIVE));
  EXPECT_TRUE(flag(session, tight, CKA_NEVER_EXTRACTABLE));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy_with(closed, CKA_SENSITIVE, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy_with(closed, CKA_EXTRACTABLE, true));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy_with(closed, CKA_WRAP, true));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy_with(closed, CKA_ALWAYS_SENSITIVE, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy_with(closed, CKA_LOCAL, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy_with(closed, CKA_TRUSTED, true));
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, copy_with(closed, CKA_PRIVATE, false));
  EXPECT_CKR(CKR_OK, copy_with(closed, CKA_LOCAL, true));  // as it is
  Attributes value;
  value.bytes(CKA_VALUE, ByteString(32, 1));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy(closed, value));
  Attributes of_data;
  of_data.bytes(CKA_APPLICATION, {});
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, copy(closed, of_data));
  Attributes unknown;
  unknown.flag(0x12345678, true);
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, copy(closed, unknown));
}

TEST_F(TokenCopyTest, WhatMayNotBeCopiedIsNot) {
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_COPYABLE, false);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  EXPECT_CKR(CKR_ACTION_PROHIBITED, copy_with(key, CKA_TOKEN, true));
  const CK_OBJECT_HANDLE free = make_aes(session);
  ASSERT_CKR(CKR_OK, set_flag(session, free, CKA_COPYABLE, false));
  EXPECT_CKR(CKR_ACTION_PROHIBITED, copy_with(free, CKA_TOKEN, true));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, free, CKA_COPYABLE, true));
  CK_OBJECT_HANDLE once = 0;
  ASSERT_CKR(CKR_OK, copy_with(make_aes(session), CKA_COPYABLE, false, &once));
  EXPECT_CKR(CKR_ACTION_PROHIBITED, copy_with(once, CKA_TOKEN, true));
}

TEST_F(TokenCopyTest, CopyingKeepsTemplatesAndUses) {
  Attributes inner;
  inner.flag(CKA_SENSITIVE, true);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_UNWRAP, true)
      .nested(CKA_UNWRAP_TEMPLATE, inner)
      .mechanisms({CKM_AES_KEY_WRAP_KWP});
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  Attributes loose;
  loose.flag(CKA_SENSITIVE, false);
  Attributes other_template;
  other_template.nested(CKA_UNWRAP_TEMPLATE, loose);
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy(key, other_template));
  Attributes any;
  any.mechanisms({CKM_AES_GCM});
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy(key, any));
  Attributes none;
  CK_OBJECT_HANDLE same = 0;
  ASSERT_CKR(CKR_OK, copy(key, none, &same));
  for (CK_ATTRIBUTE_TYPE type : {CKA_UNWRAP_TEMPLATE, CKA_ALLOWED_MECHANISMS}) {
    CK_ATTRIBUTE length{type, nullptr, 0};
    EXPECT_CKR(CKR_OK, c().C_GetAttributeValue(session, same, &length, 1));
    EXPECT_NE(length.ulValueLen, 0u);
  }
}

TEST_F(TokenCopyTest, SessionsAndLoginsCount) {
  const CK_OBJECT_HANDLE key = make_aes(session);
  const CK_SESSION_HANDLE ro = open_session(false);
  Attributes to_token;
  to_token.flag(CKA_TOKEN, true);
  CK_OBJECT_HANDLE out = 0;
  EXPECT_CKR(CKR_SESSION_READ_ONLY,
             c().C_CopyObject(ro, key, to_token.data(), to_token.count(), &out));
  EXPECT_CKR(CKR_OK, c().C_CopyObject(ro, key, nullptr, 0, &out));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, c().C_CopyObject(session, key + 1, nullptr, 0, &out));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_CopyObject(session, key, nullptr, 0, nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_CopyObject(session, key, nullptr, 1, &out));
  Attributes open;
  open.number(CKA_CLASS, CKO_DATA).flag(CKA_PRIVATE, false).bytes(CKA_VALUE, {1});
  CK_OBJECT_HANDLE data = 0;
  ASSERT_CKR(CKR_OK, c().C_CreateObject(session, open.data(), open.count(), &data));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, copy(key, to_token));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, copy_with(data, CKA_PRIVATE, true));
  EXPECT_CKR(CKR_OK, copy_with(data, CKA_TOKEN, true));
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, copy_with(data, CKA_TOKEN, true));
  sr().SR_SetNoWait(CK_FALSE);
}

TEST_F(TokenCopyTest, SizesAreThoseOfAttributesAndValue) {
  const auto size = [&](CK_OBJECT_HANDLE object) {
    CK_ULONG bytes = 0;
    EXPECT_CKR(CKR_OK, c().C_GetObjectSize(session, object, &bytes));
    return bytes;
  };
  const CK_OBJECT_HANDLE small = create_secret(session, CKK_GENERIC_SECRET, ByteString(20, 1), {});
  const CK_OBJECT_HANDLE large = create_secret(session, CKK_GENERIC_SECRET, ByteString(120, 1), {});
  EXPECT_EQ(size(large), size(small) + 100);
  Attributes label;
  label.label("twelve bytes");
  ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, small, label.data(), label.count()));
  EXPECT_EQ(size(large), size(small) + 100 - 20);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetObjectSize(session, small, nullptr));
  CK_ULONG bytes = 0;
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, c().C_GetObjectSize(session, 0, &bytes));
}

}  // namespace
}  // namespace strongroom::test
