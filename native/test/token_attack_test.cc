// An attacker holds the user PIN and every call of the interface, and wants the bytes of a backing
// key: a generic secret, sensitive, wrapped only under trusted keys, allowed
// CKM_STRONGROOM_DERIVE_AES_GCM alone. Each test is one way to try. Long because all of them stand
// in one file, so that the list can be read for what it lacks.
#include <algorithm>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

// What a domain key makes of whatever it unwraps.
void backing_template(Attributes& out) {
  out.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, true)
      .flag(CKA_WRAP_WITH_TRUSTED, true)
      .flag(CKA_ENCRYPT, false)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_SIGN, false)
      .flag(CKA_VERIFY, false)
      .flag(CKA_WRAP, false)
      .flag(CKA_UNWRAP, false)
      .flag(CKA_DERIVE, true)
      .mechanisms({CKM_STRONGROOM_DERIVE_AES_GCM});
}

constexpr CK_ATTRIBUTE_TYPE kUses[] = {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,
                                       CKA_VERIFY,  CKA_WRAP,    CKA_UNWRAP};

}  // namespace

class TokenAttackTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    domain_key = make_domain_key("domain key");
    trust(domain_key);
    backing_key = make_backing_key();
    ASSERT_CKR(CKR_OK, wrap_gcm(session, domain_key, backing_key, aad, &iv, &wrapped));
  }

  CK_OBJECT_HANDLE make_domain_key(std::string_view label) {
    Attributes unwrap;
    backing_template(unwrap);
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32)
        .label(label)
        .flag(CKA_TOKEN, true)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_EXTRACTABLE, false)
        .flag(CKA_WRAP, true)
        .flag(CKA_UNWRAP, true)
        .mechanisms({CKM_AES_GCM})
        .nested(CKA_UNWRAP_TEMPLATE, unwrap);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    return key;
  }

  CK_RV try_trust(CK_OBJECT_HANDLE key) {
    ByteString id;
    EXPECT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &id));
    // The ceremony is another client's, logged in as SO.
    SR_APPLICATION ceremony;
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    EXPECT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &ceremony));
    const CK_SESSION_HANDLE so = open_session_of(ceremony, slot);
    login(so, CKU_SO);
    const CK_RV rv = sr().SR_MarkTrusted(so, id.data(), id.size());
    EXPECT_CKR(CKR_OK, sr().SR_CloseApplication(ceremony));
    return rv;
  }
  void trust(CK_OBJECT_HANDLE key) {
    EXPECT_CKR(CKR_OK, try_trust(key));
    EXPECT_TRUE(flag(session, key, CKA_TRUSTED));
  }

  CK_OBJECT_HANDLE make_backing_key() {
    Attributes attributes;
    backing_template(attributes);
    attributes.number(CKA_VALUE_LEN, 32);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &key));
    return key;
  }

  CK_RV unwrap(Attributes& attributes, CK_OBJECT_HANDLE* key) {
    return unwrap_gcm(session, domain_key, iv, aad, wrapped, attributes, key);
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE domain_key = 0;
  CK_OBJECT_HANDLE backing_key = 0;
  const ByteString aad = bytes_of("account, key id, material id");
  ByteString iv;
  ByteString wrapped;
};

