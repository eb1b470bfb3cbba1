// Objects: templates, attributes, search, changes, and who sees what (PKCS#11 v3.2, 4 and 5.7).
#include <algorithm>
#include <cstring>
#include <set>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenObjectTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }
  CK_RV create(Attributes& attributes, CK_OBJECT_HANDLE* handle = nullptr) {
    CK_OBJECT_HANDLE ignored;
    return c().C_CreateObject(session, attributes.data(), attributes.count(),
                              handle ? handle : &ignored);
  }
  CK_RV generate_with(Attributes& attributes) {
    CK_OBJECT_HANDLE ignored;
    return generate(session, CKM_AES_KEY_GEN, attributes, &ignored);
  }
  CK_SESSION_HANDLE session = 0;
};

TEST_F(TokenObjectTest, GeneratedKeyHasWhatTheStandardGivesIt) {
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 16).flag(CKA_SENSITIVE, true).flag(CKA_ENCRYPT, true);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  for (CK_ATTRIBUTE_TYPE type :
       {CKA_PRIVATE, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL,
        CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_ENCRYPT}) {
    EXPECT_TRUE(flag(session, key, type)) << std::hex << type;
  }
  for (CK_ATTRIBUTE_TYPE type :
       {CKA_TOKEN, CKA_EXTRACTABLE, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP,
        CKA_DERIVE, CKA_WRAP_WITH_TRUSTED, CKA_TRUSTED}) {
    EXPECT_FALSE(flag(session, key, type)) << std::hex << type;
  }
  const auto number = [&](CK_ATTRIBUTE_TYPE type) {
    CK_ULONG value = 0;
    CK_ATTRIBUTE attribute{type, &value, sizeof(value)};
    EXPECT_CKR(CKR_OK, c().C_GetAttributeValue(session, key, &attribute, 1));
    return value;
  };
  EXPECT_EQ(number(CKA_CLASS), CKO_SECRET_KEY);
  EXPECT_EQ(number(CKA_KEY_TYPE), CKK_AES);
  EXPECT_EQ(number(CKA_VALUE_LEN), 16u);
  EXPECT_EQ(number(CKA_KEY_GEN_MECHANISM), CKM_AES_KEY_GEN);
  ByteString id;
  ASSERT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &id));
  EXPECT_EQ(id.size(), 32u);
  ASSERT_CKR(CKR_OK, get(session, key, CKA_LABEL, &id));
  EXPECT_TRUE(id.empty());
}

TEST_F(TokenObjectTest, ATemplateWithoutUsesGetsThoseOfItsKeyType) {
  Attributes aes;
  aes.number(CKA_VALUE_LEN, 32);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, aes, &key));
  EXPECT_TRUE(flag(session, key, CKA_ENCRYPT));
  EXPECT_TRUE(flag(session, key, CKA_DECRYPT));
  EXPECT_FALSE(flag(session, key, CKA_WRAP));
  Attributes generic;
  generic.number(CKA_VALUE_LEN, 20);
  ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, generic, &key));
  EXPECT_TRUE(flag(session, key, CKA_SIGN));
  EXPECT_FALSE(flag(session, key, CKA_DERIVE));
}

TEST_F(TokenObjectTest, CreatedKeyIsNeitherLocalNorAlwaysSensitive) {
  Attributes attributes;
  attributes.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .bytes(CKA_VALUE, ByteString(24, 3))
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, create(attributes, &key));
  for (CK_ATTRIBUTE_TYPE type : {CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE})
    EXPECT_FALSE(flag(session, key, type));
}

