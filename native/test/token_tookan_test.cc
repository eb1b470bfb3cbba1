// The attacks that Tookan found in real tokens (Bortolozzo, Centenaro, Focardi, Steel: "Attacking
// and Fixing PKCS#11 Security Tokens", CCS 2010), A1 to A5, against keys as people make them: not
// the trusted ones of token_attack_test.cc. The attacker is logged in as the user and may call
// everything. docs/threat-model.md says which setting closes what PKCS#11 itself leaves open.
#include <functional>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenTookanTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }

  // What the attacker wants: a sensitive AES key of the token. add: what else it says of itself.
  CK_OBJECT_HANDLE make_target(const std::function<void(Attributes&)>& add = [](Attributes&) {}) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, true).flag(CKA_ENCRYPT, true);
    add(attributes);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    return key;
  }

  // A key with every role at once.
  CK_OBJECT_HANDLE make_conflicting() {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32);
    for (const CK_ATTRIBUTE_TYPE use :
         {CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_VERIFY, CKA_DERIVE})
      attributes.flag(use, true);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    return key;
  }

  bool offers(CK_MECHANISM_TYPE type, CK_FLAGS function) {
    CK_MECHANISM_INFO info;
    return c().C_GetMechanismInfo(slot, type, &info) == CKR_OK && (info.flags & function) != 0;
  }

  // Wraps by every mechanism of C_WrapKey that takes an AES key and no parameter, and by GCM.
  void expect_unwrappable(CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE target, CK_RV expected) {
    ByteString wrapped(512);
    for (const CK_MECHANISM_TYPE type : {CKM_AES_KEY_WRAP_KWP, kAesKeyWrap, kAesKeyWrapPad}) {
      if (!offers(type, CKF_WRAP)) continue;
      CK_MECHANISM mechanism{type, nullptr, 0};
      CK_ULONG length = wrapped.size();
      EXPECT_CKR(expected,
                 c().C_WrapKey(session, &mechanism, wrapping, target, wrapped.data(), &length))
          << std::hex << type;
    }
    ByteString iv, out;
    EXPECT_CKR(expected, wrap_gcm(session, wrapping, target, {}, &iv, &out));
  }

  // Of the standard; the token may have them or not.
  static constexpr CK_MECHANISM_TYPE kAesKeyWrap = 0x2109;
  static constexpr CK_MECHANISM_TYPE kAesKeyWrapPad = 0x210A;

  CK_SESSION_HANDLE session = 0;
};

// A1: wrap the target under a secret key that may also decrypt, and decrypt the result.
TEST_F(TokenTookanTest, A1AKeyIsNotExtractableUnlessItSaysSo) {
  const CK_OBJECT_HANDLE target = make_target();
  EXPECT_FALSE(flag(session, target, CKA_EXTRACTABLE));
  EXPECT_TRUE(flag(session, target, CKA_NEVER_EXTRACTABLE));
  expect_unwrappable(make_conflicting(), target, CKR_KEY_UNEXTRACTABLE);
}

TEST_F(TokenTookanTest, A1WrapWithTrustedClosesIt) {
  const CK_OBJECT_HANDLE target = make_target(
      [](Attributes& key) { key.flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true); });
  expect_unwrappable(make_conflicting(), target, CKR_KEY_NOT_WRAPPABLE);
  // Nor does the key lose the word afterwards.
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, target, CKA_WRAP_WITH_TRUSTED, false));
}

TEST_F(TokenTookanTest, A1AWrapTemplateSaysWhatAKeyWraps) {
  const CK_OBJECT_HANDLE target =
      make_target([](Attributes& key) { key.flag(CKA_EXTRACTABLE, true).label("other"); });
  const CK_OBJECT_HANDLE meant =
      make_target([](Attributes& key) { key.flag(CKA_EXTRACTABLE, true).label("mine"); });
  Attributes wanted;
  wanted.label("mine").flag(CKA_SENSITIVE, true);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32).flag(CKA_WRAP, true).nested(CKA_WRAP_TEMPLATE, wanted);
  CK_OBJECT_HANDLE wrapping = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &wrapping));
  expect_unwrappable(wrapping, target, CKR_KEY_HANDLE_INVALID);
  ByteString iv, wrapped;
  EXPECT_CKR(CKR_OK, wrap_gcm(session, wrapping, meant, {}, &iv, &wrapped));
}

