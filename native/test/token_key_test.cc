// Wrapping, unwrapping and deriving keys (PKCS#11 v3.2, 5.18, 6.13, 6.42).
#include <algorithm>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenKeyTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    wrapping = create_secret(session, CKK_AES,
                             from_hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"),
                             {CKA_WRAP, CKA_UNWRAP});
  }

  CK_RV wrap_kwp(CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key, ByteString* out) {
    CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
    CK_ULONG length = 0;
    CK_RV rv = c().C_WrapKey(session, &mechanism, with, key, nullptr, &length);
    if (rv != CKR_OK) return rv;
    out->assign(length, 0);
    return c().C_WrapKey(session, &mechanism, with, key, out->data(), &length);
  }
  CK_RV unwrap_kwp(CK_OBJECT_HANDLE with, const ByteString& wrapped, Attributes& attributes,
                   CK_OBJECT_HANDLE* key) {
    CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
    return c().C_UnwrapKey(session, &mechanism, with, const_cast<CK_BYTE*>(wrapped.data()),
                           wrapped.size(), attributes.data(), attributes.count(), key);
  }
  static Attributes& generic(Attributes& attributes) {
    return attributes.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE wrapping = 0;
};

TEST_F(TokenKeyTest, KwpAnswersThePublishedVector) {
  // RFC 5649, section 6: 20 octets under a 192-bit key.
  const ByteString value = from_hex("c37b7e6492584340bed12207808941155068f738");
  const CK_OBJECT_HANDLE key = create_secret(session, CKK_GENERIC_SECRET, value, {CKA_SIGN});
  ByteString wrapped;
  ASSERT_CKR(CKR_OK, wrap_kwp(wrapping, key, &wrapped));
  EXPECT_EQ(wrapped, from_hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"));
  Attributes attributes;
  CK_OBJECT_HANDLE unwrapped = 0;
  ASSERT_CKR(CKR_OK, unwrap_kwp(wrapping, wrapped, generic(attributes), &unwrapped));
  ByteString read;
  ASSERT_CKR(CKR_OK, get(session, unwrapped, CKA_VALUE,
                         &read));  // extractable and not sensitive by default
  EXPECT_EQ(read, value);
  EXPECT_TRUE(flag(session, unwrapped, CKA_EXTRACTABLE));
  EXPECT_FALSE(flag(session, unwrapped, CKA_LOCAL));

  CK_OBJECT_HANDLE none = 0;
  Attributes again;
  generic(again);
  for (std::size_t i = 0; i < wrapped.size(); i += 5) {
    ByteString bad = wrapped;
    bad[i] ^= 1;
    EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap_kwp(wrapping, bad, again, &none));
  }
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE, unwrap_kwp(wrapping, ByteString(15, 0), again, &none));
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE, unwrap_kwp(wrapping, ByteString(33, 0), again, &none));
  Attributes as_aes;
  as_aes.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES);
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             unwrap_kwp(wrapping, wrapped, as_aes, &none));  // 20 bytes are no AES key
}

TEST_F(TokenKeyTest, WrapRefusals) {
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  CK_ULONG length = 0;
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN});
  EXPECT_CKR(CKR_WRAPPING_KEY_HANDLE_INVALID,
             c().C_WrapKey(session, &kwp, 0, key, nullptr, &length));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, c().C_WrapKey(session, &kwp, wrapping, 0, nullptr, &length));
  EXPECT_CKR(CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
             c().C_WrapKey(session, &kwp, key, key, nullptr, &length));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             c().C_WrapKey(session, &kwp, make_aes(session), key, nullptr, &length));
  EXPECT_CKR(CKR_KEY_UNEXTRACTABLE,
             c().C_WrapKey(session, &kwp, wrapping, make_aes(session), nullptr, &length));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_WrapKey(session, &kwp, wrapping, key, nullptr, nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_WrapKey(session, nullptr, wrapping, key, nullptr, &length));
  CK_MECHANISM other{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID,
             c().C_WrapKey(session, &other, wrapping, key, nullptr, &length));
  CK_MECHANISM parameter{CKM_AES_KEY_WRAP_KWP, &length, sizeof(length)};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             c().C_WrapKey(session, &parameter, wrapping, key, nullptr, &length));
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_WrapKeyAuthenticated(session, &kwp, wrapping, key,
                                                               nullptr, 0, nullptr, &length));
  Attributes data_object;
  data_object.number(CKA_CLASS, CKO_DATA);
  CK_OBJECT_HANDLE data = 0;
  ASSERT_CKR(CKR_OK, c().C_CreateObject(session, data_object.data(), data_object.count(), &data));
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE, c().C_WrapKey(session, &kwp, wrapping, data, nullptr, &length));
  CK_BYTE out[64];
  length = 39;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_WrapKey(session, &kwp, wrapping, key, out, &length));
  EXPECT_EQ(length, 40u);
}