TEST_F(TokenObjectTest, GenerateRefusals) {
  const auto with = [&](auto change, CK_RV expected) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32);
    change(attributes);
    EXPECT_CKR(expected, generate_with(attributes));
  };
  Attributes empty;
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, generate_with(empty));
  for (CK_ULONG length : {0ul, 1ul, 15ul, 17ul, 33ul, ~0ul}) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, length);
    EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, generate_with(attributes));
  }
  with([](Attributes& a) { a.number(CKA_CLASS, CKO_DATA); }, CKR_TEMPLATE_INCONSISTENT);
  with([](Attributes& a) { a.number(CKA_KEY_TYPE, CKK_GENERIC_SECRET); },
       CKR_TEMPLATE_INCONSISTENT);
  with([](Attributes& a) { a.bytes(CKA_VALUE, ByteString(32, 0)); }, CKR_ATTRIBUTE_READ_ONLY);
  with([](Attributes& a) { a.number(0x12345678, 1); }, CKR_ATTRIBUTE_TYPE_INVALID);
  with([](Attributes& a) { a.bytes(CKA_CHECK_VALUE, {1, 2, 3}); }, CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.bytes(CKA_APPLICATION, {}); }, CKR_TEMPLATE_INCONSISTENT);
  with([](Attributes& a) { a.bytes(CKA_ENCRYPT, {2}); }, CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.bytes(CKA_ENCRYPT, {1, 1}); }, CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.bytes(CKA_CLASS, {4}); }, CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.bytes(CKA_START_DATE, bytes_of("2026x101")); },
       CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.raw(CKA_LABEL, nullptr, 4); }, CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.label("a").label("a"); }, CKR_TEMPLATE_INCONSISTENT);
  with([](Attributes& a) { a.bytes(CKA_ALLOWED_MECHANISMS, ByteString(7, 0)); },
       CKR_ATTRIBUTE_VALUE_INVALID);
  with([](Attributes& a) { a.bytes(CKA_UNWRAP_TEMPLATE, ByteString(7, 0)); },
       CKR_ATTRIBUTE_VALUE_INVALID);
  CK_ATTRIBUTE none{};
  CK_OBJECT_HANDLE key;
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GenerateKey(session, &mechanism, nullptr, 1, &key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GenerateKey(session, &mechanism, &none, 0, nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GenerateKey(session, nullptr, &none, 0, &key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GenerateKey(session, &mechanism, &none, 1000000, &key));
  mechanism.mechanism = CKM_AES_GCM;
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_GenerateKey(session, &mechanism, nullptr, 0, &key));
  CK_MECHANISM parameter{CKM_AES_KEY_GEN, &none, sizeof(none)};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_GenerateKey(session, &parameter, nullptr, 0, &key));
  Attributes all;
  EXPECT_TRUE(find(session, all).empty());
}

TEST_F(TokenObjectTest, NestedTemplatesHaveADepthAndACheckedContent) {
  Attributes inner;
  inner.flag(CKA_SENSITIVE, true);
  Attributes levels[4];
  Attributes* below = &inner;
  for (Attributes& level : levels) {
    level.nested(CKA_UNWRAP_TEMPLATE, *below);
    below = &level;
  }
  const auto nest = [&](Attributes& nested) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32).nested(CKA_UNWRAP_TEMPLATE, nested);
    return generate_with(attributes);
  };
  EXPECT_CKR(CKR_OK, nest(levels[1]));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, nest(levels[3]));
  Attributes unknown;
  unknown.flag(0x12345678, true);
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, nest(unknown));
  Attributes never;
  never.flag(CKA_LOCAL, true);
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, nest(never));
  Attributes value;
  value.bytes(CKA_VALUE, ByteString(1, 1));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, nest(value));
}

