// Certificates and check values (PKCS#11 v3.2, 4.6, 4.10.2), and who may trust.
#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

// CN=x, P-256, made with OpenSSL 3.0 (req -x509), and its SubjectPublicKeyInfo.
const ByteString kCertificate = from_hex(
    "3082016d30820113a00302010202143b4a79574386df6f72e6c71bc5a6e979f93989a3300a06082a8648ce3d04"
    "0302300c310a300806035504030c0178301e170d3236313132343032313333385a170d33363131323130323133"
    "33385a300c310a300806035504030c01783059301306072a8648ce3d020106082a8648ce3d030107034200048f"
    "8d09ffab4fc0ad5bede077d416f500893192a2bc7863f2b219ee935322896d8ddb06e39a2610b5ebbdd872a460"
    "5f94320a3ce93c73b2c8d8c5fcbfa0c38669a3533051301d0603551d0e04160414f78af1ebbf88eb2e051e66ac"
    "3302a14cb67104d7301f0603551d23041830168014f78af1ebbf88eb2e051e66ac3302a14cb67104d7300f0603"
    "551d130101ff040530030101ff300a06082a8648ce3d040302034800304502202312c28ff9a615ea2d8998bbb7"
    "1dd3f03f6940a070730535fc41b4454721ae14022100b95e14735a69ce1033d0c663f222cbc2fbbbb0b41b29b6"
    "ac734c047760e90c26");
const ByteString kKeyInfo = from_hex(
    "3059301306072a8648ce3d020106082a8648ce3d030107034200048f8d09ffab4fc0ad5bede077d416f5008931"
    "92a2bc7863f2b219ee935322896d8ddb06e39a2610b5ebbdd872a4605f94320a3ce93c73b2c8d8c5fcbfa0c386"
    "69");
const ByteString kSubject = from_hex("300c310a300806035504030c0178");

class TokenCertificateTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }
  static Attributes& certificate(Attributes& a) {
    return a.number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_SUBJECT, kSubject);
  }
  CK_RV create(Attributes& attributes, CK_OBJECT_HANDLE* handle = nullptr) {
    CK_OBJECT_HANDLE ignored;
    return c().C_CreateObject(session, attributes.data(), attributes.count(),
                              handle ? handle : &ignored);
  }
  CK_RV set(CK_OBJECT_HANDLE object, Attributes& changes) {
    return c().C_SetAttributeValue(session, object, changes.data(), changes.count());
  }
  ByteString value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    ByteString out;
    EXPECT_CKR(CKR_OK, get(session, object, type, &out));
    return out;
  }
  CK_ULONG number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ULONG out = 0;
    CK_ATTRIBUTE attribute{type, &out, sizeof(out)};
    EXPECT_CKR(CKR_OK, c().C_GetAttributeValue(session, object, &attribute, 1));
    return out;
  }
  CK_SESSION_HANDLE session = 0;
};

TEST_F(TokenCertificateTest, ACertificateHasWhatTheStandardGivesIt) {
  for (bool on_token : {false, true}) {
    Attributes attributes;
    certificate(attributes).bytes(CKA_VALUE, kCertificate).flag(CKA_TOKEN, on_token);
    CK_OBJECT_HANDLE object = 0;
    ASSERT_CKR(CKR_OK, create(attributes, &object));
    EXPECT_EQ(value(object, CKA_VALUE), kCertificate);
    EXPECT_EQ(value(object, CKA_SUBJECT), kSubject);
    EXPECT_EQ(value(object, CKA_PUBLIC_KEY_INFO), kKeyInfo);
    EXPECT_EQ(value(object, CKA_CHECK_VALUE), from_hex("cdfed0"));
    for (CK_ATTRIBUTE_TYPE type :
         {CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_URL, CKA_LABEL, CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
          CKA_HASH_OF_ISSUER_PUBLIC_KEY, CKA_START_DATE, CKA_END_DATE}) {
      EXPECT_TRUE(value(object, type).empty()) << std::hex << type;
    }
    EXPECT_EQ(number(object, CKA_CERTIFICATE_CATEGORY), 0u);
    EXPECT_EQ(number(object, CKA_JAVA_MIDP_SECURITY_DOMAIN), 0u);
    EXPECT_EQ(number(object, CKA_NAME_HASH_ALGORITHM), CKM_SHA_1);
    EXPECT_FALSE(flag(session, object, CKA_TRUSTED));
    EXPECT_FALSE(flag(session, object, CKA_PRIVATE));
    ByteString out;
    for (CK_ATTRIBUTE_TYPE type : {CKA_SENSITIVE, CKA_KEY_TYPE, CKA_APPLICATION, CKA_MODULUS})
      EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, object, type, &out));
    Attributes by_value;
    by_value.bytes(CKA_VALUE, kCertificate).flag(CKA_TOKEN, on_token);
    EXPECT_EQ(find(session, by_value), std::vector{object});
  }
}

