// What a host with the user PIN tries against private keys: to read one, to carry one out, to
// unwrap one as something else, and to use the commands whose inner values stay inside as a way
// out.
#include <array>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

constexpr CK_ATTRIBUTE_TYPE kPrivateParts[] = {CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                                               CKA_PRIME_2,          CKA_EXPONENT_1,
                                               CKA_EXPONENT_2,       CKA_COEFFICIENT};

// What a domain key for signing makes of whatever it unwraps.
void signing_template(Attributes& out) {
  out.number(CKA_CLASS, CKO_PRIVATE_KEY)
      .flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_WRAP_WITH_TRUSTED, true)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_SIGN, true)
      .flag(CKA_SIGN_RECOVER, false)
      .flag(CKA_UNWRAP, false)
      .flag(CKA_DERIVE, false)
      .mechanisms({CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS});
}

class TokenPrivateKeyAttackTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    Attributes unwrap_template;
    signing_template(unwrap_template);
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32)
        .flag(CKA_TOKEN, true)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_EXTRACTABLE, false)
        .flag(CKA_WRAP, true)
        .flag(CKA_UNWRAP, true)
        .mechanisms({CKM_AES_GCM})
        .nested(CKA_UNWRAP_TEMPLATE, unwrap_template);
    ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &domain_key));
    ASSERT_CKR(CKR_OK, trust(domain_key));
    Attributes of_public;
    of_public.bytes(CKA_EC_PARAMS, p256_parameters());
    Attributes of_private;
    of_private.flag(CKA_EXTRACTABLE, true).flag(CKA_WRAP_WITH_TRUSTED, true);
    ASSERT_CKR(CKR_OK,
               generate_pair(session, CKM_EC_KEY_PAIR_GEN, of_public, of_private, &backing));
    ASSERT_CKR(CKR_OK, wrap_gcm(session, domain_key, backing.private_key, aad, &iv, &wrapped));
  }

  CK_RV trust(CK_OBJECT_HANDLE key) {
    ByteString id;
    EXPECT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &id));
    SR_APPLICATION ceremony;
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    EXPECT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &ceremony));
    const CK_SESSION_HANDLE so = open_session_of(ceremony, slot);
    login(so, CKU_SO);
    const CK_RV rv = sr().SR_MarkTrusted(so, id.data(), id.size());
    EXPECT_CKR(CKR_OK, sr().SR_CloseApplication(ceremony));
    return rv;
  }

  CK_RV unwrap(Attributes& attributes, CK_OBJECT_HANDLE* key) {
    attributes.number(CKA_KEY_TYPE, CKK_EC);
    return unwrap_gcm(session, domain_key, iv, aad, wrapped, attributes, key);
  }

  CK_OBJECT_HANDLE make_generic(CK_ATTRIBUTE_TYPE use) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32).flag(use, true);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &key));
    return key;
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE domain_key = 0;
  Pair backing;
  const ByteString aad = bytes_of("account, key id, material id");
  ByteString iv;
  ByteString wrapped;
};

TEST_F(TokenPrivateKeyAttackTest, TheHonestWayWorks) {
  Attributes nothing;
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, unwrap(nothing, &key));
  for (const CK_ATTRIBUTE_TYPE type : {CKA_SENSITIVE, CKA_PRIVATE, CKA_WRAP_WITH_TRUSTED, CKA_SIGN})
    EXPECT_TRUE(flag(session, key, type));
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_TOKEN, CKA_EXTRACTABLE, CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE, CKA_LOCAL,
        CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE})
    EXPECT_FALSE(flag(session, key, type)) << std::hex << type;
  ByteString signature(64);
  CK_ULONG length = signature.size();
  ByteString message = bytes_of("a message");
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  ASSERT_CKR(CKR_OK, sr().SR_Sign(session, &mechanism, key, message.data(), message.size(),
                                  signature.data(), &length));
  EXPECT_CKR(CKR_OK, sr().SR_Verify(session, &mechanism, backing.public_key, message.data(),
                                    message.size(), signature.data(), length));
  // Not among its mechanisms.
  CK_MECHANISM raw{CKM_ECDSA, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_SignInit(session, &raw, key));
}

TEST_F(TokenPrivateKeyAttackTest, PrivatePartsAreNeitherReadNorSearched) {
  Attributes of_public;
  of_public.number(CKA_MODULUS_BITS, 2048);
  Attributes of_private;
  Pair rsa;
  ASSERT_CKR(CKR_OK,
             generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, of_public, of_private, &rsa));
  ByteString value;
  for (const CK_ATTRIBUTE_TYPE type : kPrivateParts)
    EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, rsa.private_key, type, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, backing.private_key, CKA_VALUE, &value));

  // A key of known value, sensitive: searching for its very value does not find it.
  const ByteString scalar(32, 0x42);
  Attributes known;
  known.number(CKA_CLASS, CKO_PRIVATE_KEY)
      .number(CKA_KEY_TYPE, CKK_EC)
      .bytes(CKA_EC_PARAMS, p256_parameters())
      .bytes(CKA_VALUE, scalar)
      .flag(CKA_SENSITIVE, false)
      .flag(CKA_EXTRACTABLE, true);
  CK_OBJECT_HANDLE key;
  ASSERT_CKR(CKR_OK, c().C_CreateObject(session, known.data(), known.count(), &key));
  Attributes by_value;
  by_value.bytes(CKA_VALUE, scalar);
  EXPECT_EQ(find(session, by_value), std::vector{key});
  ASSERT_CKR(CKR_OK, get(session, key, CKA_VALUE, &value));
  EXPECT_EQ(value, scalar);
  ASSERT_CKR(CKR_OK, set_flag(session, key, CKA_SENSITIVE, true));
  EXPECT_TRUE(find(session, by_value).empty());
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, key, CKA_VALUE, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, set_flag(session, key, CKA_SENSITIVE, false));
}