TEST_F(TokenObjectTest, NestedTemplatesReadBackAsTheyWere) {
  Attributes inner;
  inner.number(CKA_KEY_TYPE, CKK_AES)
      .flag(CKA_SENSITIVE, true)
      .label("x")
      .mechanisms({CKM_AES_GCM, CKM_AES_KEY_WRAP_KWP});
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32).nested(CKA_UNWRAP_TEMPLATE, inner);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  CK_ATTRIBUTE outer{CKA_UNWRAP_TEMPLATE, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_GetAttributeValue(session, key, &outer, 1));
  ASSERT_EQ(outer.ulValueLen, 4 * sizeof(CK_ATTRIBUTE));
  CK_ATTRIBUTE read[4] = {};
  outer.pValue = read;
  ASSERT_CKR(CKR_OK, c().C_GetAttributeValue(session, key, &outer, 1));  // types and lengths
  std::vector<ByteString> values;
  for (CK_ATTRIBUTE& each : read) {
    values.emplace_back(each.ulValueLen);
    each.pValue = values.back().data();
  }
  ASSERT_CKR(CKR_OK, c().C_GetAttributeValue(session, key, &outer, 1));
  for (CK_ULONG i = 0; i < inner.count(); ++i) {
    const CK_ATTRIBUTE& wrote = inner.data()[i];
    const auto* same = std::find_if(std::begin(read), std::end(read),
                                    [&](const auto& a) { return a.type == wrote.type; });
    ASSERT_NE(same, std::end(read));
    ASSERT_EQ(same->ulValueLen, wrote.ulValueLen);
    EXPECT_EQ(std::memcmp(same->pValue, wrote.pValue, wrote.ulValueLen), 0);
  }
  read[0].ulValueLen = 0;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_GetAttributeValue(session, key, &outer, 1));
  outer.ulValueLen = sizeof(CK_ATTRIBUTE);
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_GetAttributeValue(session, key, &outer, 1));
  EXPECT_EQ(outer.ulValueLen, CK_UNAVAILABLE_INFORMATION);
}

TEST_F(TokenObjectTest, CreateRefusals) {
  const auto secret = [](Attributes& a) -> Attributes& {
    return a.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES);
  };
  Attributes empty;
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, create(empty));
  Attributes no_value;
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, create(secret(no_value)));
  Attributes no_type;
  no_type.number(CKA_CLASS, CKO_SECRET_KEY).bytes(CKA_VALUE, ByteString(16, 1));
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, create(no_type));
  Attributes odd;
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(secret(odd).bytes(CKA_VALUE, ByteString(31, 1))));
  Attributes nothing;
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(secret(nothing).bytes(CKA_VALUE, {})));
  Attributes length;
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             create(secret(length).bytes(CKA_VALUE, ByteString(16, 1)).number(CKA_VALUE_LEN, 16)));
  Attributes certificate;
  certificate.number(CKA_CLASS, CKO_CERTIFICATE);
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, create(certificate));
  Attributes rsa;
  rsa.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_RSA)
      .bytes(CKA_VALUE, ByteString(16, 1));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(rsa));
  Attributes large;
  large.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .bytes(CKA_VALUE, ByteString(1025, 1));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, create(large));
  Attributes mixed;
  mixed.number(CKA_CLASS, CKO_DATA).flag(CKA_ENCRYPT, true);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, create(mixed));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_CreateObject(session, empty.data(), 0, nullptr));
}

TEST_F(TokenObjectTest, DataObjects) {
  Attributes attributes;
  attributes.number(CKA_CLASS, CKO_DATA)
      .flag(CKA_TOKEN, true)
      .label("note")
      .bytes(CKA_APPLICATION, bytes_of("app"))
      .bytes(CKA_VALUE, bytes_of("remember"));
  CK_OBJECT_HANDLE data = 0;
  ASSERT_CKR(CKR_OK, create(attributes, &data));
  ByteString value;
  ASSERT_CKR(CKR_OK, get(session, data, CKA_VALUE, &value));
  EXPECT_EQ(value, bytes_of("remember"));
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, data, CKA_SENSITIVE, &value));
  Attributes by_value;
  by_value.bytes(CKA_VALUE, bytes_of("remember"));
  EXPECT_EQ(find(session, by_value), std::vector{data});
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, c().C_SignInit(session, &mechanism, data));
}

TEST_F(TokenObjectTest, GetAttributeValueLooksAtEveryAttribute) {
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, bytes_of("twelve bytes"), {CKA_SIGN});
  CK_BYTE value[12];
  CK_ULONG key_type = 0;
  CK_BYTE small[2];
  CK_ATTRIBUTE attributes[] = {{0x12345678, value, 12},
                               {CKA_VALUE, small, sizeof(small)},
                               {CKA_KEY_TYPE, &key_type, sizeof(key_type)},
                               {CKA_VALUE, value, sizeof(value)},
                               {CKA_CLASS, nullptr, 0}};
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, c().C_GetAttributeValue(session, key, attributes, 5));
  EXPECT_EQ(attributes[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
  EXPECT_EQ(attributes[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
  EXPECT_EQ(key_type, CKK_GENERIC_SECRET);
  EXPECT_EQ(attributes[3].ulValueLen, 12u);
  EXPECT_EQ(std::memcmp(value, "twelve bytes", 12), 0);
  EXPECT_EQ(attributes[4].ulValueLen, sizeof(CK_ULONG));
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, (attributes[1].ulValueLen = 2,
                                    c().C_GetAttributeValue(session, key, &attributes[1], 1)));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetAttributeValue(session, key, nullptr, 1));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, c().C_GetAttributeValue(session, key + 1, attributes, 1));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, c().C_GetAttributeValue(session, 0, attributes, 1));
}