TEST_F(TokenCertificateTest, CreateRefusals) {
  const auto refused = [&](CK_RV expected, auto change) {
    Attributes attributes;
    change(attributes);
    EXPECT_CKR(expected, create(attributes));
  };
  refused(CKR_TEMPLATE_INCOMPLETE, [](Attributes& a) { certificate(a); });
  refused(CKR_TEMPLATE_INCOMPLETE, [](Attributes& a) { certificate(a).bytes(CKA_VALUE, {}); });
  refused(CKR_TEMPLATE_INCOMPLETE, [](Attributes& a) {
    a.number(CKA_CLASS, CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509);
  });
  refused(CKR_TEMPLATE_INCOMPLETE,
          [](Attributes& a) { a.number(CKA_CLASS, CKO_CERTIFICATE).bytes(CKA_SUBJECT, kSubject); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID, [](Attributes& a) {
    a.number(CKA_CLASS, CKO_CERTIFICATE)
        .number(CKA_CERTIFICATE_TYPE, 2)
        .bytes(CKA_SUBJECT, kSubject);
  });
  const auto with = [&](CK_RV expected, auto change) {
    refused(expected,
            [&](Attributes& a) { change(certificate(a).bytes(CKA_VALUE, kCertificate)); });
  };
  with(CKR_ATTRIBUTE_VALUE_INVALID, [](auto& a) { a.number(CKA_CERTIFICATE_CATEGORY, 4); });
  with(CKR_ATTRIBUTE_VALUE_INVALID, [](auto& a) { a.number(CKA_JAVA_MIDP_SECURITY_DOMAIN, 4); });
  with(CKR_ATTRIBUTE_VALUE_INVALID, [](auto& a) { a.number(CKA_NAME_HASH_ALGORITHM, CKM_ECDSA); });
  with(CKR_ATTRIBUTE_VALUE_INVALID, [](auto& a) { a.bytes(CKA_CHECK_VALUE, {1, 2, 3}); });
  with(CKR_ATTRIBUTE_VALUE_INVALID, [](auto& a) { a.bytes(CKA_PUBLIC_KEY_INFO, kSubject); });
  with(CKR_ATTRIBUTE_VALUE_INVALID, [](auto& a) { a.bytes(CKA_START_DATE, {1}); });
  with(CKR_TEMPLATE_INCONSISTENT, [](auto& a) { a.flag(CKA_SENSITIVE, true); });
  with(CKR_ATTRIBUTE_READ_ONLY, [](auto& a) { a.flag(CKA_TRUSTED, true); });
  // A place to fetch it from: with the hashes of its keys.
  const auto by_url = [&](CK_RV expected, auto change) {
    refused(expected,
            [&](Attributes& a) { change(certificate(a).bytes(CKA_URL, bytes_of("http://x/"))); });
  };
  by_url(CKR_TEMPLATE_INCOMPLETE, [](auto&) {});
  by_url(CKR_TEMPLATE_INCOMPLETE,
         [](auto& a) { a.bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, ByteString(20, 1)); });
  by_url(CKR_OK, [](auto& a) {
    a.bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, ByteString(20, 1))
        .bytes(CKA_HASH_OF_ISSUER_PUBLIC_KEY, ByteString(20, 2));
  });
  // What the token says of itself is not for callers to say.
  refused(CKR_ATTRIBUTE_VALUE_INVALID, [](Attributes& a) { a.number(CKA_CLASS, CKO_PROFILE); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID, [](Attributes& a) { a.number(CKA_CLASS, CKO_MECHANISM); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID, [](Attributes& a) { a.number(CKA_CLASS, CKO_HW_FEATURE); });
}

TEST_F(TokenCertificateTest, NameAndNumberChangeTheRestDoesNot) {
  Attributes attributes;
  certificate(attributes).bytes(CKA_VALUE, kCertificate).flag(CKA_TOKEN, true);
  CK_OBJECT_HANDLE object = 0;
  ASSERT_CKR(CKR_OK, create(attributes, &object));
  for (CK_ATTRIBUTE_TYPE type : {CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_LABEL}) {
    Attributes change;
    change.bytes(type, {1, 2});
    EXPECT_CKR(CKR_OK, set(object, change)) << std::hex << type;
    EXPECT_EQ(value(object, type), (ByteString{1, 2}));
  }
  for (CK_ATTRIBUTE_TYPE type : {CKA_SUBJECT, CKA_VALUE, CKA_URL, CKA_PUBLIC_KEY_INFO}) {
    Attributes change;
    change.bytes(type, {1, 2});
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set(object, change)) << std::hex << type;
  }
  Attributes date;
  date.bytes(CKA_END_DATE, bytes_of("20300101"));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set(object, date));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, object, CKA_TRUSTED, true));
}