TEST_F(TokenAttackTest, TheHonestWayWorksAndEndsInABackingKeyAgain) {
  Attributes nothing;
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, unwrap(nothing, &key));
  EXPECT_TRUE(flag(session, key, CKA_SENSITIVE));
  EXPECT_TRUE(flag(session, key, CKA_WRAP_WITH_TRUSTED));
  EXPECT_TRUE(flag(session, key, CKA_PRIVATE));
  EXPECT_TRUE(flag(session, key, CKA_DERIVE));
  EXPECT_FALSE(flag(session, key, CKA_TOKEN));
  EXPECT_FALSE(flag(session, key, CKA_LOCAL));
  EXPECT_FALSE(flag(session, key, CKA_ALWAYS_SENSITIVE));
  EXPECT_FALSE(flag(session, key, CKA_NEVER_EXTRACTABLE));
  for (CK_ATTRIBUTE_TYPE use : kUses) EXPECT_FALSE(flag(session, key, use));
  ByteString allowed;
  ASSERT_CKR(CKR_OK, get(session, key, CKA_ALLOWED_MECHANISMS, &allowed));
  EXPECT_EQ(allowed.size(), sizeof(CK_MECHANISM_TYPE));

  // What the first one sealed, the unwrapped one opens: they are the same key.
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  CK_BYTE plaintext[32];
  CK_BYTE ciphertext[32];
  SR_SEAL_PARAMS seal{nonce, tag};
  ASSERT_CKR(CKR_OK, sr().SR_SealRandom(session, backing_key, &seal, nullptr, 0, 32, plaintext,
                                        ciphertext));
  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_MessageDecryptInit(session, &mechanism, key));
  CK_BYTE opened[32];
  CK_ULONG length = sizeof(opened);
  ASSERT_CKR(CKR_OK, c().C_DecryptMessage(session, &seal, sizeof(seal), nullptr, 0, ciphertext, 32,
                                          opened, &length));
  EXPECT_TRUE(std::equal(opened, opened + 32, plaintext));
}

TEST_F(TokenAttackTest, ReadingTheValueIsRefused) {
  CK_BYTE value[64];
  CK_ATTRIBUTE attribute{CKA_VALUE, value, sizeof(value)};
  for (CK_OBJECT_HANDLE key : {backing_key, domain_key}) {
    attribute.ulValueLen = sizeof(value);
    EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, c().C_GetAttributeValue(session, key, &attribute, 1));
    EXPECT_EQ(attribute.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    attribute.pValue = nullptr;
    EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, c().C_GetAttributeValue(session, key, &attribute, 1));
    attribute.pValue = value;
  }
}

TEST_F(TokenAttackTest, FindObjectsIsNoOracleForTheValue) {
  // A key of known value, sensitive: searching for its very value finds it only while it may be
  // read.
  const ByteString value(32, 0x42);
  const CK_OBJECT_HANDLE known = create_secret(session, CKK_GENERIC_SECRET, value, {CKA_DERIVE});
  Attributes by_value;
  by_value.bytes(CKA_VALUE, value);
  EXPECT_EQ(find(session, by_value), std::vector{known});
  ASSERT_CKR(CKR_OK, set_flag(session, known, CKA_SENSITIVE, true));
  EXPECT_TRUE(find(session, by_value).empty());
}

TEST_F(TokenAttackTest, OneWayBitsCannotBeTurnedBack) {
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, backing_key, CKA_SENSITIVE, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, backing_key, CKA_WRAP_WITH_TRUSTED, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, backing_key, CKA_PRIVATE, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, backing_key, CKA_TOKEN, true));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, domain_key, CKA_EXTRACTABLE, true));
  for (CK_ATTRIBUTE_TYPE use : kUses)
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, backing_key, use, true));
  for (CK_ATTRIBUTE_TYPE use : {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_DERIVE}) {
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, domain_key, use, true));
  }
  Attributes any;
  any.mechanisms({CKM_SHA256_HMAC});
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             c().C_SetAttributeValue(session, backing_key, any.data(), any.count()));
  Attributes no_template;
  no_template.raw(CKA_UNWRAP_TEMPLATE, nullptr, 0);
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             c().C_SetAttributeValue(session, domain_key, no_template.data(), no_template.count()));
}