TEST_F(TokenPrivateKeyAttackTest, AKeyOfOnesOwnCarriesNothingOut) {
  const CK_OBJECT_HANDLE mine =
      create_secret(session, CKK_AES, ByteString(32, 9), {CKA_WRAP, CKA_UNWRAP, CKA_DECRYPT});
  ByteString other_iv;
  ByteString other;
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE,
             wrap_gcm(session, mine, backing.private_key, aad, &other_iv, &other));
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  CK_ULONG length = 0;
  EXPECT_CKR(CKR_KEY_NOT_WRAPPABLE,
             c().C_WrapKey(session, &kwp, mine, backing.private_key, nullptr, &length));
  Attributes nothing;
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, unwrap(nothing, &key));
  EXPECT_CKR(CKR_KEY_UNEXTRACTABLE, wrap_gcm(session, domain_key, key, aad, &other_iv, &other));
  EXPECT_CKR(CKR_KEY_UNEXTRACTABLE, c().C_WrapKey(session, &kwp, mine, key, nullptr, &length));
}

TEST_F(TokenPrivateKeyAttackTest, TheTemplatePinsWhatIsUnwrapped) {
  CK_OBJECT_HANDLE key = 0;
  struct Wish {
    CK_ATTRIBUTE_TYPE type;
    bool value;
  };
  for (const Wish& wish : {Wish{CKA_SENSITIVE, false},
                           {CKA_EXTRACTABLE, true},
                           {CKA_WRAP_WITH_TRUSTED, false},
                           {CKA_PRIVATE, false},
                           {CKA_TOKEN, true},
                           {CKA_DECRYPT, true},
                           {CKA_SIGN, false},
                           {CKA_SIGN_RECOVER, true},
                           {CKA_UNWRAP, true},
                           {CKA_DERIVE, true},
                           {CKA_ENCRYPT, true},
                           {CKA_WRAP, true}}) {
    Attributes attributes;
    attributes.flag(wish.type, wish.value);
    EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(attributes, &key)) << std::hex << wish.type;
  }
  Attributes more;
  more.mechanisms({CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, CKM_ECDSA});
  EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(more, &key));
  for (const CK_OBJECT_CLASS object_class : {CKO_SECRET_KEY, CKO_PUBLIC_KEY, CKO_DATA}) {
    Attributes attributes;
    attributes.number(CKA_CLASS, object_class);
    EXPECT_CKR(CKR_TEMPLATE_INCONSISTENT, unwrap(attributes, &key));
  }
  Attributes rsa;
  rsa.number(CKA_KEY_TYPE, CKK_RSA);
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap_gcm(session, domain_key, iv, aad, wrapped, rsa, &key));
  Attributes value;
  value.bytes(CKA_VALUE, ByteString(32, 1));
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, unwrap(value, &key));
  Attributes parameters;
  parameters.bytes(CKA_EC_PARAMS, p256_parameters());
  EXPECT_CKR(CKR_ATTRIBUTE_READ_ONLY, unwrap(parameters, &key));
  EXPECT_EQ(key, 0u);
}

TEST_F(TokenPrivateKeyAttackTest, OneClassDoesNotComeBackAsTheOther) {
  // A wrapping key of one's own that asks nothing of what it unwraps.
  const CK_OBJECT_HANDLE mine =
      create_secret(session, CKK_AES, ByteString(32, 9), {CKA_WRAP, CKA_UNWRAP});
  const Pair pair = make_p256(session);
  ByteString its_iv;
  ByteString blob;
  ASSERT_CKR(CKR_OK, wrap_gcm(session, mine, pair.private_key, aad, &its_iv, &blob));
  CK_OBJECT_HANDLE key = 0;
  Attributes as_secret;
  as_secret.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             unwrap_gcm(session, mine, its_iv, aad, blob, as_secret, &key));
  const CK_OBJECT_HANDLE secret =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(138, 1), {CKA_SIGN});
  ASSERT_CKR(CKR_OK, wrap_gcm(session, mine, secret, aad, &its_iv, &blob));
  for (const CK_KEY_TYPE type : {CKK_RSA, CKK_EC}) {
    Attributes as_private;
    as_private.number(CKA_CLASS, CKO_PRIVATE_KEY).number(CKA_KEY_TYPE, type);
    EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
               unwrap_gcm(session, mine, its_iv, aad, blob, as_private, &key));
  }
  // Under the domain key a secret key would come back as a private one, if it were one.
  const CK_OBJECT_HANDLE generic = make_generic(CKA_SIGN);
  Attributes extractable;
  extractable.number(CKA_VALUE_LEN, 32).flag(CKA_EXTRACTABLE, true);
  CK_OBJECT_HANDLE own = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, extractable, &own));
  ASSERT_CKR(CKR_OK, wrap_gcm(session, domain_key, own, aad, &its_iv, &blob));
  Attributes ec;
  ec.number(CKA_KEY_TYPE, CKK_EC);
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap_gcm(session, domain_key, its_iv, aad, blob, ec, &key));
  EXPECT_CKR(CKR_KEY_UNEXTRACTABLE, wrap_gcm(session, domain_key, generic, aad, &its_iv, &blob));
  EXPECT_EQ(key, 0u);
}