TEST_F(TokenObjectTest, NotExtractableMeansNotReadableEvenIfNotSensitive) {
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, false);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  ByteString value;
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, key, CKA_VALUE, &value));
  EXPECT_FALSE(flag(session, key, CKA_ALWAYS_SENSITIVE));
  EXPECT_TRUE(flag(session, key, CKA_NEVER_EXTRACTABLE));
}

TEST_F(TokenObjectTest, SetAttributeValueIsAllOrNothing) {
  for (bool on_token : {false, true}) {
    const CK_OBJECT_HANDLE key = make_aes(session, on_token);
    Attributes mixed;
    mixed.label("changed").flag(CKA_LOCAL, false);
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
               c().C_SetAttributeValue(session, key, mixed.data(), mixed.count()));
    ByteString value;
    ASSERT_CKR(CKR_OK, get(session, key, CKA_LABEL, &value));
    EXPECT_TRUE(value.empty());
    Attributes good;
    good.label("changed")
        .bytes(CKA_ID, {1, 2})
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_DECRYPT, false)
        .flag(CKA_ENCRYPT, true);
    ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, good.data(), good.count()));
    ASSERT_CKR(CKR_OK, get(session, key, CKA_LABEL, &value));
    EXPECT_EQ(value, bytes_of("changed"));
    EXPECT_FALSE(flag(session, key, CKA_DECRYPT));
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, CKA_DECRYPT, true));
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, CKA_SENSITIVE, false));
    Attributes unknown;
    unknown.flag(0x12345678, true);
    EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID,
               c().C_SetAttributeValue(session, key, unknown.data(), unknown.count()));
    Attributes of_data;
    of_data.bytes(CKA_APPLICATION, {});
    EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
               c().C_SetAttributeValue(session, key, of_data.data(), of_data.count()));
  }
}

TEST_F(TokenObjectTest, WhatMayNotBeChangedOrDestroyedIsNot) {
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_MODIFIABLE, false).flag(CKA_DESTROYABLE, false);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  EXPECT_CKR(CKR_ACTION_PROHIBITED, set_flag(session, key, CKA_SENSITIVE, true));
  EXPECT_CKR(CKR_ACTION_PROHIBITED, c().C_DestroyObject(session, key));
}

TEST_F(TokenObjectTest, DestroyedHandlesAreDead) {
  for (bool on_token : {false, true}) {
    const CK_OBJECT_HANDLE key = make_aes(session, on_token);
    ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, key));
    EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, c().C_DestroyObject(session, key));
    ByteString out;
    EXPECT_CKR(CKR_KEY_HANDLE_INVALID, encrypt(session, key, ByteString(12, 0), {}, {}, &out));
  }
}

TEST_F(TokenObjectTest, FindByTemplate) {
  std::set<CK_OBJECT_HANDLE> labelled;
  for (int i = 0; i < 20; ++i) {
    Attributes attributes;
    aes_template(attributes);
    attributes.label(i % 2 ? "odd" : "even").flag(CKA_TOKEN, i % 4 == 0);
    CK_OBJECT_HANDLE key = 0;
    ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    if (i % 2) labelled.insert(key);
  }
  Attributes all;
  EXPECT_EQ(find(session, all).size(), 20u);
  Attributes odd;
  odd.label("odd").number(CKA_CLASS, CKO_SECRET_KEY);
  const auto found = find(session, odd);
  EXPECT_EQ(std::set(found.begin(), found.end()), labelled);
  Attributes on_token;
  on_token.flag(CKA_TOKEN, true);
  EXPECT_EQ(find(session, on_token).size(), 5u);
  Attributes nothing;
  nothing.label("neither");
  EXPECT_TRUE(find(session, nothing).empty());
  Attributes unknown;  // clients look for attributes of other vendors
  unknown.number(0xCE534353, 1);
  EXPECT_TRUE(find(session, unknown).empty());
}

