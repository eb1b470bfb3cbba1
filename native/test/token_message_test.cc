// Messages of authenticated encryption with IV and tag beside the data (PKCS#11 v3.2, 5.9, 5.11):
// every mechanism, whole and in parts, and IVs that the token makes.
#include <cstring>
#include <set>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

class TokenMessageTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    aes = create_secret(session, CKK_AES, ByteString(32, 7), {CKA_ENCRYPT, CKA_DECRYPT});
    chacha20 = create_secret(session, CKK_CHACHA20, ByteString(32, 7), {CKA_ENCRYPT, CKA_DECRYPT});
  }

  // A mechanism with the parameter of a message of this length.
  struct Case {
    const char* name;
    CK_MECHANISM_TYPE type;
    CK_OBJECT_HANDLE key;
    void* parameter;
    CK_ULONG length;
  };
  std::vector<Case> cases(CK_ULONG length) {
    gcm = {iv, 12, 0, CKG_NO_GENERATE, tag, 128};
    ccm = {length, iv, 12, 0, CKG_NO_GENERATE, tag, 16};
    poly = {iv, 96, tag};
    return {{"GCM", CKM_AES_GCM, aes, &gcm, sizeof(gcm)},
            {"CCM", CKM_AES_CCM, aes, &ccm, sizeof(ccm)},
            {"CHACHA20_POLY1305", CKM_CHACHA20_POLY1305, chacha20, &poly, sizeof(poly)}};
  }

  void init(const Case& each, bool encrypts) const {
    CK_MECHANISM mechanism{each.type, nullptr, 0};
    ASSERT_CKR(CKR_OK, encrypts ? c().C_MessageEncryptInit(session, &mechanism, each.key)
                                : c().C_MessageDecryptInit(session, &mechanism, each.key));
  }
  CK_RV seal(const Case& each, ByteString data, ByteString* out) {
    out->assign(data.size() + 1, 0);
    CK_ULONG length = data.size();
    const CK_RV rv = c().C_EncryptMessage(session, each.parameter, each.length, aad, sizeof(aad),
                                          data.data(), data.size(), out->data(), &length);
    out->resize(length);
    return rv;
  }
  CK_RV open(const Case& each, ByteString data, ByteString* out) {
    out->assign(data.size() + 1, 0);
    CK_ULONG length = data.size();
    const CK_RV rv = c().C_DecryptMessage(session, each.parameter, each.length, aad, sizeof(aad),
                                          data.data(), data.size(), out->data(), &length);
    out->resize(length);
    return rv;
  }
  CK_RV next(const Case& each, bool encrypts, ByteString part, bool last, ByteString* out) {
    out->assign(200, 0);
    CK_ULONG length = out->size();
    const CK_RV rv = (encrypts ? c().C_EncryptMessageNext : c().C_DecryptMessageNext)(
        session, each.parameter, each.length, part.data(), part.size(), out->data(), &length,
        last ? CKF_END_OF_MESSAGE : 0);
    out->resize(rv == CKR_OK ? length : 0);
    return rv;
  }
  CK_RV begin(const Case& each, bool encrypts) {
    return (encrypts ? c().C_EncryptMessageBegin : c().C_DecryptMessageBegin)(
        session, each.parameter, each.length, aad, sizeof(aad));
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE aes = 0;
  CK_OBJECT_HANDLE chacha20 = 0;
  CK_BYTE iv[16] = {1, 2, 3};
  CK_BYTE tag[16] = {};
  CK_BYTE aad[5] = {'a', 'a', 'd', 0, 1};
  CK_GCM_MESSAGE_PARAMS gcm{};
  CK_CCM_MESSAGE_PARAMS ccm{};
  CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS poly{};
};

TEST_F(TokenMessageTest, WholeMessagesComeBackAndForgeriesDoNot) {
  const ByteString data(50, 9);
  for (const Case& each : cases(data.size())) {
    SCOPED_TRACE(each.name);
    init(each, true);
    ByteString sealed;
    ASSERT_CKR(CKR_OK, seal(each, data, &sealed));
    EXPECT_NE(sealed, data);
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
    init(each, false);
    ByteString opened;
    ASSERT_CKR(CKR_OK, open(each, sealed, &opened));
    EXPECT_EQ(opened, data);
    tag[3] ^= 1;
    EXPECT_CKR(CKR_AEAD_DECRYPT_FAILED, open(each, sealed, &opened));
    tag[3] ^= 1;
    // The operation went on.
    ASSERT_CKR(CKR_OK, open(each, sealed, &opened));
    EXPECT_EQ(opened, data);
    ASSERT_CKR(CKR_OK, c().C_MessageDecryptFinal(session));
  }
}