TEST_F(TokenCertificateTest, TheSoTrustsCertificatesAndNobodyElse) {
  Attributes attributes;
  certificate(attributes).bytes(CKA_VALUE, kCertificate).flag(CKA_TOKEN, true);
  CK_OBJECT_HANDLE object = 0;
  ASSERT_CKR(CKR_OK, create(attributes, &object));
  Attributes open_key;
  aes_template(open_key);
  open_key.flag(CKA_PRIVATE, false).flag(CKA_TOKEN, true);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, open_key, &key));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, object, CKA_TRUSTED, true));

  login(session, CKU_SO);
  EXPECT_CKR(CKR_OK, set_flag(session, object, CKA_TRUSTED, true));
  EXPECT_TRUE(flag(session, object, CKA_TRUSTED));
  // Of keys SR_MarkTrusted alone decides.
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, CKA_TRUSTED, true));
  Attributes trusted_key;
  trusted_key.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .bytes(CKA_VALUE, ByteString(32, 1))
      .flag(CKA_PRIVATE, false)
      .flag(CKA_TRUSTED, true);
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, create(trusted_key));
  Attributes made_trusted;
  certificate(made_trusted).bytes(CKA_VALUE, kCertificate).flag(CKA_TRUSTED, true);
  CK_OBJECT_HANDLE of_so = 0;
  EXPECT_CKR(CKR_OK, create(made_trusted, &of_so));
  EXPECT_TRUE(flag(session, of_so, CKA_TRUSTED));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));

  // A trusted certificate stays as it is, and its copy is not one.
  login(session);
  Attributes change;
  change.label("mine");
  EXPECT_CKR(CKR_ACTION_PROHIBITED, set(object, change));
  CK_OBJECT_HANDLE copy = 0;
  ASSERT_CKR(CKR_OK, c().C_CopyObject(session, object, change.data(), change.count(), &copy));
  EXPECT_FALSE(flag(session, copy, CKA_TRUSTED));
  Attributes keep;
  keep.flag(CKA_TRUSTED, true);
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             c().C_CopyObject(session, object, keep.data(), keep.count(), &copy));
}

