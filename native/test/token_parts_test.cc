// Digests, and messages that come in parts (PKCS#11 v3.2, 5.12, 5.13 and 5.15).
#include <cstring>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

class TokenPartsTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session_ = open_session();
    login(session_);
  }

  CK_RV digest_init(CK_MECHANISM_TYPE type) const {
    CK_MECHANISM mechanism{type, nullptr, 0};
    return c().C_DigestInit(session_, &mechanism);
  }
  CK_RV update(std::string_view part) const {
    return c().C_DigestUpdate(session_, text(part), part.size());
  }
  CK_RV digest_final(ByteString* out) const {
    CK_ULONG length = 64;
    out->resize(length);
    const CK_RV rv = c().C_DigestFinal(session_, out->data(), &length);
    out->resize(length);
    return rv;
  }

  CK_SESSION_HANDLE session_ = 0;
};

// FIPS 180-4, examples with "abc".
struct Known {
  CK_MECHANISM_TYPE type;
  const char* digest;
};
constexpr Known kAbc[] = {
    {CKM_SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {CKM_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {CKM_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {CKM_SHA384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c82"
     "5"
     "a7"},
    {CKM_SHA512,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "b"
     "bd454d4423643ce80e2a9ac94fa54ca49f"},
};

TEST_F(TokenPartsTest, DigestsWholeAndInParts) {
  for (const Known& known : kAbc) {
    const ByteString expected = from_hex(known.digest);
    ByteString out(64);
    CK_ULONG length = 0;
    ASSERT_CKR(CKR_OK, digest_init(known.type));
    ASSERT_CKR(CKR_OK, c().C_Digest(session_, text("abc"), 3, nullptr, &length));
    EXPECT_EQ(length, expected.size());
    length = expected.size() - 1;
    ASSERT_CKR(CKR_BUFFER_TOO_SMALL, c().C_Digest(session_, text("abc"), 3, out.data(), &length));
    ASSERT_CKR(CKR_OK, c().C_Digest(session_, text("abc"), 3, out.data(), &length));
    out.resize(length);
    EXPECT_EQ(out, expected);
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, update("abc"));

    ASSERT_CKR(CKR_OK, digest_init(known.type));
    ASSERT_CKR(CKR_OK, update("a"));
    ASSERT_CKR(CKR_OK, c().C_DigestUpdate(session_, nullptr, 0));
    ASSERT_CKR(CKR_OK, update("bc"));
    length = 0;
    ASSERT_CKR(CKR_OK, c().C_DigestFinal(session_, nullptr, &length));
    ASSERT_CKR(CKR_OK, digest_final(&out));
    EXPECT_EQ(out, expected);
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, digest_final(&out));
  }
}

TEST_F(TokenPartsTest, DigestRefusals) {
  EXPECT_CKR(CKR_MECHANISM_INVALID, digest_init(CKM_SHA256_HMAC));
  EXPECT_CKR(CKR_MECHANISM_INVALID, digest_init(CKM_AES_GCM));
  CK_BYTE byte = 0;
  CK_MECHANISM with_parameter{CKM_SHA256, &byte, 1};
  EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID, c().C_DigestInit(session_, &with_parameter));
  // Nor does a digest's mechanism do anything else.
  const CK_OBJECT_HANDLE key =
      create_secret(session_, CKK_GENERIC_SECRET, ByteString(32, 1), {CKA_SIGN});
  CK_MECHANISM sha{CKM_SHA256, nullptr, 0};
  EXPECT_CKR(CKR_MECHANISM_INVALID, c().C_SignInit(session_, &sha, key));

  ByteString out(64);
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, digest_init(CKM_SHA256));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_DigestUpdate(session_, nullptr, 1));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, update("abc"));
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_DigestFinal(session_, out.data(), nullptr));
  // C_Digest does not end what began in parts, and both are over.
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  ASSERT_CKR(CKR_OK, update("abc"));
  CK_ULONG length = out.size();
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_Digest(session_, text("abc"), 3, out.data(), &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, digest_final(&out));
  // Cancelled either way.
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  ASSERT_CKR(CKR_OK, c().C_SessionCancel(session_, CKF_DIGEST));
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  ASSERT_CKR(CKR_OK, c().C_DigestInit(session_, nullptr));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, update("abc"));
}

TEST_F(TokenPartsTest, DigestsOnlyKeysThatCouldBeRead) {
  const auto make = [&](bool sensitive, bool extractable) {
    Attributes attributes;
    CK_OBJECT_HANDLE key = 0;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, bytes_of("bc"))
        .flag(CKA_SENSITIVE, sensitive)
        .flag(CKA_EXTRACTABLE, extractable);
    EXPECT_CKR(CKR_OK, c().C_CreateObject(session_, attributes.data(), attributes.count(), &key));
    return key;
  };
  ByteString out;
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  ASSERT_CKR(CKR_OK, update("a"));
  ASSERT_CKR(CKR_OK, c().C_DigestKey(session_, make(false, true)));
  ASSERT_CKR(CKR_OK, digest_final(&out));
  EXPECT_EQ(out, from_hex(kAbc[2].digest));
  for (const CK_OBJECT_HANDLE key :
       {make(true, true), make(false, false), make(true, false), make_p256(session_).private_key}) {
    ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
    EXPECT_CKR(CKR_KEY_INDIGESTIBLE, c().C_DigestKey(session_, key));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, digest_final(&out));
  }
  ASSERT_CKR(CKR_OK, digest_init(CKM_SHA256));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, c().C_DigestKey(session_, 1));
}

