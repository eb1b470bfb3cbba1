// SR_RewrapKey: what moves from one trusted key to the next, and its arguments. Who is refused is
// in test/contract/domain-rotation.test.ts too, with the domain keys of the service.
#include <algorithm>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenRewrapTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    old_key = make_domain_key("key of the domain", 'a', true);
    next_key = make_domain_key("key of the domain", 'b', true);
    Attributes attributes;
    secret(attributes);
    attributes.number(CKA_VALUE_LEN, 32).flag(CKA_EXTRACTABLE, true);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &key));
    ASSERT_CKR(CKR_OK, wrap_gcm(session, old_key, key, named('a'), &iv, &wrapped));
  }

  static void secret(Attributes& out) {
    out.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_WRAP_WITH_TRUSTED, true)
        .flag(CKA_DERIVE, true);
  }

  CK_OBJECT_HANDLE make_domain_key(std::string_view label, char id, bool trusted,
                                   CK_MECHANISM_TYPE allowed = CKM_STRONGROOM_DERIVE_AES_GCM) {
    Attributes wrap;
    secret(wrap);
    Attributes unwrap;
    secret(unwrap);
    unwrap.flag(CKA_EXTRACTABLE, false).mechanisms({allowed});
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32)
        .label(label)
        .bytes(CKA_ID, ByteString(8, static_cast<CK_BYTE>(id)))
        .flag(CKA_TOKEN, true)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_EXTRACTABLE, false)
        .flag(CKA_WRAP, true)
        .flag(CKA_UNWRAP, true)
        .mechanisms({CKM_AES_GCM})
        .nested(CKA_WRAP_TEMPLATE, wrap)
        .nested(CKA_UNWRAP_TEMPLATE, unwrap);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    if (!trusted) return key;
    ByteString unique_id;
    EXPECT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &unique_id));
    SR_APPLICATION ceremony;
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    EXPECT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &ceremony));
    const CK_SESSION_HANDLE so = open_session_of(ceremony, slot);
    login(so, CKU_SO);
    EXPECT_CKR(CKR_OK, sr().SR_MarkTrusted(so, unique_id.data(), unique_id.size()));
    EXPECT_CKR(CKR_OK, sr().SR_CloseApplication(ceremony));
    return key;
  }

  // Additional data that name a key.
  static ByteString named(char id) { return bytes_of("before " + std::string(8, id) + " after"); }

  static ByteString joined(ByteString first, const ByteString& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }

  CK_RV rewrap(CK_OBJECT_HANDLE from, CK_OBJECT_HANDLE to, const ByteString& what,
               const ByteString& aad, ByteString* new_iv, ByteString* out) {
    ByteString from_iv = iv;
    SR_GCM_WRAP_PARAMS unwrap{from_iv.data(), 12, 0, CKG_NO_GENERATE, 128};
    CK_MECHANISM unwrap_mechanism{CKM_AES_GCM, &unwrap, sizeof(unwrap)};
    new_iv->assign(12, 0);
    SR_GCM_WRAP_PARAMS wrap{new_iv->data(), 12, 0, CKG_GENERATE, 128};
    CK_MECHANISM wrap_mechanism{CKM_AES_GCM, &wrap, sizeof(wrap)};
    SR_REWRAP_KEY source{&unwrap_mechanism, from};
    SR_REWRAP_KEY destination{&wrap_mechanism, to};
    ByteString input = what;
    ByteString data = aad;
    out->assign(what.size(), 0);
    CK_ULONG length = out->size();
    const CK_RV rv = sr().SR_RewrapKey(session, &source, input.data(), input.size(), data.data(),
                                       data.size(), &destination, out->data(), &length);
    out->resize(length);
    return rv;
  }
  CK_RV rewrap(CK_OBJECT_HANDLE from, CK_OBJECT_HANDLE to) {
    ByteString new_iv;
    ByteString out;
    return rewrap(from, to, wrapped, named('a'), &new_iv, &out);
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE old_key = 0;
  CK_OBJECT_HANDLE next_key = 0;
  ByteString iv;
  ByteString wrapped;
};

TEST_F(TokenRewrapTest, TheKeyIsTheSameUnderTheNextOneWithItsName) {
  ByteString new_iv;
  ByteString out;
  ASSERT_CKR(CKR_OK, rewrap(old_key, next_key, wrapped, named('a'), &new_iv, &out));
  EXPECT_EQ(out.size(), wrapped.size());
  EXPECT_NE(out, wrapped);
  EXPECT_NE(new_iv, iv);
  Attributes nothing;
  CK_OBJECT_HANDLE key = 0;
  EXPECT_CKR(CKR_OK, unwrap_gcm(session, next_key, new_iv, named('b'), out, nothing, &key));
  Attributes again;
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
             unwrap_gcm(session, next_key, new_iv, named('a'), out, again, &key));
  Attributes old;
  EXPECT_CKR(CKR_OK, unwrap_gcm(session, old_key, iv, named('a'), wrapped, old, &key));
}