// Key separation: a key that wraps by one mechanism cannot decrypt by another.
TEST_F(TokenTookanTest, A1AllowedMechanismsSeparateRoles) {
  const CK_OBJECT_HANDLE target =
      make_target([](Attributes& key) { key.flag(CKA_EXTRACTABLE, true); });
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_WRAP, true)
      .flag(CKA_DECRYPT, true)
      .mechanisms({CKM_AES_KEY_WRAP_KWP});
  CK_OBJECT_HANDLE wrapping = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &wrapping));
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  ByteString wrapped(64);
  CK_ULONG length = wrapped.size();
  ASSERT_CKR(CKR_OK, c().C_WrapKey(session, &kwp, wrapping, target, wrapped.data(), &length));
  // Every mechanism that decrypts and may be tried with an AES key.
  CK_ULONG count = 0;
  ASSERT_CKR(CKR_OK, c().C_GetMechanismList(slot, nullptr, &count));
  std::vector<CK_MECHANISM_TYPE> all(count);
  ASSERT_CKR(CKR_OK, c().C_GetMechanismList(slot, all.data(), &count));
  int tried = 0;
  for (const CK_MECHANISM_TYPE type : all) {
    if (type == CKM_AES_KEY_WRAP_KWP || !offers(type, CKF_DECRYPT)) continue;
    CK_BYTE parameter[64] = {};
    CK_GCM_PARAMS gcm{parameter, 12, 96, nullptr, 0, 128};
    CK_MECHANISM mechanism{type, type == CKM_AES_GCM ? static_cast<void*>(&gcm) : parameter,
                           type == CKM_AES_GCM ? sizeof(gcm) : CK_ULONG{16}};
    EXPECT_NE(CKR_OK, c().C_DecryptInit(session, &mechanism, wrapping)) << std::hex << type;
    ++tried;
  }
  EXPECT_GT(tried, 0);
  ByteString iv, other;
  EXPECT_CKR(CKR_MECHANISM_INVALID, wrap_gcm(session, wrapping, target, {}, &iv, &other));
}

// What PKCS#11 itself leaves open, so that the documents stay true: who may create keys and wrap
// reads every key that is extractable and not bound to trusted ones. No separation of roles helps,
// since the wrapping key's value can be the attacker's own.
TEST_F(TokenTookanTest, A1AnExtractableKeyIsReadableToItsUser) {
  const CK_OBJECT_HANDLE target =
      make_target([](Attributes& key) { key.flag(CKA_EXTRACTABLE, true); });
  const CK_OBJECT_HANDLE known = create_secret(session, CKK_AES, ByteString(32, 7), {CKA_WRAP});
  const CK_OBJECT_HANDLE same = create_secret(session, CKK_AES, ByteString(32, 7), {CKA_UNWRAP});
  ByteString iv, wrapped;
  ASSERT_CKR(CKR_OK, wrap_gcm(session, known, target, {}, &iv, &wrapped));
  Attributes readable;
  readable.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .flag(CKA_SENSITIVE, false);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, unwrap_gcm(session, same, iv, {}, wrapped, readable, &key));
  ByteString value;
  EXPECT_CKR(CKR_OK, get(session, key, CKA_VALUE, &value));
  // But nothing takes it for a key that was always kept.
  EXPECT_FALSE(flag(session, key, CKA_ALWAYS_SENSITIVE));
  EXPECT_FALSE(flag(session, key, CKA_LOCAL));
}

// A2: the same with key pairs: wrap under the public key, decrypt with the private one.
TEST_F(TokenTookanTest, A2PairsWrapNothingThatStays) {
  const CK_OBJECT_HANDLE unextractable = make_target();
  const CK_OBJECT_HANDLE bound = make_target(
      [](Attributes& key) { key.flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true); });
  Attributes of_public;
  Attributes of_private;
  of_public.number(CKA_MODULUS_BITS, 2048).flag(CKA_WRAP, true).flag(CKA_ENCRYPT, true);
  of_private.flag(CKA_UNWRAP, true).flag(CKA_DECRYPT, true);
  Pair pair;
  ASSERT_CKR(CKR_OK,
             generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, of_public, of_private, &pair));
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
  CK_MECHANISM by_oaep{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
  CK_MECHANISM by_pkcs1{CKM_RSA_PKCS, nullptr, 0};
  ByteString wrapped(512);
  for (CK_MECHANISM* mechanism : {&by_oaep, &by_pkcs1}) {
    const bool built = offers(mechanism->mechanism, CKF_WRAP);
    CK_ULONG length = wrapped.size();
    EXPECT_CKR(
        built ? CKR_KEY_UNEXTRACTABLE : CKR_MECHANISM_INVALID,
        c().C_WrapKey(session, mechanism, pair.public_key, unextractable, wrapped.data(), &length));
    length = wrapped.size();
    EXPECT_CKR(built ? CKR_KEY_NOT_WRAPPABLE : CKR_MECHANISM_INVALID,
               c().C_WrapKey(session, mechanism, pair.public_key, bound, wrapped.data(), &length));
  }
}