TEST_F(TokenPartsTest, SignsAndVerifiesInParts) {
  const Pair ec = make_p256(session_);
  const Pair rsa = make_rsa(session_);
  const CK_OBJECT_HANDLE secret =
      create_secret(session_, CKK_GENERIC_SECRET, ByteString(32, 7), {CKA_SIGN, CKA_VERIFY});
  const struct {
    CK_MECHANISM_TYPE type;
    CK_OBJECT_HANDLE signer, verifier;
  } kCases[] = {{CKM_ECDSA_SHA256, ec.private_key, ec.public_key},
                {CKM_SHA384_RSA_PKCS, rsa.private_key, rsa.public_key},
                {CKM_SHA256_HMAC, secret, secret}};
  const std::string first(70000, 'x');
  const std::string second = "and the rest";
  const std::string whole = first + second;
  for (const auto& each : kCases) {
    CK_MECHANISM mechanism{each.type, nullptr, 0};
    ByteString signature(512);
    CK_ULONG length = 0;
    const auto sign_update = [&](std::string_view part) {
      return c().C_SignUpdate(session_, text(part), part.size());
    };
    ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, each.signer));
    ASSERT_CKR(CKR_OK, sign_update(first));
    ASSERT_CKR(CKR_OK, sign_update(""));
    ASSERT_CKR(CKR_OK, sign_update(second));
    ASSERT_CKR(CKR_OK, c().C_SignFinal(session_, nullptr, &length));
    CK_ULONG small = length - 1;
    ASSERT_CKR(CKR_BUFFER_TOO_SMALL, c().C_SignFinal(session_, signature.data(), &small));
    ASSERT_CKR(CKR_OK, c().C_SignFinal(session_, signature.data(), &length));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, sign_update(first));

    // As a whole it is the same signature, and in other parts.
    ASSERT_CKR(CKR_OK, c().C_VerifyInit(session_, &mechanism, each.verifier));
    EXPECT_CKR(CKR_OK, c().C_Verify(session_, text(whole), whole.size(), signature.data(), length));
    const auto verify_parts = [&](std::string_view a, std::string_view b) {
      EXPECT_CKR(CKR_OK, c().C_VerifyInit(session_, &mechanism, each.verifier));
      EXPECT_CKR(CKR_OK, c().C_VerifyUpdate(session_, text(a), a.size()));
      EXPECT_CKR(CKR_OK, c().C_VerifyUpdate(session_, text(b), b.size()));
      return c().C_VerifyFinal(session_, signature.data(), length);
    };
    const std::string_view view = whole;
    EXPECT_CKR(CKR_OK, verify_parts(view.substr(0, 5), view.substr(5)));
    EXPECT_CKR(CKR_SIGNATURE_INVALID, verify_parts(second, first));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
               c().C_VerifyFinal(session_, signature.data(), length));

    // Nothing at all is a message, too.
    ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, each.signer));
    length = signature.size();
    ASSERT_CKR(CKR_OK, c().C_SignFinal(session_, signature.data(), &length));
    ASSERT_CKR(CKR_OK, c().C_VerifyInit(session_, &mechanism, each.verifier));
    EXPECT_CKR(CKR_OK, c().C_Verify(session_, nullptr, 0, signature.data(), length));
  }
}

TEST_F(TokenPartsTest, PartsEndWithFinalAndBadOnesEndTheOperation) {
  const CK_OBJECT_HANDLE key =
      create_secret(session_, CKK_GENERIC_SECRET, ByteString(32, 7), {CKA_SIGN, CKA_VERIFY});
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  CK_BYTE mac[32];
  CK_ULONG length = sizeof(mac);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_SignUpdate(session_, text("a"), 1));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_SignFinal(session_, mac, &length));
  ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_VerifyUpdate(session_, text("a"), 1));
  ASSERT_CKR(CKR_OK, c().C_SignUpdate(session_, text("a"), 1));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Sign(session_, text("a"), 1, mac, &length));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_SignFinal(session_, mac, &length));
  ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, key));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_SignUpdate(session_, nullptr, 1));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_SignFinal(session_, mac, &length));
  ASSERT_CKR(CKR_OK, c().C_VerifyInit(session_, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_VerifyUpdate(session_, text("a"), 1));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Verify(session_, text("a"), 1, mac, 32));
  // The parts of one operation are not those of the next.
  ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_SignUpdate(session_, text("left over"), 9));
  ASSERT_CKR(CKR_OK, c().C_SessionCancel(session_, CKF_SIGN));
  ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_SignUpdate(session_, text("a"), 1));
  ASSERT_CKR(CKR_OK, c().C_SignFinal(session_, mac, &length));
  ASSERT_CKR(CKR_OK, c().C_VerifyInit(session_, &mechanism, key));
  EXPECT_CKR(CKR_OK, c().C_Verify(session_, text("a"), 1, mac, 32));
  // A key that goes takes its operation with it.
  ASSERT_CKR(CKR_OK, c().C_SignInit(session_, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_SignUpdate(session_, text("a"), 1));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session_, key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_SignFinal(session_, mac, &length));
}

}  // namespace
}  // namespace strongroom::test