TEST_F(TokenAttackTest, NobodyWritesTrustedOrTheTokensOwnAttributes) {
  Attributes trusted;
  aes_template(trusted);
  trusted.flag(CKA_TRUSTED, true);
  CK_OBJECT_HANDLE key;
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, generate(session, CKM_AES_KEY_GEN, trusted, &key));
  const CK_OBJECT_HANDLE own = make_aes(session);
  for (bool value : {true, false})
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, own, CKA_TRUSTED, value));
  for (CK_ATTRIBUTE_TYPE type : {CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE}) {
    Attributes attributes;
    aes_template(attributes);
    attributes.flag(type, true);
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, own, type, true));
  }
  Attributes id;
  aes_template(id);
  id.bytes(CKA_UNIQUE_ID, bytes_of("mine"));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, generate(session, CKM_AES_KEY_GEN, id, &key));

  // Not through a key that would make trusted keys, however deep the wish is hidden.
  Attributes inner;
  inner.flag(CKA_TRUSTED, true);
  Attributes middle;
  middle.nested(CKA_UNWRAP_TEMPLATE, inner);
  for (CK_ATTRIBUTE_TYPE type : {CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE}) {
    for (Attributes* nested : {&inner, &middle}) {
      Attributes attributes;
      aes_template(attributes);
      attributes.nested(type, *nested);
      EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    }
  }

  // Nor by the SO, outside the ceremony.
  SR_APPLICATION other;
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  const CK_SESSION_HANDLE so = open_session_of(other, slot);
  login(so, CKU_SO);
  Attributes public_key;
  public_key.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .flag(CKA_PRIVATE, false)
      .flag(CKA_WRAP, true)
      .flag(CKA_TRUSTED, true)
      .bytes(CKA_VALUE, ByteString(32, 1));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY,
             c().C_CreateObject(so, public_key.data(), public_key.count(), &key));
}

TEST_F(TokenAttackTest, WrappingUnderAKeyOfOnesOwnIsRefused) {
  const CK_OBJECT_HANDLE mine =
      create_secret(session, CKK_AES, ByteString(32, 9), {CKA_WRAP, CKA_UNWRAP, CKA_DECRYPT});
  ByteString other_iv;
  ByteString other;
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE, wrap_gcm(session, mine, backing_key, aad, &other_iv, &other));
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  CK_ULONG length = 0;
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE,
             c().C_WrapKey(session, &kwp, mine, backing_key, nullptr, &length));
  EXPECT_CKR(CKR_KEY_UNEXTRACTABLE,
             c().C_WrapKey(session, &kwp, mine, domain_key, nullptr, &length));
  // A copy of the domain key's attributes is not the domain key: nobody marked it trusted.
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE,
             wrap_gcm(session, make_domain_key("domain key"), backing_key, aad, &other_iv, &other));
}

TEST_F(TokenAttackTest, NoTemplateUnwrapsSomethingWeaker) {
  struct Weaker {
    CK_ATTRIBUTE_TYPE type;
    bool value;
  };
  CK_OBJECT_HANDLE key = 0;
  for (const Weaker& each : {Weaker{CKA_SENSITIVE, false},
                             {CKA_WRAP_WITH_TRUSTED, false},
                             {CKA_PRIVATE, false},
                             {CKA_EXTRACTABLE, false},
                             {CKA_TOKEN, true},
                             {CKA_ENCRYPT, true},
                             {CKA_DECRYPT, true},
                             {CKA_SIGN, true},
                             {CKA_VERIFY, true},
                             {CKA_WRAP, true},
                             {CKA_UNWRAP, true},
                             {CKA_DERIVE, false}}) {
    Attributes attributes;
    attributes.flag(each.type, each.value);
    EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(attributes, &key)) << std::hex << each.type;
  }
  for (CK_KEY_TYPE type : {CKK_AES, CKK_SHA256_HMAC}) {
    Attributes attributes;
    attributes.number(CKA_KEY_TYPE, type);
    EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(attributes, &key));
  }
  for (CK_OBJECT_CLASS object_class : {CKO_DATA, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    Attributes attributes;
    attributes.number(CKA_CLASS, object_class);
    EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(attributes, &key));
  }
  Attributes hmac_too;
  hmac_too.mechanisms({CKM_STRONGROOM_DERIVE_AES_GCM, CKM_SHA256_HMAC});
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(hmac_too, &key));
  Attributes no_list;
  no_list.raw(CKA_ALLOWED_MECHANISMS, nullptr, 0);
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, unwrap(no_list, &key));
  // Named twice, the second time weaker.
  Attributes twice;
  twice.flag(CKA_SENSITIVE, true).flag(CKA_SENSITIVE, false);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(twice, &key));
  // A shorter key could be searched byte by byte.
  Attributes shorter;
  shorter.number(CKA_VALUE_LEN, 1);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(shorter, &key));
  Attributes value;
  value.bytes(CKA_VALUE, ByteString(32, 0));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, unwrap(value, &key));
  EXPECT_EQ(key, 0u);
}

