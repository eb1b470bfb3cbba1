// Keys that a login has listed and nobody has used yet: they are opened by the first who needs
// them, whatever that is, and once.
#include <atomic>
#include <thread>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

class TokenStoredKeyTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }
  // Private objects leave memory with the last logout.
  void forget() {
    ASSERT_CKR(CKR_OK, c().C_Logout(session));
    login(session);
  }
  CK_OBJECT_HANDLE only(CK_OBJECT_CLASS object_class, std::string_view label) {
    Attributes wanted;
    wanted.number(CKA_CLASS, object_class).label(label);
    const auto found = find(session, wanted);
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? CK_INVALID_HANDLE : found[0];
  }
  void keep_secret(CK_KEY_TYPE type, const ByteString& value, std::string_view label) {
    Attributes attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, type)
        .bytes(CKA_VALUE, value)
        .flag(CKA_TOKEN, true)
        .flag(CKA_EXTRACTABLE, true)
        .label(label);
    CK_OBJECT_HANDLE key = 0;
    ASSERT_CKR(CKR_OK, c().C_CreateObject(session, attributes.data(), attributes.count(), &key));
  }
  CK_RV sign(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    CK_BYTE message[] = {1, 2, 3};
    CK_BYTE signature[512];
    CK_ULONG length = sizeof(signature);
    return sr().SR_Sign(session, &mechanism, key, message, sizeof(message), signature, &length);
  }
  CK_SESSION_HANDLE session = 0;
};

TEST_F(TokenStoredKeyTest, WhateverNeedsTheKeyOpensIt) {
  const ByteString value(16, 0);
  for (int way = 0; way < 6; ++way) {
    const std::string label = "key " + std::to_string(way);
    keep_secret(CKK_AES, value, label);
    forget();
    const CK_OBJECT_HANDLE key = only(CKO_SECRET_KEY, label);
    ByteString out;
    switch (way) {
      case 0:
        EXPECT_CKR(CKR_OK, get(session, key, CKA_VALUE, &out));
        EXPECT_EQ(out, value);
        break;
      case 1:
        EXPECT_CKR(CKR_OK, get(session, key, CKA_CHECK_VALUE, &out));
        EXPECT_EQ(out, from_hex("66e94b"));
        break;
      case 2:
        EXPECT_CKR(CKR_OK, encrypt(session, key, ByteString(12, 0), {}, bytes_of("x"), &out));
        break;
      case 3: {
        CK_ULONG size = 0;
        EXPECT_CKR(CKR_OK, c().C_GetObjectSize(session, key, &size));
        CK_ULONG again = 0;
        EXPECT_CKR(CKR_OK, get(session, key, CKA_VALUE, &out));
        EXPECT_CKR(CKR_OK, c().C_GetObjectSize(session, key, &again));
        EXPECT_EQ(size, again);
        break;
      }
      case 4: {
        CK_OBJECT_HANDLE copy = 0;
        EXPECT_CKR(CKR_OK, c().C_CopyObject(session, key, nullptr, 0, &copy));
        EXPECT_CKR(CKR_OK, get(session, copy, CKA_VALUE, &out));
        EXPECT_EQ(out, value);
        break;
      }
      case 5: {
        Attributes wanted;
        wanted.bytes(CKA_VALUE, value).label(label);
        EXPECT_EQ(find(session, wanted), std::vector{key});
        CK_OBJECT_HANDLE kek = make_aes(session);
        Attributes wrapping;
        wrapping.number(CKA_VALUE_LEN, 32).flag(CKA_WRAP, true);
        ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, wrapping, &kek));
        CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
        CK_BYTE wrapped[64];
        CK_ULONG length = sizeof(wrapped);
        EXPECT_CKR(CKR_OK, c().C_WrapKey(session, &kwp, kek, key, wrapped, &length));
        break;
      }
      default:
        break;
    }
  }
}

TEST_F(TokenStoredKeyTest, ChangedBeforeItWasUsed) {
  keep_secret(CKK_AES, ByteString(32, 3), "before");
  forget();
  const CK_OBJECT_HANDLE key = only(CKO_SECRET_KEY, "before");
  Attributes change;
  change.label("after").flag(CKA_DECRYPT, false);
  ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, change.data(), change.count()));
  forget();
  const CK_OBJECT_HANDLE again = only(CKO_SECRET_KEY, "after");
  ByteString out;
  EXPECT_CKR(CKR_OK, encrypt(session, again, ByteString(12, 0), {}, bytes_of("x"), &out));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED,
             decrypt(session, again, ByteString(12, 0), {}, out, &out));
  EXPECT_CKR(CKR_OK, get(session, again, CKA_VALUE, &out));
  EXPECT_EQ(out, ByteString(32, 3));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, again));
  EXPECT_CKR(CKR_KEY_HANDLE_INVALID, encrypt(session, again, ByteString(12, 0), {}, {}, &out));
}

TEST_F(TokenStoredKeyTest, ASlowKeyIsNotOpenedOnAThreadThatMustNotWait) {
  Attributes of_public;
  of_public.number(CKA_MODULUS_BITS, 2048);
  Attributes of_private;
  of_private.flag(CKA_TOKEN, true).label("rsa").flag(CKA_SIGN, true);
  Pair pair;
  ASSERT_CKR(CKR_OK,
             generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, of_public, of_private, &pair));
  keep_secret(CKK_GENERIC_SECRET, ByteString(32, 3), "mac");
  EXPECT_CKR(CKR_OK, sign(CKM_SHA256_HMAC, only(CKO_SECRET_KEY, "mac")));
  forget();
  const CK_OBJECT_HANDLE rsa = only(CKO_PRIVATE_KEY, "rsa");
  const CK_OBJECT_HANDLE mac = only(CKO_SECRET_KEY, "mac");
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, sign(CKM_SHA256_RSA_PKCS, rsa));
  EXPECT_CKR(CKR_OK, sign(CKM_SHA256_HMAC, mac));
  ByteString modulus;
  EXPECT_CKR(CKR_OK, get(session, rsa, CKA_MODULUS, &modulus));  // needs no key
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_CKR(CKR_OK, sign(CKM_SHA256_RSA_PKCS, rsa));
}

TEST_F(TokenStoredKeyTest, ManyUseItFirstWhileItChanges) {
  constexpr int kRounds = 20;
  constexpr int kThreads = 4;
  keep_secret(CKK_AES, ByteString(32, 3), "shared");
  std::vector<CK_SESSION_HANDLE> sessions;
  for (int i = 0; i < kThreads; ++i) sessions.push_back(open_session());
  for (int round = 0; round < kRounds; ++round) {
    forget();
    const CK_OBJECT_HANDLE key = only(CKO_SECRET_KEY, "shared");
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 20; ++n) {
          ByteString out;
          if (encrypt(sessions[static_cast<std::size_t>(i)], key, ByteString(12, 0), {}, {1},
                      &out) != CKR_OK)
            ++failures;
        }
      });
    }
    Attributes change;
    change.bytes(CKA_ID, {static_cast<CK_BYTE>(round)});
    EXPECT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, change.data(), change.count()));
    for (std::thread& each : threads) each.join();
    EXPECT_EQ(failures, 0);
    ByteString id;
    EXPECT_CKR(CKR_OK, get(session, key, CKA_ID, &id));
    EXPECT_EQ(id, ByteString{static_cast<CK_BYTE>(round)});  // no late opener brought the old back
  }
}

}  // namespace
}  // namespace strongroom::test