TEST_F(TokenPrivateKeyAttackTest, ADomainKeyOfNoNamedClassIsNotTrusted) {
  Attributes unwrap_template;
  unwrap_template.flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false);
  Attributes attributes;
  attributes.number(CKA_VALUE_LEN, 32)
      .flag(CKA_TOKEN, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_WRAP, true)
      .flag(CKA_UNWRAP, true)
      .nested(CKA_UNWRAP_TEMPLATE, unwrap_template);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, trust(key));
  // Nor does an unwrap template promise what the class it names cannot have.
  Attributes crossed;
  crossed.number(CKA_CLASS, CKO_PRIVATE_KEY).flag(CKA_ENCRYPT, true);
  Attributes other;
  other.number(CKA_VALUE_LEN, 32).nested(CKA_UNWRAP_TEMPLATE, crossed);
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, generate(session, CKM_AES_KEY_GEN, other, &key));
}

TEST_F(TokenPrivateKeyAttackTest, CommandsThatKeepTheirInnerValueAskForEveryRight) {
  const CK_OBJECT_HANDLE sealing = make_generic(CKA_DERIVE);
  const CK_OBJECT_HANDLE signing = make_generic(CKA_SIGN);
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  CK_BYTE ciphertext[32];
  SR_SEAL_PARAMS source_seal{nonce, tag};
  ASSERT_CKR(CKR_OK, sr().SR_SealRandom(session, sealing, &source_seal, nullptr, 0, 32, nullptr,
                                        ciphertext));
  CK_MECHANISM source_mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, &source_seal, sizeof(source_seal)};
  CK_BYTE new_nonce[SR_SEAL_NONCE_BYTES] = {};
  CK_BYTE new_tag[SR_SEAL_TAG_BYTES] = {};
  SR_SEAL_PARAMS new_seal{new_nonce, new_tag};
  CK_MECHANISM new_mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, &new_seal, sizeof(new_seal)};
  const auto run = [&](CK_MECHANISM* from, CK_OBJECT_HANDLE source, CK_MECHANISM* to,
                       CK_OBJECT_HANDLE destination) {
    SR_CIPHER_KEY source_key{from, source, nullptr, 0};
    SR_CIPHER_KEY destination_key{to, destination, nullptr, 0};
    std::array<CK_BYTE, 512> out{};
    CK_ULONG length = out.size();
    const CK_RV rv = sr().SR_ReEncrypt(session, &source_key, ciphertext, sizeof(ciphertext),
                                       &destination_key, out.data(), &length);
    if (rv != CKR_OK) {
      EXPECT_EQ(out, (std::array<CK_BYTE, 512>{}));
    }
    return rv;
  };
  EXPECT_CKR(CKR_OK, run(&source_mechanism, sealing, &new_mechanism, sealing));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             run(&source_mechanism, signing, &new_mechanism, sealing));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             run(&source_mechanism, sealing, &new_mechanism, signing));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, run(&source_mechanism, 99, &new_mechanism, sealing));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, run(nullptr, sealing, &new_mechanism, sealing));
  // Only these two families: nothing that would write the plaintext under a key of known value.
  CK_GCM_PARAMS gcm{nonce, 12, 96, nullptr, 0, 128};
  CK_MECHANISM in_the_open{CKM_AES_GCM, &gcm, sizeof(gcm)};
  const CK_OBJECT_HANDLE mine = create_secret(session, CKK_AES, ByteString(32, 9), {CKA_ENCRYPT});
  EXPECT_CKR(CKR_MECHANISM_INVALID, run(&source_mechanism, sealing, &in_the_open, mine));
  nonce[0] ^= 1;
  EXPECT_CKR(CKR_AEAD_DECRYPT_FAILED, run(&source_mechanism, sealing, &new_mechanism, sealing));
  nonce[0] ^= 1;
  source_mechanism.ulParameterLen = 8;
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, run(&source_mechanism, sealing, &new_mechanism, sealing));
  // After a logout the handles of private keys name nothing.
  source_mechanism.ulParameterLen = sizeof(source_seal);
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, run(&source_mechanism, sealing, &new_mechanism, sealing));
}

}  // namespace
}  // namespace strongroom::test
