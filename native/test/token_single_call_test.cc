// SR_Encrypt, SR_Decrypt, SR_Sign and SR_Verify (vendor.h) answer what C_*Init and the single part
// after it answer, and leave no operation active.
#include <cstring>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

struct Answer {
  CK_RV rv = CKR_OK;
  CK_ULONG length = 0;
  ByteString output;
  bool operator==(const Answer&) const = default;
};

void PrintTo(const Answer& answer, std::ostream* out) {
  *out << name_of(answer.rv) << ", length " << answer.length << ", "
       << ::testing::PrintToString(answer.output);
}

// One call, with everything that may be wrong about it.
struct Case {
  const char* name;
  CK_MECHANISM* mechanism;
  CK_OBJECT_HANDLE key;
  ByteString data;
  CK_ULONG room;
  bool no_data = false;
  bool no_output = false;
  bool no_length = false;
};

using Init = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
using Part = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
using Single = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE, CK_BYTE_PTR,
                         CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);

template <class Call>
Answer answer_of(const Case& given, Call call) {
  ByteString data = given.data;
  Answer answer;
  answer.output.assign(64, 0xee);
  answer.length = given.room;
  CK_BYTE nothing = 0;
  CK_BYTE* const in = given.no_data ? nullptr : data.empty() ? &nothing : data.data();
  answer.rv = call(in, given.no_data ? CK_ULONG{4} : data.size(),
                   given.no_output ? nullptr : answer.output.data(),
                   given.no_length ? nullptr : &answer.length);
  return answer;
}

}  // namespace

class TokenSingleCallTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
    aes = create_secret(session, CKK_AES, ByteString(32, 7), {CKA_ENCRYPT, CKA_DECRYPT});
    mac = create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 9), {CKA_SIGN, CKA_VERIFY});
    useless_aes = create_secret(session, CKK_AES, ByteString(32, 7), {CKA_WRAP});
    useless_mac = create_secret(session, CKK_GENERIC_SECRET, ByteString(32, 9), {CKA_DERIVE});
  }
  // The session can begin an operation, so none is active.
  void expect_idle() {
    ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &gcm, aes));
    ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, nullptr, 0));
  }
  void compare(const Case& each, Init init, Part part, Single single) {
    SCOPED_TRACE(each.name);
    const Answer expected = answer_of(each, [&](auto in, auto in_length, auto out, auto length) {
      const CK_RV rv = init(session, each.mechanism, each.key);
      return rv != CKR_OK ? rv : part(session, in, in_length, out, length);
    });
    c().C_SessionCancel(session, CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN);
    const Answer found = answer_of(each, [&](auto in, auto in_length, auto out, auto length) {
      return single(session, each.mechanism, each.key, in, in_length, out, length);
    });
    EXPECT_EQ(found, expected);
    expect_idle();
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE aes = 0, mac = 0, useless_aes = 0, useless_mac = 0;
  CK_BYTE iv[12] = {1, 2, 3};
  CK_BYTE aad[5] = {4, 5, 6, 7, 8};
  CK_GCM_PARAMS parameters{iv, sizeof iv, 96, aad, sizeof aad, 128};
  CK_GCM_PARAMS short_tag{iv, sizeof iv, 96, nullptr, 0, 96};
  CK_GCM_PARAMS no_iv{nullptr, 0, 0, nullptr, 0, 128};
  CK_GCM_PARAMS odd_tag{iv, sizeof iv, 96, nullptr, 0, 100};
  CK_GCM_PARAMS no_aad{iv, sizeof iv, 96, nullptr, 3, 128};
  CK_MECHANISM gcm{CKM_AES_GCM, &parameters, sizeof parameters};
  CK_MECHANISM gcm_short_tag{CKM_AES_GCM, &short_tag, sizeof short_tag};
  CK_MECHANISM gcm_no_iv{CKM_AES_GCM, &no_iv, sizeof no_iv};
  CK_MECHANISM gcm_odd_tag{CKM_AES_GCM, &odd_tag, sizeof odd_tag};
  CK_MECHANISM gcm_no_aad{CKM_AES_GCM, &no_aad, sizeof no_aad};
  CK_MECHANISM gcm_cut{CKM_AES_GCM, &parameters, sizeof parameters - 1};
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
  CK_MECHANISM unknown{0x99, nullptr, 0};
  CK_ULONG mac_bytes = 20, mac_bytes_too_many = 33;
  CK_MECHANISM hmac_mechanism{CKM_SHA256_HMAC, nullptr, 0};
  CK_MECHANISM hmac_parameter{CKM_SHA256_HMAC, &mac_bytes, sizeof mac_bytes};
  CK_MECHANISM hmac_general{CKM_SHA256_HMAC_GENERAL, &mac_bytes, sizeof mac_bytes};
  CK_MECHANISM hmac_long{CKM_SHA256_HMAC_GENERAL, &mac_bytes_too_many, sizeof mac_bytes_too_many};
};