TEST_F(TokenRewrapTest, OnlyForTrustedKeysOfOneDomain) {
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             rewrap(old_key, make_domain_key("key of the domain", 'c', false)));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             rewrap(old_key, make_domain_key("key of another one", 'd', true)));
  EXPECT_CKR(CKR_OK,
             rewrap(old_key, make_domain_key("key of the domain", 'e', true, CKM_SHA256_HMAC)));
  EXPECT_CKR(CKR_UNWRAPPING_KEY_HANDLE_INVALID, rewrap(CK_INVALID_HANDLE, next_key));
  EXPECT_CKR(CKR_WRAPPING_KEY_HANDLE_INVALID, rewrap(old_key, CK_INVALID_HANDLE));
}

TEST_F(TokenRewrapTest, AdditionalDataNameTheKeyOnce) {
  ByteString new_iv;
  ByteString out;
  for (const ByteString& aad : {bytes_of("no name"), joined(named('a'), named('a')), ByteString{}})
    EXPECT_CKR(CKR_ARGUMENTS_BAD, rewrap(old_key, next_key, wrapped, aad, &new_iv, &out));
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, rewrap(old_key, next_key, wrapped,
                                             joined(named('a'), bytes_of("more")), &new_iv, &out));
}

TEST_F(TokenRewrapTest, WhatWasCutOrAlteredIsRefused) {
  ByteString new_iv;
  ByteString out;
  for (const int length : {1, 15, 16}) {
    EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE,
               rewrap(old_key, next_key, ByteString(wrapped.begin(), wrapped.begin() + length),
                      named('a'), &new_iv, &out));
  }
  EXPECT_CKR(CKR_WRAPPED_KEY_LEN_RANGE,
             rewrap(old_key, next_key, ByteString(1 << 16, 0), named('a'), &new_iv, &out));
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    ByteString altered = wrapped;
    altered[i] ^= 1;
    EXPECT_CKR(CKR_WRAPPED_KEY_INVALID,
               rewrap(old_key, next_key, altered, named('a'), &new_iv, &out));
  }
}

TEST_F(TokenRewrapTest, ArgumentsAndRoomAreChecked) {
  CK_BYTE from_iv[12];
  std::copy(iv.begin(), iv.end(), from_iv);
  CK_BYTE new_iv[12];
  SR_GCM_WRAP_PARAMS unwrap{from_iv, 12, 0, CKG_NO_GENERATE, 128};
  SR_GCM_WRAP_PARAMS wrap{new_iv, 12, 0, CKG_GENERATE, 128};
  CK_MECHANISM unwrap_mechanism{CKM_AES_GCM, &unwrap, sizeof(unwrap)};
  CK_MECHANISM wrap_mechanism{CKM_AES_GCM, &wrap, sizeof(wrap)};
  SR_REWRAP_KEY source{&unwrap_mechanism, old_key};
  SR_REWRAP_KEY destination{&wrap_mechanism, next_key};
  ByteString data = named('a');
  ByteString out(wrapped.size(), 0);
  CK_ULONG length = 0;
  const auto call = [&](CK_BYTE* into, CK_ULONG room) {
    length = room;
    return sr().SR_RewrapKey(session, &source, wrapped.data(), wrapped.size(), data.data(),
                             data.size(), &destination, into, &length);
  };
  EXPECT_CKR(CKR_OK, call(nullptr, 0));
  EXPECT_EQ(length, wrapped.size());
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, call(out.data(), wrapped.size() - 1));
  EXPECT_EQ(length, wrapped.size());
  wrap.ivGenerator = CKG_NO_GENERATE;
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, call(out.data(), out.size()));
  wrap.ivGenerator = CKG_GENERATE;
  wrap_mechanism.mechanism = CKM_AES_KEY_WRAP_KWP;
  EXPECT_CKR(CKR_MECHANISM_INVALID, call(out.data(), out.size()));
  wrap_mechanism.mechanism = CKM_AES_GCM;
  source.pMechanism = nullptr;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, call(out.data(), out.size()));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  source.pMechanism = &unwrap_mechanism;
  EXPECT_CKR(CKR_UNWRAPPING_KEY_HANDLE_INVALID, call(out.data(), out.size()));
}

}  // namespace strongroom::test