TEST_F(TokenAttackTest, WhatIsUnwrappedStaysAsItIs) {
  Attributes nothing;
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, unwrap(nothing, &key));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, CKA_SENSITIVE, false));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, CKA_WRAP_WITH_TRUSTED, false));
  for (CK_ATTRIBUTE_TYPE use : kUses)
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, use, true));
}

TEST_F(TokenAttackTest, AdditionalDataAndBlobAreBound) {
  Attributes nothing;
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(
      CKR_WRAPPED_KEY_INVALID,
      unwrap_gcm(session, domain_key, iv, bytes_of("another key id"), wrapped, nothing, &key));
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    ByteString changed = wrapped;
    changed[i] ^= 0x80;
    EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
               unwrap_gcm(session, domain_key, iv, aad, changed, nothing, &key));
  }
  const ByteString cut(wrapped.begin(), wrapped.begin() + 16);
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE,
             unwrap_gcm(session, domain_key, iv, aad, cut, nothing, &key));
  // Another trusted key, as another Region's would be.
  const CK_OBJECT_HANDLE other = make_domain_key("other");
  trust(other);
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap_gcm(session, other, iv, aad, wrapped, nothing, &key));
}

TEST_F(TokenAttackTest, TheWrappingKeyDoesNotDecryptOrUseAnotherWrap) {
  ByteString out;
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, decrypt(session, domain_key, iv, aad, wrapped, &out));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             encrypt(session, domain_key, iv, aad, ByteString(32, 0), &out));
  CK_MECHANISM gcm{CKM_AES_GCM, nullptr, 0};
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, c().C_MessageDecryptInit(session, &gcm, domain_key));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, c().C_MessageEncryptInit(session, &gcm, domain_key));
  // KWP is not among its mechanisms, in either direction; plain C_UnwrapKey has no GCM at all.
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  CK_ULONG length = 0;
  EXPECT_CKR(CKR_MECHANISM_INVALID,
             c().C_WrapKey(session, &kwp, domain_key, backing_key, nullptr, &length));
  CK_OBJECT_HANDLE key;
  ByteString blob(40, 1);
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_UnwrapKey(session, &kwp, domain_key, blob.data(),
                                                    blob.size(), nullptr, 0, &key));
  CK_GCM_PARAMS chosen{iv.data(), iv.size(), 96, nullptr, 0, 128};
  CK_MECHANISM chosen_iv{CKM_AES_GCM, &chosen, sizeof(chosen)};
  EXPECT_CKR(CKR_MECHANISM_INVALID,
             c().C_WrapKey(session, &chosen_iv, domain_key, backing_key, nullptr, &length));
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_UnwrapKey(session, &chosen_iv, domain_key, wrapped.data(),
                                                    wrapped.size(), nullptr, 0, &key));
}

TEST_F(TokenAttackTest, AKwpTrustedKeyEnforcesItsTemplateToo) {
  // A trusted key without a list of mechanisms wraps by KWP as well; its template still rules.
  Attributes template_attributes;
  template_attributes.number(CKA_CLASS, CKO_SECRET_KEY)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_WRAP_WITH_TRUSTED, true);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_TOKEN, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_WRAP, true)
      .flag(CKA_UNWRAP, true)
      .nested(CKA_UNWRAP_TEMPLATE, template_attributes);
  CK_OBJECT_HANDLE trusted = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &trusted));
  trust(trusted);
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  ByteString blob(40, 0);
  CK_ULONG length = blob.size();
  ASSERT_CKR(CKR_OK, c().C_WrapKey(session, &kwp, trusted, backing_key, blob.data(), &length));
  Attributes readable;
  readable.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .flag(CKA_SENSITIVE, false);
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, c().C_UnwrapKey(session, &kwp, trusted, blob.data(), length,
                                                        readable.data(), readable.count(), &key));
  Attributes silent;
  silent.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  ASSERT_CKR(CKR_OK, c().C_UnwrapKey(session, &kwp, trusted, blob.data(), length, silent.data(),
                                     silent.count(), &key));
  ByteString value;
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, key, CKA_VALUE, &value));
}