TEST_F(TokenObjectTest, FindIsAnOperation) {
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_FindObjectsFinal(session));
  CK_OBJECT_HANDLE handle;
  CK_ULONG count;
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_FindObjects(session, &handle, 1, &count));
  ASSERT_CKR(CKR_OK, c().C_FindObjectsInit(session, nullptr, 0));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_FindObjectsInit(session, nullptr, 0));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_FindObjects(session, nullptr, 1, &count));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_FindObjects(session, &handle, 1, nullptr));
  ASSERT_CKR(CKR_OK, c().C_FindObjects(session, &handle, 1, &count));
  EXPECT_EQ(count, 0u);
  EXPECT_CKR(CKR_OK, c().C_FindObjectsFinal(session));
}

TEST_F(TokenObjectTest, ReadOnlySessionsWriteNoTokenObjects) {
  const CK_OBJECT_HANDLE key = make_aes(session, true);
  const CK_SESSION_HANDLE ro = open_session(false);
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_TOKEN, true);
  CK_OBJECT_HANDLE other;
  EXPECT_CKR(CKR_SESSION_READ_ONLY, generate(ro, CKM_AES_KEY_GEN, attributes, &other));
  EXPECT_CKR(CKR_SESSION_READ_ONLY, set_flag(ro, key, CKA_SENSITIVE, true));
  EXPECT_CKR(CKR_SESSION_READ_ONLY, c().C_DestroyObject(ro, key));
  const CK_OBJECT_HANDLE own = make_aes(ro);
  EXPECT_CKR(CKR_OK, set_flag(ro, own, CKA_SENSITIVE, true));
  EXPECT_CKR(CKR_OK, c().C_DestroyObject(ro, own));
}

TEST_F(TokenObjectTest, PublicSessionsMakePublicObjectsOnly) {
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  Attributes secret;
  aes_template(secret);
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, generate(session, CKM_AES_KEY_GEN, secret, &key));
  for (bool on_token : {false, true}) {
    Attributes open;
    aes_template(open);
    open.flag(CKA_PRIVATE, false).flag(CKA_TOKEN, on_token);
    ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, open, &key));
    ByteString out;
    EXPECT_CKR(CKR_OK, encrypt(session, key, ByteString(12, 0), {}, bytes_of("x"), &out));
  }
  login(session, CKU_SO);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, generate(session, CKM_AES_KEY_GEN, secret, &key));
  Attributes all;
  EXPECT_EQ(find(session, all).size(), 2u);
}

TEST_F(TokenObjectTest, NoWaitWritesNothingToFlash) {
  const CK_OBJECT_HANDLE key = make_aes(session, true);
  make_aes(session);  // the algorithms' self-tests have run
  sr().SR_SetNoWait(CK_TRUE);
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_TOKEN, true);
  CK_OBJECT_HANDLE other;
  EXPECT_CKR(CKR_STRONGROOM_BUSY, generate(session, CKM_AES_KEY_GEN, attributes, &other));
  EXPECT_CKR(CKR_STRONGROOM_BUSY, set_flag(session, key, CKA_SENSITIVE, true));
  EXPECT_CKR(CKR_STRONGROOM_BUSY, c().C_DestroyObject(session, key));
  const CK_OBJECT_HANDLE session_key = make_aes(session);
  EXPECT_CKR(CKR_OK, set_flag(session, session_key, CKA_SENSITIVE, true));
  EXPECT_CKR(CKR_OK, c().C_DestroyObject(session, session_key));
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_FALSE(flag(session, key, CKA_SENSITIVE));
  Attributes all;
  EXPECT_EQ(find(session, all).size(), 2u);
}

}  // namespace strongroom::test