// A3: a sensitive key read; A4: one read that may not be extracted.
TEST_F(TokenTookanTest, A3AndA4NeitherSensitiveNorUnextractableKeysAreRead) {
  struct {
    bool sensitive, extractable;
    CK_RV expected;
  } const cases[] = {
      {true, true, CKR_ATTRIBUTE_SENSITIVE},
      {true, false, CKR_ATTRIBUTE_SENSITIVE},
      {false, false, CKR_ATTRIBUTE_SENSITIVE},
      {false, true, CKR_OK},
  };
  for (const auto& each : cases) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32)
        .flag(CKA_SENSITIVE, each.sensitive)
        .flag(CKA_EXTRACTABLE, each.extractable);
    CK_OBJECT_HANDLE key = 0;
    ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    ByteString value;
    EXPECT_CKR(each.expected, get(session, key, CKA_VALUE, &value));
    Attributes by_value;
    by_value.bytes(CKA_VALUE, value);
    EXPECT_EQ(find(session, by_value).size(), each.expected == CKR_OK ? 1u : 0u);
    EXPECT_CKR(CKR_OK, c().C_DestroyObject(session, key));
  }
  const Pair pair = make_p256(session);
  ByteString value;
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, pair.private_key, CKA_VALUE, &value));
}

// A5: a key made weaker.
TEST_F(TokenTookanTest, A5NoCallMakesAKeyWeaker) {
  const CK_OBJECT_HANDLE target = make_target();
  struct {
    CK_ATTRIBUTE_TYPE type;
    bool value;
  } const weaker[] = {{CKA_SENSITIVE, false},       {CKA_EXTRACTABLE, true}, {CKA_WRAP, true},
                      {CKA_DECRYPT, true},          {CKA_UNWRAP, true},      {CKA_DERIVE, true},
                      {CKA_PRIVATE, false},         {CKA_TRUSTED, true},     {CKA_LOCAL, false},
                      {CKA_ALWAYS_SENSITIVE, false}};
  for (const auto& each : weaker) {
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, target, each.type, each.value))
        << std::hex << each.type;
    // Nor is a copy weaker, whether copies are made or not.
    Attributes changed;
    changed.flag(each.type, each.value);
    CK_OBJECT_HANDLE copy = 0;
    EXPECT_NE(CKR_OK, c().C_CopyObject(session, target, changed.data(), changed.count(), &copy))
        << std::hex << each.type;
  }
  // All or nothing: one change that is allowed does not carry another along.
  Attributes both;
  both.label("renamed").flag(CKA_EXTRACTABLE, true);
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             c().C_SetAttributeValue(session, target, both.data(), both.count()));
  Attributes renamed;
  renamed.label("renamed");
  EXPECT_TRUE(find(session, renamed).empty());
}

TEST_F(TokenTookanTest, A5AnUnwrapTemplateIsNotArguedWith) {
  Attributes enforced;
  enforced.number(CKA_CLASS, CKO_SECRET_KEY).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_WRAP, true)
      .flag(CKA_UNWRAP, true)
      .nested(CKA_UNWRAP_TEMPLATE, enforced);
  CK_OBJECT_HANDLE wrapping = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &wrapping));
  const CK_OBJECT_HANDLE target =
      make_target([](Attributes& key) { key.flag(CKA_EXTRACTABLE, true); });
  ByteString iv, wrapped;
  ASSERT_CKR(CKR_OK, wrap_gcm(session, wrapping, target, {}, &iv, &wrapped));
  CK_OBJECT_HANDLE key = 0;
  Attributes readable;
  readable.number(CKA_KEY_TYPE, CKK_AES).flag(CKA_SENSITIVE, false);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             unwrap_gcm(session, wrapping, iv, {}, wrapped, readable, &key));
  Attributes silent;
  silent.number(CKA_KEY_TYPE, CKK_AES);
  ASSERT_CKR(CKR_OK, unwrap_gcm(session, wrapping, iv, {}, wrapped, silent, &key));
  ByteString value;
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, key, CKA_VALUE, &value));
  expect_unwrappable(make_conflicting(), key, CKR_KEY_UNEXTRACTABLE);
}

}  // namespace strongroom::test