TEST_F(TokenAttackTest, TheCallerNeverChoosesAWrappingIv) {
  CK_BYTE chosen[12] = {};
  ByteString out(64, 0);
  CK_ULONG length = out.size();
  for (CK_GENERATOR_FUNCTION generator : {CKG_NO_GENERATE, CKG_GENERATE_COUNTER,
                                          CKG_GENERATE_COUNTER_XOR, CK_GENERATOR_FUNCTION{99}}) {
    SR_GCM_WRAP_PARAMS parameters{chosen, 12, 0, generator, 128};
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               c().C_WrapKeyAuthenticated(session, &mechanism, domain_key, backing_key, nullptr, 0,
                                          out.data(), &length));
  }
  // Nor a part of it, a shorter one, or a shorter tag.
  for (const SR_GCM_WRAP_PARAMS& each : {SR_GCM_WRAP_PARAMS{chosen, 12, 96, CKG_GENERATE, 128},
                                         {chosen, 12, 32, CKG_GENERATE, 128},
                                         {chosen, 4, 0, CKG_GENERATE, 128},
                                         {chosen, 12, 0, CKG_GENERATE, 32},
                                         {nullptr, 12, 0, CKG_GENERATE, 128}}) {
    SR_GCM_WRAP_PARAMS parameters = each;
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               c().C_WrapKeyAuthenticated(session, &mechanism, domain_key, backing_key, nullptr, 0,
                                          out.data(), &length));
  }
  // Two wraps of one key never share an IV, whatever lies in the buffer.
  ByteString first_iv;
  ByteString second_iv;
  ByteString blob;
  ASSERT_CKR(CKR_OK, wrap_gcm(session, domain_key, backing_key, aad, &first_iv, &blob));
  ASSERT_CKR(CKR_OK, wrap_gcm(session, domain_key, backing_key, aad, &second_iv, &blob));
  EXPECT_NE(first_iv, second_iv);
  EXPECT_NE(first_iv, ByteString(12, 0));
}

TEST_F(TokenAttackTest, ABackingKeyDoesOnlyItsOneMechanism) {
  CK_MECHANISM hmac_mechanism{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, c().C_SignInit(session, &hmac_mechanism, backing_key));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             c().C_VerifyInit(session, &hmac_mechanism, backing_key));
  // Its message keys are SP 800-108 outputs: deriving them as readable keys would open every
  // message.
  CK_SP800_108_COUNTER_FORMAT counter{CK_FALSE, 32};
  CK_PRF_DATA_PARAM fields[] = {{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)}};
  CK_SP800_108_KDF_PARAMS kdf{CKM_SHA256_HMAC, 1, fields, 0, nullptr};
  CK_MECHANISM derive{CKM_SP800_108_COUNTER_KDF, &kdf, sizeof(kdf)};
  Attributes readable;
  readable.number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_DeriveKey(session, &derive, backing_key, readable.data(),
                                                    readable.count(), &key));
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, c().C_DeriveKey(session, &derive, domain_key,
                                                        readable.data(), readable.count(), &key));
  ByteString out;
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT,
             encrypt(session, backing_key, ByteString(12, 0), {}, {}, &out));
  CK_MECHANISM sha256{CKM_SHA256, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_DigestInit(session, &sha256));
  EXPECT_CKR(CKR_KEY_INDIGESTIBLE, c().C_DigestKey(session, backing_key));
}