TEST_F(TokenSingleCallTest, GcmBothWays) {
  ByteString sealed;
  ASSERT_CKR(CKR_OK, encrypt(session, aes, ByteString(iv, iv + 12), ByteString(aad, aad + 5),
                             bytes_of("0123456789"), &sealed));
  ByteString forged = sealed;
  forged[3] ^= 1;
  const Case cases[] = {
      {"good", &gcm, aes, bytes_of("0123456789"), 64},
      {"good as ciphertext", &gcm, aes, sealed, 64},
      {"just enough room", &gcm, aes, bytes_of("0123456789"), 26},
      {"ciphertext, just enough room", &gcm, aes, sealed, 10},
      {"forged", &gcm, aes, forged, 64},
      {"empty", &gcm, aes, {}, 64},
      {"short tag", &gcm_short_tag, aes, bytes_of("0123456789ab"), 64},
      {"too little room", &gcm, aes, sealed, 9},
      {"length query", &gcm, aes, sealed, 0, false, true},
      {"no data", &gcm, aes, {}, 64, true},
      {"no length", &gcm, aes, sealed, 64, false, false, true},
      {"no IV", &gcm_no_iv, aes, sealed, 64},
      {"tag of no whole bytes", &gcm_odd_tag, aes, sealed, 64},
      {"no additional data where there should be", &gcm_no_aad, aes, sealed, 64},
      {"parameter of another size", &gcm_cut, aes, sealed, 64},
      {"mechanism for something else", &kwp, aes, sealed, 64},
      {"unknown mechanism", &unknown, aes, sealed, 64},
      {"no such key", &gcm, aes + 77, sealed, 64},
      {"key of another type", &gcm, mac, sealed, 64},
      {"key without the right", &gcm, useless_aes, sealed, 64},
      {"wrong key and wrong parameter", &gcm_no_iv, useless_aes, sealed, 64},
  };
  for (const Case& each : cases) {
    compare(each, c().C_EncryptInit, c().C_Encrypt, sr().SR_Encrypt);
    compare(each, c().C_DecryptInit, c().C_Decrypt, sr().SR_Decrypt);
  }
}

TEST_F(TokenSingleCallTest, HmacSigned) {
  const ByteString data = bytes_of("what to sign");
  const Case cases[] = {
      {"good", &hmac_mechanism, mac, data, 64},
      {"empty", &hmac_mechanism, mac, {}, 32},
      {"shortened", &hmac_general, mac, data, 20},
      {"too little room", &hmac_mechanism, mac, data, 31},
      {"length query", &hmac_mechanism, mac, data, 0, false, true},
      {"no data", &hmac_mechanism, mac, {}, 64, true},
      {"no length", &hmac_mechanism, mac, data, 64, false, false, true},
      {"parameter where there is none", &hmac_parameter, mac, data, 64},
      {"longer than the hash", &hmac_long, mac, data, 64},
      {"mechanism for something else", &gcm, mac, data, 64},
      {"no such key", &hmac_mechanism, mac + 77, data, 64},
      {"key of another type", &hmac_mechanism, aes, data, 64},
      {"key without the right", &hmac_mechanism, useless_mac, data, 64},
  };
  for (const Case& each : cases) compare(each, c().C_SignInit, c().C_Sign, sr().SR_Sign);
}