TEST_F(TokenKeyTest, UnwrapRefusals) {
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN});
  ByteString wrapped;
  ASSERT_CKR(CKR_OK, wrap_kwp(wrapping, key, &wrapped));
  CK_OBJECT_HANDLE none = 0;
  Attributes attributes;
  generic(attributes);
  EXPECT_CKR(CKR_UNWRAPPING_KEY_HANDLE_INVALID, unwrap_kwp(0, wrapped, attributes, &none));
  EXPECT_CKR(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, unwrap_kwp(key, wrapped, attributes, &none));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             unwrap_kwp(make_aes(session), wrapped, attributes, &none));
  Attributes empty;
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, unwrap_kwp(wrapping, wrapped, empty, &none));
  Attributes no_type;
  no_type.number(CKA_CLASS, CKO_SECRET_KEY);
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, unwrap_kwp(wrapping, wrapped, no_type, &none));
  Attributes as_data;
  as_data.number(CKA_CLASS, CKO_DATA);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap_kwp(wrapping, wrapped, as_data, &none));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, unwrap_kwp(wrapping, wrapped, attributes, nullptr));
  Attributes on_token;
  generic(on_token).flag(CKA_TOKEN, true);
  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  const CK_SESSION_HANDLE ro = open_session(false);
  EXPECT_CKR(CKR_SESSION_READ_ONLY,
             c().C_UnwrapKey(ro, &mechanism, wrapping, wrapped.data(), wrapped.size(),
                             on_token.data(), on_token.count(), &none));
  EXPECT_CKR(CKR_OK, unwrap_kwp(wrapping, wrapped, on_token, &none));
}

TEST_F(TokenKeyTest, AuthenticatedWrapInBothShapes) {
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN});
  ByteString iv;
  ByteString wrapped;
  const ByteString aad = bytes_of("additional");
  ASSERT_CKR(CKR_OK, wrap_gcm(session, wrapping, key, aad, &iv, &wrapped));
  ASSERT_EQ(wrapped.size(), 48u);
  Attributes attributes;
  generic(attributes);
  CK_OBJECT_HANDLE unwrapped = 0;
  ASSERT_CKR(CKR_OK, unwrap_gcm(session, wrapping, iv, aad, wrapped, attributes, &unwrapped));
  ByteString value;
  ASSERT_CKR(CKR_OK, get(session, unwrapped, CKA_VALUE, &value));
  EXPECT_EQ(value, ByteString(32, 1));

  // The standard's message parameters carry the tag apart; the bytes are the same.
  CK_GCM_MESSAGE_PARAMS apart{iv.data(), 12, 0, CKG_NO_GENERATE, wrapped.data() + 32, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &apart, sizeof(apart)};
  auto* aad_bytes = const_cast<CK_BYTE*>(aad.data());
  EXPECT_CKR(CKR_OK, c().C_UnwrapKeyAuthenticated(session, &mechanism, wrapping, wrapped.data(), 32,
                                                  attributes.data(), attributes.count(), aad_bytes,
                                                  aad.size(), &unwrapped));
  CK_ULONG room = value.size();
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
             c().C_WrapKeyAuthenticated(session, &mechanism, wrapping, key, aad_bytes, aad.size(),
                                        value.data(), &room));
  CK_BYTE tag[16];
  CK_BYTE fresh_iv[12];
  CK_GCM_MESSAGE_PARAMS generated{fresh_iv, 12, 0, CKG_GENERATE_RANDOM, tag, 128};
  CK_MECHANISM with_generated{CKM_AES_GCM, &generated, sizeof(generated)};
  CK_ULONG length = 0;
  ASSERT_CKR(CKR_OK, c().C_WrapKeyAuthenticated(session, &with_generated, wrapping, key, nullptr, 0,
                                                nullptr, &length));
  EXPECT_EQ(length, 32u);
  ASSERT_CKR(CKR_OK, c().C_WrapKeyAuthenticated(session, &with_generated, wrapping, key, nullptr, 0,
                                                wrapped.data(), &length));
  EXPECT_CKR(CKR_OK, c().C_UnwrapKeyAuthenticated(session, &with_generated, wrapping,
                                                  wrapped.data(), 32, attributes.data(),
                                                  attributes.count(), nullptr, 0, &unwrapped));
}