TEST_F(TokenAttackTest, ACopyGainsNothing) {
  const auto copy = [&](CK_OBJECT_HANDLE source, Attributes& changes, CK_OBJECT_HANDLE* out) {
    return c().C_CopyObject(session, source, changes.data(), changes.count(), out);
  };
  CK_OBJECT_HANDLE key = 0;
  for (const CK_ATTRIBUTE_TYPE use : kUses) {
    Attributes more;
    more.flag(use, true);
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy(backing_key, more, &key));
  }
  for (const CK_ATTRIBUTE_TYPE guard : {CKA_SENSITIVE, CKA_WRAP_WITH_TRUSTED}) {
    Attributes less;
    less.flag(guard, false);
    EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy(backing_key, less, &key));
  }
  Attributes open;
  open.flag(CKA_PRIVATE, false);
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, copy(backing_key, open, &key));
  Attributes any;
  any.mechanisms({CKM_SHA256_HMAC});
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, copy(backing_key, any, &key));
  // The domain key's trust is the SO's to give, to a copy as well; its template goes with it.
  Attributes same;
  ASSERT_CKR(CKR_OK, copy(domain_key, same, &key));
  EXPECT_FALSE(flag(session, key, CKA_TRUSTED));
  ByteString other_iv;
  ByteString other_wrapped;
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE,
             wrap_gcm(session, key, backing_key, aad, &other_iv, &other_wrapped));
  Attributes readable;
  readable.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .flag(CKA_SENSITIVE, false);
  CK_OBJECT_HANDLE opened = 0;
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT,
             unwrap_gcm(session, key, iv, aad, wrapped, readable, &opened));
}

TEST_F(TokenAttackTest, DestroyingAndRecreatingTheDomainKeyGainsNothing) {
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, domain_key));
  // The same label and attributes, but a template and bytes of the attacker's choice.
  Attributes attributes;
  attributes.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .bytes(CKA_VALUE, ByteString(32, 5))
      .label("domain key")
      .flag(CKA_TOKEN, true)
      .flag(CKA_WRAP, true)
      .flag(CKA_UNWRAP, true);
  CK_OBJECT_HANDLE impostor = 0;
  ASSERT_CKR(CKR_OK, c().C_CreateObject(session, attributes.data(), attributes.count(), &impostor));
  ByteString other_iv;
  ByteString other;
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE,
             wrap_gcm(session, impostor, backing_key, aad, &other_iv, &other));
  Attributes readable;
  readable.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             unwrap_gcm(session, impostor, iv, aad, wrapped, readable, &key));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, try_trust(impostor));  // not LOCAL
  EXPECT_CKR(CKR_WRAPPING_KEY_HANDLE_INVALID,
             wrap_gcm(session, domain_key, backing_key, aad, &other_iv, &other));
}