TEST_F(TokenMessageTest, PartsGiveWhatWholeMessagesGive) {
  const ByteString data(50, 9);
  const std::vector<CK_ULONG> splits[] = {{50}, {20, 30}, {0, 1, 15, 34, 0}};
  for (const Case& each : cases(data.size())) {
    SCOPED_TRACE(each.name);
    const bool gathers = each.type == CKM_AES_CCM;
    ByteString whole;
    ByteString whole_tag;
    ByteString out;
    init(each, true);
    ASSERT_CKR(CKR_OK, seal(each, data, &whole));
    whole_tag.assign(tag, tag + 16);
    for (const auto& lengths : splits) {
      ByteString joined;
      std::memset(tag, 0, 16);
      ASSERT_CKR(CKR_OK, begin(each, true));
      EXPECT_CKR(CKR_OPERATION_ACTIVE, begin(each, true));
      EXPECT_CKR(CKR_OPERATION_ACTIVE, seal(each, data, &out));
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        const bool last = i + 1 == lengths.size();
        ASSERT_CKR(CKR_OK, next(each, true, ByteString(lengths[i], 9), last, &out));
        EXPECT_EQ(out.size(), !gathers ? lengths[i] : last ? 50 : 0);
        joined.insert(joined.end(), out.begin(), out.end());
      }
      EXPECT_EQ(joined, whole);
      EXPECT_EQ(ByteString(tag, tag + 16), whole_tag);
      EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, next(each, true, {}, true, &out));
    }
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
    init(each, false);
    for (const auto& lengths : splits) {
      ASSERT_CKR(CKR_OK, begin(each, false));
      auto from = whole.begin();
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        const bool last = i + 1 == lengths.size();
        const auto to = from + static_cast<std::ptrdiff_t>(lengths[i]);
        ASSERT_CKR(CKR_OK, next(each, false, ByteString(from, to), last, &out));
        // Nothing before the tag was checked.
        EXPECT_EQ(out, last ? data : ByteString{});
        from = to;
      }
    }
    ASSERT_CKR(CKR_OK, c().C_MessageDecryptFinal(session));
  }
}

TEST_F(TokenMessageTest, AForgedMessageInPartsEndsItselfAlone) {
  const ByteString data(50, 9);
  for (const Case& each : cases(data.size())) {
    SCOPED_TRACE(each.name);
    ByteString sealed;
    ByteString out;
    init(each, true);
    ASSERT_CKR(CKR_OK, seal(each, data, &sealed));
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
    init(each, false);
    ByteString forged = sealed;
    forged[0] ^= 1;
    ASSERT_CKR(CKR_OK, begin(each, false));
    ASSERT_CKR(CKR_OK,
               next(each, false, ByteString(forged.begin(), forged.begin() + 30), false, &out));
    // A short buffer first: nothing is lost, nothing is given.
    ByteString rest(forged.begin() + 30, forged.end());
    ByteString room(50, 0);
    CK_ULONG length = 49;
    EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
               c().C_DecryptMessageNext(session, each.parameter, each.length, rest.data(),
                                        rest.size(), room.data(), &length, CKF_END_OF_MESSAGE));
    EXPECT_EQ(length, 50u);
    EXPECT_CKR(CKR_AEAD_DECRYPT_FAILED,
               c().C_DecryptMessageNext(session, each.parameter, each.length, rest.data(),
                                        rest.size(), room.data(), &length, CKF_END_OF_MESSAGE));
    EXPECT_EQ(room, ByteString(50, 0));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, next(each, false, {}, true, &out));
    ASSERT_CKR(CKR_OK, open(each, sealed, &out));
    EXPECT_EQ(out, data);
    // Ended in the middle of a message.
    ASSERT_CKR(CKR_OK, begin(each, false));
    ASSERT_CKR(CKR_OK, c().C_MessageDecryptFinal(session));
  }
}