TEST_F(TokenKeyTest, WrapTemplateLimitsWhatIsWrapped) {
  Attributes only_labelled;
  only_labelled.label("for export").number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_WRAP, true)
      .nested(CKA_WRAP_TEMPLATE, only_labelled);
  CK_OBJECT_HANDLE limited = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &limited));
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN});
  ByteString wrapped;
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, wrap_kwp(limited, key, &wrapped));
  Attributes label;
  label.label("for export");
  ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, label.data(), label.count()));
  EXPECT_CKR(CKR_OK, wrap_kwp(limited, key, &wrapped));
}

class TokenDeriveTest : public TokenKeyTest {
 protected:
  // Counter, then fixed data, and if asked for L at the end.
  CK_RV derive(CK_OBJECT_HANDLE base, ByteString fixed, Attributes& attributes,
               CK_OBJECT_HANDLE* key, CK_ULONG length_method = 0, CK_ULONG counter_bits = 32) {
    CK_SP800_108_COUNTER_FORMAT counter{CK_FALSE, counter_bits};
    CK_SP800_108_DKM_LENGTH_FORMAT length{length_method, CK_FALSE, 32};
    CK_PRF_DATA_PARAM fields[] = {{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)},
                                  {CK_SP800_108_BYTE_ARRAY, fixed.data(), fixed.size()},
                                  {CK_SP800_108_DKM_LENGTH, &length, sizeof(length)}};
    CK_SP800_108_KDF_PARAMS parameters{CKM_SHA256_HMAC, length_method ? 3ul : 2ul, fields, 0,
                                       nullptr};
    CK_MECHANISM mechanism{CKM_SP800_108_COUNTER_KDF, &parameters, sizeof(parameters)};
    return c().C_DeriveKey(session, &mechanism, base, attributes.data(), attributes.count(), key);
  }
  CK_OBJECT_HANDLE base_of(const ByteString& value) {
    return create_secret(session, CKK_GENERIC_SECRET, value, {CKA_DERIVE, CKA_SIGN});
  }
};

TEST_F(TokenDeriveTest, IsHmacOverCounterAndFields) {
  const CK_OBJECT_HANDLE base = base_of(bytes_of("a base key"));
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 48);
  CK_OBJECT_HANDLE key = 0;
  // Once with L as the sum of keys (384 bits), once as the sum of segments (512).
  for (const auto& [method, length] :
       {std::pair{CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, ByteString{0, 0, 1, 0x80}},
        std::pair{CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS, ByteString{0, 0, 2, 0}}}) {
    ASSERT_CKR(CKR_OK, derive(base, bytes_of("label"), attributes, &key, method));
    ByteString value;
    ASSERT_CKR(CKR_OK, get(session, key, CKA_VALUE, &value));
    ByteString expected;
    for (CK_BYTE i = 1; i <= 2; ++i) {
      ByteString block{0, 0, 0, i};
      for (CK_BYTE byte : bytes_of("label")) block.push_back(byte);
      block.insert(block.end(), length.begin(), length.end());
      ByteString mac;
      ASSERT_CKR(CKR_OK, hmac(session, base, block, &mac));
      expected.insert(expected.end(), mac.begin(), mac.end());
    }
    expected.resize(48);
    EXPECT_EQ(value, expected);
  }
}