TEST_F(TokenSingleCallTest, HmacVerified) {
  ByteString data = bytes_of("what was signed");
  ByteString good;
  ASSERT_CKR(CKR_OK, hmac(session, mac, data, &good));
  ByteString forged = good;
  forged[31] ^= 1;
  const struct {
    CK_MECHANISM* mechanism;
    CK_OBJECT_HANDLE key;
    CK_BYTE* data;
    CK_BYTE* signature;
    CK_ULONG length;
    CK_RV rv;
  } cases[] = {
      {&hmac_mechanism, mac, data.data(), good.data(), 32, CKR_OK},
      {&hmac_general, mac, data.data(), good.data(), 20, CKR_OK},
      {&hmac_mechanism, mac, data.data(), forged.data(), 32, CKR_SIGNATURE_INVALID},
      {&hmac_mechanism, mac, data.data(), good.data(), 31, CKR_SIGNATURE_LEN_RANGE},
      {&hmac_mechanism, mac, data.data(), nullptr, 32, CKR_ARGUMENTS_BAD},
      {&hmac_mechanism, mac, nullptr, good.data(), 32, CKR_ARGUMENTS_BAD},
      {&hmac_long, mac, data.data(), good.data(), 32, CKR_MECHANISM_PARAM_INVALID},
      {&gcm, mac, data.data(), good.data(), 32, CKR_MECHANISM_INVALID},
      {&hmac_mechanism, useless_mac, data.data(), good.data(), 32, CKR_KEY_FUNCTION_NOT_PERMITTED},
  };
  for (const auto& each : cases) {
    CK_RV rv = c().C_VerifyInit(session, each.mechanism, each.key);
    if (rv == CKR_OK)
      rv = c().C_Verify(session, each.data, data.size(), each.signature, each.length);
    c().C_SessionCancel(session, CKF_VERIFY);
    EXPECT_CKR(each.rv, rv);
    EXPECT_CKR(each.rv, sr().SR_Verify(session, each.mechanism, each.key, each.data, data.size(),
                                       each.signature, each.length));
    expect_idle();
  }
}

TEST_F(TokenSingleCallTest, SessionRefusals) {
  CK_BYTE data[4] = {};
  CK_BYTE out[64];
  CK_ULONG length = sizeof out;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_Encrypt(session, nullptr, aes, data, 4, out, &length));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_Verify(session, nullptr, mac, data, 4, out, CK_ULONG{32}));
  // An operation that is active already goes on undisturbed.
  ASSERT_CKR(CKR_OK, c().C_SignInit(session, &hmac_mechanism, mac));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, sr().SR_Encrypt(session, &gcm, aes, data, 4, out, &length));
  EXPECT_CKR(CKR_OPERATION_ACTIVE,
             sr().SR_Sign(session, &hmac_mechanism, mac, data, 4, out, &length));
  EXPECT_CKR(CKR_OK, c().C_Sign(session, data, 4, out, &length));
  // A private key is gone with its user.
  Attributes hidden;
  aes_template(hidden);
  hidden.flag(CKA_PRIVATE, true);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, hidden, &key));
  length = sizeof out;
  EXPECT_CKR(CKR_OK, sr().SR_Encrypt(session, &gcm, key, data, 4, out, &length));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, sr().SR_Encrypt(session, &gcm, key, data, 4, out, &length));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID,
             sr().SR_Encrypt(session, &gcm, aes, data, 4, out, &length));
}

}  // namespace strongroom::test