TEST_F(TokenCertificateTest, CheckValuesOfKeys) {
  // FIPS 197: AES-128 under a key of zeros, of a block of zeros: 66 e9 4b d4 ...
  const CK_OBJECT_HANDLE aes = create_secret(session, CKK_AES, ByteString(16, 0), {CKA_ENCRYPT});
  EXPECT_EQ(value(aes, CKA_CHECK_VALUE), from_hex("66e94b"));
  // FIPS 180-4: SHA-1 of "abc" is a9 99 3e 36 ...
  const CK_OBJECT_HANDLE generic =
      create_secret(session, CKK_GENERIC_SECRET, bytes_of("abc"), {CKA_SIGN});
  EXPECT_EQ(value(generic, CKA_CHECK_VALUE), from_hex("a9993e"));
  // A hash of a key that cannot be read would tell a short one.
  EXPECT_CKR(CKR_OK, set_flag(session, generic, CKA_SENSITIVE, true));
  ByteString none;
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, generic, CKA_CHECK_VALUE, &none));
  EXPECT_CKR(CKR_OK, set_flag(session, aes, CKA_SENSITIVE, true));
  EXPECT_EQ(value(aes, CKA_CHECK_VALUE), from_hex("66e94b"));
  Attributes by_check_value;
  by_check_value.bytes(CKA_CHECK_VALUE, from_hex("66e94b"));
  EXPECT_EQ(find(session, by_check_value), std::vector{aes});

  const auto make = [&](ByteString claimed, CK_OBJECT_HANDLE* key) {
    Attributes attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, ByteString(16, 0))
        .bytes(CKA_CHECK_VALUE, std::move(claimed))
        .flag(CKA_TOKEN, true);
    return create(attributes, key);
  };
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_OK, make(from_hex("66e94b"), &key));
  EXPECT_EQ(value(key, CKA_CHECK_VALUE), from_hex("66e94b"));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, make(from_hex("66e94c"), &key));
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, make(from_hex("66e9"), &key));
  // Without a value: there shall be none.
  EXPECT_CKR(CKR_OK, make({}, &key));
  EXPECT_TRUE(value(key, CKA_CHECK_VALUE).empty());
  Attributes away;
  away.bytes(CKA_CHECK_VALUE, {});
  Attributes same;
  same.bytes(CKA_CHECK_VALUE, from_hex("66e94b"));
  Attributes other;
  other.bytes(CKA_CHECK_VALUE, from_hex("000000"));
  EXPECT_CKR(CKR_OK, set(aes, same));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set(aes, other));
  EXPECT_CKR(CKR_OK, set(aes, away));
  EXPECT_TRUE(value(aes, CKA_CHECK_VALUE).empty());
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set(aes, same));
}

TEST_F(TokenCertificateTest, LengthInAnUnwrapTemplateHasToBeRight) {
  Attributes wrapping;
  wrapping.number(CKA_VALUE_LEN, 32).flag(CKA_WRAP, true).flag(CKA_UNWRAP, true);
  CK_OBJECT_HANDLE kek = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, wrapping, &kek));
  Attributes leaving;
  leaving.number(CKA_VALUE_LEN, 24).flag(CKA_EXTRACTABLE, true);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, leaving, &key));
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  CK_BYTE wrapped[64];
  CK_ULONG length = sizeof(wrapped);
  ASSERT_CKR(CKR_OK, c().C_WrapKey(session, &kwp, kek, key, wrapped, &length));
  for (CK_ULONG claimed : {16ul, 24ul, 32ul}) {
    Attributes attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .number(CKA_VALUE_LEN, claimed);
    CK_OBJECT_HANDLE unwrapped = 0;
    EXPECT_CKR(claimed == 24 ? CKR_OK : CKR_TEMPLATE_INCONSISTENT,
               c().C_UnwrapKey(session, &kwp, kek, wrapped, length, attributes.data(),
                               attributes.count(), &unwrapped));
  }
}

TEST_F(TokenCertificateTest, AlwaysAuthenticateIsForPrivateKeysBehindALogin) {
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  Attributes open;
  open.flag(CKA_ALWAYS_AUTHENTICATE, true).flag(CKA_PRIVATE, false);
  Pair pair;
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             generate_pair(session, CKM_EC_KEY_PAIR_GEN, of_public, open, &pair));
  Attributes hidden;
  hidden.flag(CKA_ALWAYS_AUTHENTICATE, true).flag(CKA_SIGN, true);
  ASSERT_CKR(CKR_OK, generate_pair(session, CKM_EC_KEY_PAIR_GEN, of_public, hidden, &pair));
  EXPECT_TRUE(flag(session, pair.private_key, CKA_ALWAYS_AUTHENTICATE));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             set_flag(session, pair.private_key, CKA_ALWAYS_AUTHENTICATE, false));
}

}  // namespace
}  // namespace strongroom::test