TEST_F(TokenDeriveTest, SensitivityComesFromTheBase) {
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_DERIVE, true);
  CK_OBJECT_HANDLE base = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &base));
  Attributes silent;
  silent.number(CKA_VALUE_LEN, 32);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, derive(base, {}, silent, &key));
  EXPECT_TRUE(flag(session, key, CKA_SENSITIVE));
  EXPECT_FALSE(flag(session, key, CKA_EXTRACTABLE));
  EXPECT_TRUE(flag(session, key, CKA_ALWAYS_SENSITIVE));
  EXPECT_TRUE(flag(session, key, CKA_NEVER_EXTRACTABLE));
  EXPECT_FALSE(flag(session, key, CKA_LOCAL));
  Attributes
      open;  // the standard lets the template say otherwise (6.42.10), and the history shows it
  open.number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
  ASSERT_CKR(CKR_OK, derive(base, {}, open, &key));
  EXPECT_FALSE(flag(session, key, CKA_ALWAYS_SENSITIVE));
  EXPECT_FALSE(flag(session, key, CKA_NEVER_EXTRACTABLE));
  // From a base that was not always sensitive nothing is.
  ASSERT_CKR(CKR_OK, derive(base_of(ByteString(32, 1)), {}, silent, &key));
  EXPECT_FALSE(flag(session, key, CKA_SENSITIVE));
  EXPECT_TRUE(flag(session, key, CKA_EXTRACTABLE));
  EXPECT_FALSE(flag(session, key, CKA_ALWAYS_SENSITIVE));
}

TEST_F(TokenDeriveTest, DeriveTemplateIsEnforced) {
  Attributes always;
  always.flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .number(CKA_KEY_TYPE, CKK_AES)
      .number(CKA_VALUE_LEN, 32);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32).flag(CKA_DERIVE, true).nested(CKA_DERIVE_TEMPLATE, always);
  CK_OBJECT_HANDLE base = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &base));
  CK_OBJECT_HANDLE key = 0;
  Attributes open;
  open.flag(CKA_SENSITIVE, false);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, derive(base, {}, open, &key));
  Attributes shorter;
  shorter.number(CKA_VALUE_LEN, 16);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, derive(base, {}, shorter, &key));
  Attributes nothing;
  ASSERT_CKR(CKR_OK, derive(base, {}, nothing, &key));
  EXPECT_TRUE(flag(session, key, CKA_SENSITIVE));
  EXPECT_TRUE(flag(session, key, CKA_ENCRYPT));  // an AES key with no use named
}

TEST_F(TokenDeriveTest, Refusals) {
  const CK_OBJECT_HANDLE base = base_of(ByteString(32, 1));
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32);
  CK_OBJECT_HANDLE key = 0;
  Attributes no_length;
  EXPECT_CKR(CKR_TEMPLATE_INCOMPLETE, derive(base, {}, no_length, &key));
  Attributes odd;
  odd.number(CKA_KEY_TYPE, CKK_AES).number(CKA_VALUE_LEN, 20);
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, derive(base, {}, odd, &key));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, derive(0, {}, attributes, &key));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, derive(base, {}, attributes, &key, 0, 12));
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, derive(base, {}, attributes, &key, 7));
  const CK_OBJECT_HANDLE no_derive =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN});
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, derive(no_derive, {}, attributes, &key));
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, derive(wrapping, {}, attributes, &key));

  CK_SP800_108_COUNTER_FORMAT counter{CK_FALSE, 32};
  CK_PRF_DATA_PARAM twice[] = {{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)},
                               {CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)}};
  CK_PRF_DATA_PARAM bad_type[] = {{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)},
                                  {99, nullptr, 0}};
  CK_PRF_DATA_PARAM null_bytes[] = {{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)},
                                    {CK_SP800_108_BYTE_ARRAY, nullptr, 4}};
  for (const CK_SP800_108_KDF_PARAMS& each :
       {CK_SP800_108_KDF_PARAMS{CKM_SHA256_HMAC, 2, twice, 0, nullptr},
        {CKM_SHA256_HMAC, 2, bad_type, 0, nullptr},
        {CKM_SHA256_HMAC, 2, null_bytes, 0, nullptr},
        {CKM_SHA256_HMAC, 0, twice, 0, nullptr},
        {CKM_SHA256_HMAC, 1, nullptr, 0, nullptr},
        {CKM_SHA256_HMAC, 1, twice, 1, nullptr},
        {CKM_AES_GCM, 1, twice, 0, nullptr}}) {
    CK_SP800_108_KDF_PARAMS bad = each;
    CK_MECHANISM mechanism{CKM_SP800_108_COUNTER_KDF, &bad, sizeof(bad)};
    EXPECT_CKR(
        CKR_MECHANISM_PARAM_INVALID,
        c().C_DeriveKey(session, &mechanism, base, attributes.data(), attributes.count(), &key));
  }
  CK_MECHANISM other{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID,
             c().C_DeriveKey(session, &other, base, attributes.data(), attributes.count(), &key));
}

}  // namespace strongroom::test