TEST_F(TokenMessageTest, CountedIvsAreNeverTheSame) {
  const Case each = cases(0)[0];
  gcm.ulIvFixedBits = 90;  // 6 bits count
  gcm.ivGenerator = CKG_GENERATE_COUNTER;
  std::set<ByteString> seen;
  ByteString out;
  for (unsigned i = 0; i < 64; ++i) {
    if (i % 7 == 0) {
      // The count is the key's, not the operation's.
      if (i != 0) {
        ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
      }
      init(each, true);
    }
    std::memset(iv, 0xff, 12);
    ASSERT_CKR(CKR_OK, i % 2 == 0 ? seal(each, {}, &out) : begin(each, true));
    if (i % 2 != 0) {
      ASSERT_CKR(CKR_OK, next(each, true, {}, true, &out));
    }
    EXPECT_EQ(iv[11], 0xc0 | i);
    EXPECT_EQ(iv[10], 0xff);
    EXPECT_TRUE(seen.insert(ByteString(iv, iv + 12)).second);
  }
  EXPECT_CKR(CKR_KEY_EXHAUSTED, seal(each, {}, &out));
  EXPECT_CKR(CKR_KEY_EXHAUSTED, begin(each, true));
  // Another division of the IV could give one that was given before.
  gcm.ulIvFixedBits = 64;
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, seal(each, {}, &out));
  gcm.ulIvFixedBits = 90;
  gcm.ivGenerator = CKG_GENERATE_COUNTER_XOR;
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, seal(each, {}, &out));
  gcm.ivGenerator = CKG_GENERATE_RANDOM;
  gcm.ulIvFixedBits = 0;
  EXPECT_CKR(CKR_OK, seal(each, {}, &out));
}

TEST_F(TokenMessageTest, CountsAreAddedByExclusiveOr) {
  // As TLS 1.3 makes its nonces (RFC 8446, 5.3).
  const Case each = cases(0)[0];
  init(each, true);
  gcm.ulIvFixedBits = 32;
  gcm.ivGenerator = CKG_GENERATE_COUNTER_XOR;
  const ByteString base = from_hex("0102030405060708090a0b0c");
  ByteString out;
  for (unsigned i = 0; i < 300; ++i) {
    // A caller may give the first IV again, or what came of the last call.
    if (i % 2 == 0) std::memcpy(iv, base.data(), 12);
    ASSERT_CKR(CKR_OK, seal(each, {}, &out));
    ByteString expected = base;
    expected[11] ^= static_cast<CK_BYTE>(i);
    expected[10] ^= static_cast<CK_BYTE>(i >> 8);
    EXPECT_EQ(ByteString(iv, iv + 12), expected);
  }
}

TEST_F(TokenMessageTest, OnlyKeysThatDieWithTheirCountAreCounted) {
  const CK_OBJECT_HANDLE on_token = make_aes(session, true);
  CK_MECHANISM mechanism{CKM_AES_GCM, nullptr, 0};
  for (CK_GENERATOR_FUNCTION generator : {CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR}) {
    gcm = {iv, 12, 32, generator, tag, 128};
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptInit(session, &mechanism, on_token));
    ByteString out;
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               seal({"", 0, on_token, &gcm, sizeof(gcm)}, ByteString(3), &out));
    ASSERT_CKR(CKR_OK, c().C_MessageEncryptFinal(session));
  }
}

TEST_F(TokenMessageTest, RandomNoncesOfCcm) {
  const Case each = cases(3)[1];
  init(each, true);
  ccm.nonceGenerator = CKG_GENERATE_RANDOM;
  ByteString out;
  std::set<ByteString> seen;
  for (int i = 0; i < 20; ++i) {
    ASSERT_CKR(CKR_OK, seal(each, ByteString(3), &out));
    EXPECT_TRUE(seen.insert(ByteString(iv, iv + 12)).second);
  }
  ccm.ulNonceLen = 11;  // too short for chance
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, seal(each, ByteString(3), &out));
  ccm.ulNonceLen = 12;
  EXPECT_CKR(CKR_DATA_LEN_RANGE, seal(each, ByteString(4), &out));
}

TEST_F(TokenMessageTest, SealedMessagesComeWhole) {
  const CK_OBJECT_HANDLE key =
      create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 7), {CKA_DERIVE});
  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_MessageEncryptInit(session, &mechanism, key));
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  SR_SEAL_PARAMS seal_parameters{nonce, tag};
  EXPECT_CKR(
      CKR_FUNCTION_NOT_SUPPORTED,
      c().C_EncryptMessageBegin(session, &seal_parameters, sizeof(seal_parameters), nullptr, 0));
}

}  // namespace
}  // namespace strongroom::test