TEST_F(TokenAttackTest, TheCeremonyRefusesKeysThatWouldLeak) {
  const auto candidate = [&](auto change) {
    Attributes unwrap;
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32).flag(CKA_TOKEN, true);
    change(attributes, unwrap);
    if (unwrap.count() != 0) attributes.nested(CKA_UNWRAP_TEMPLATE, unwrap);
    CK_OBJECT_HANDLE key = 0;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    return key;
  };
  const auto good = [](Attributes& unwrap) {
    unwrap.flag(CKA_SENSITIVE, true).flag(CKA_WRAP_WITH_TRUSTED, true);
  };

  for (CK_ATTRIBUTE_TYPE extra : {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_DERIVE}) {
    EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
               try_trust(candidate([&](Attributes& key, Attributes& unwrap) {
                 key.flag(CKA_SENSITIVE, true)
                     .flag(CKA_WRAP, true)
                     .flag(CKA_UNWRAP, true)
                     .flag(extra, true);
                 good(unwrap);
               })));
  }
  // Not sensitive; extractable; no template; a template that lets out; none that wraps.
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             try_trust(candidate([&](Attributes& key, Attributes& unwrap) {
               key.flag(CKA_SENSITIVE, false).flag(CKA_WRAP, true);
               good(unwrap);
             })));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             try_trust(candidate([&](Attributes& key, Attributes& unwrap) {
               key.flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP, true);
               good(unwrap);
             })));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, try_trust(candidate([&](Attributes& key, Attributes&) {
               key.flag(CKA_SENSITIVE, true).flag(CKA_WRAP, true);
             })));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             try_trust(candidate([&](Attributes& key, Attributes& unwrap) {
               key.flag(CKA_SENSITIVE, true).flag(CKA_WRAP, true);
               unwrap.flag(CKA_SENSITIVE, false).flag(CKA_WRAP_WITH_TRUSTED, true);
             })));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             try_trust(candidate([&](Attributes& key, Attributes& unwrap) {
               key.flag(CKA_SENSITIVE, true).flag(CKA_WRAP, true);
               unwrap.flag(CKA_SENSITIVE, true);
             })));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             try_trust(candidate([&](Attributes& key, Attributes& unwrap) {
               key.flag(CKA_SENSITIVE, true).flag(CKA_ENCRYPT, false);
               good(unwrap);
             })));
  // Derived, not made here: another key of the same base could be read.
  Attributes base_attributes;
  base_attributes.number(CKA_VALUE_LEN, 32).flag(CKA_SENSITIVE, true).flag(CKA_DERIVE, true);
  CK_OBJECT_HANDLE base = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, base_attributes, &base));
  Attributes unwrap_attributes;
  good(unwrap_attributes);
  Attributes derived_attributes;
  derived_attributes.number(CKA_KEY_TYPE, CKK_AES)
      .number(CKA_VALUE_LEN, 32)
      .flag(CKA_TOKEN, true)
      .flag(CKA_WRAP, true)
      .nested(CKA_UNWRAP_TEMPLATE, unwrap_attributes);
  CK_SP800_108_COUNTER_FORMAT counter{CK_FALSE, 32};
  CK_PRF_DATA_PARAM field{CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)};
  CK_SP800_108_KDF_PARAMS kdf{CKM_SHA256_HMAC, 1, &field, 0, nullptr};
  CK_MECHANISM derive{CKM_SP800_108_COUNTER_KDF, &kdf, sizeof(kdf)};
  CK_OBJECT_HANDLE derived = 0;
  ASSERT_CKR(CKR_OK, c().C_DeriveKey(session, &derive, base, derived_attributes.data(),
                                     derived_attributes.count(), &derived));
  EXPECT_TRUE(flag(session, derived, CKA_ALWAYS_SENSITIVE));
  EXPECT_TRUE(flag(session, derived, CKA_NEVER_EXTRACTABLE));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, try_trust(derived));
  // Made sensitive later: ALWAYS_SENSITIVE remembers.
  const CK_OBJECT_HANDLE late = candidate([&](Attributes& key, Attributes& unwrap) {
    key.flag(CKA_SENSITIVE, false).flag(CKA_WRAP, true);
    good(unwrap);
  });
  ASSERT_CKR(CKR_OK, set_flag(session, late, CKA_SENSITIVE, true));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, try_trust(late));
}

TEST_F(TokenAttackTest, TheCeremonyIsTheSecurityOfficersAlone) {
  const CK_OBJECT_HANDLE key = make_domain_key("mine");
  ByteString id;
  ASSERT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &id));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, sr().SR_MarkTrusted(session, id.data(), id.size()));
  EXPECT_FALSE(flag(session, key, CKA_TRUSTED));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, sr().SR_MarkTrusted(session, id.data(), id.size()));
  login(session, CKU_SO);
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, sr().SR_MarkTrusted(session, text("no such id"), 10));
  EXPECT_CKR(CKR_OK, sr().SR_MarkTrusted(session, id.data(), id.size()));
  // The SO marks what they cannot see.
  Attributes any;
  EXPECT_TRUE(find(session, any).empty());
}

TEST_F(TokenAttackTest, AnotherApplicationAndALogoutLoseTheKey) {
  SR_APPLICATION other;
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  const CK_SESSION_HANDLE theirs = open_session_of(other, slot);
  ByteString value;
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(theirs, backing_key, CKA_LABEL, &value));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(theirs, domain_key, CKA_LABEL, &value));
  login(theirs);
  // Logged in, they find the token object, and never the other application's session object.
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(theirs, backing_key, CKA_LABEL, &value));
  Attributes any;
  EXPECT_EQ(find(theirs, any).size(), 1u);

  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_MessageEncryptInit(session, &mechanism, backing_key));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  SR_SEAL_PARAMS seal{nonce, tag};
  CK_BYTE data[16] = {};
  CK_ULONG length = sizeof(data);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_EncryptMessage(session, &seal, sizeof(seal), nullptr, 0, data, sizeof(data),
                                  data, &length));
  login(session);
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID,
             get(session, backing_key, CKA_LABEL, &value));  // died with the login
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID,
             get(session, domain_key, CKA_LABEL, &value));  // handle of the old login
}

}  // namespace strongroom::test
