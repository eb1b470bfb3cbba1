// OpenSSL's random bytes are the token's: what stops the DRBG stops key generation and signing.
// Each test is a process of its own, because a self-test's fault and the DRBG's state are global.
#include "token/algorithms/random_provider.h"

#include <openssl/rand.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

#include "test/public_key_support.h"
#include "token/algorithms/openssl.h"
#include "token/algorithms/secp256k1.h"
#include "token/drbg/drbg.h"
#include "token/no_wait.h"
#include "token/self_test/self_test.h"

namespace strongroom {
namespace {

using test::Buffer;
using test::Curve;
using test::Hash;
using test::pattern;

class RandomProvider : public testing::Test {
 protected:
  RandomProvider() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void end(const char* trouble) {
  if (trouble != nullptr) std::fprintf(stderr, "%s\n", trouble);
  std::fflush(nullptr);
  _exit(trouble == nullptr ? 0 : 1);
}

struct Use {
  const char* name;
  std::function<CK_RV()> call;
};

// Everything that needs random bytes, with keys that are there before. A new RSA key has no
// blinding yet, which a signature needs first; its PSS salt comes from the DRBG in any case.
std::vector<Use> uses() {
  const auto rsa = test::rsa_key(2048);
  const algorithms::Pss pss{Hash::kSha256, Hash::kSha256, 32};
  const algorithms::Oaep oaep{Hash::kSha256, Hash::kSha256, {}};
  std::vector<Use> list = {
      {"RSA generation",
       [] {
         std::shared_ptr<test::PrivateKey> key;
         return algorithms::generate_rsa_key(2048, &key);
       }},
      {"PSS",
       [=] {
         Buffer signature(256);
         return algorithms::rsa_pss_sign(*rsa, pss, false, {}, signature);
       }},
      {"OAEP encryption",
       [=] {
         Buffer ciphertext(256);
         return algorithms::rsa_oaep_encrypt(*rsa->public_key(), oaep, {}, ciphertext);
       }},
      {"blinding",
       [fresh = test::private_key_of(rsa->value())] {
         Buffer signature(256);
         return algorithms::rsa_pkcs1_sign(*fresh, pattern(32), signature);
       }},
  };
  for (const Curve curve : test::kCurves) {
    const auto key = test::ec_key(curve);
    list.push_back({"EC generation", [curve] {
                      std::shared_ptr<test::PrivateKey> made;
                      return algorithms::generate_ec_key(curve, &made);
                    }});
    list.push_back({"ECDSA", [key, curve] {
                      Buffer signature(2 * algorithms::field_length(curve));
                      return algorithms::ecdsa_sign(*key, pattern(32), signature);
                    }});
  }
  return list;
}

[[noreturn]] void fail_entropy() {
  const std::vector<Use> list = uses();
  for (const Use& use : list) {
    if (!self_test::fail_next("entropy")) end("no such test");
    if (use.call() != CKR_RANDOM_NO_RNG) end(use.name);
    if (self_test::in_error_state()) end("lack of entropy became an error state");
    if (ERR_peek_error() != 0) end("OpenSSL's queue of errors is not empty");
    self_test::fail_next(nullptr);
    if (use.call() != CKR_OK) end("no recovery");
  }
  end(nullptr);
}

TEST_F(RandomProvider, WithoutEntropyNothingIsGeneratedOrSigned) {
  EXPECT_EXIT(fail_entropy(), testing::ExitedWithCode(0), "");
}

[[noreturn]] void fail_drbg() {
  const std::vector<Use> list = uses();
  self_test::fail_next("ctr-drbg");
  Buffer out(1);
  if (drbg::generate(out) != CKR_FIPS_SELF_TEST_FAILED) end("the DRBG works");
  for (const Use& use : list)
    if (use.call() != CKR_FIPS_SELF_TEST_FAILED) end(use.name);
  end(nullptr);
}

TEST_F(RandomProvider, InTheErrorStateNothingIsGeneratedOrSigned) {
  EXPECT_EXIT(fail_drbg(), testing::ExitedWithCode(0), "");
}

// A no-wait thread whose DRBG is due for entropy is sent away by the callback inside OpenSSL, and
// the same call succeeds where it may wait.
[[noreturn]] void want_entropy_without_waiting() {
  const auto p256 = test::ec_key(Curve::kP256);
  const auto k1 = test::ec_key(Curve::kSecp256k1);
  const auto rsa = test::rsa_key(2048);
  const algorithms::Oaep oaep{Hash::kSha256, Hash::kSha256, {}};
  Buffer signature(64), ciphertext(256);
  const auto sign = [&](test::PrivateKey& key) {
    return algorithms::ecdsa_sign(key, pattern(32), signature);
  };
  const auto encrypt = [&] {
    return algorithms::rsa_oaep_encrypt(*rsa->public_key(), oaep, {}, ciphertext);
  };
  if (sign(*p256) != CKR_OK || sign(*k1) != CKR_OK || encrypt() != CKR_OK) end("does not work");
  signature.assign(64, 0);
  ciphertext.assign(256, 0);
  drbg::request_reseed();
  no_wait = true;
  for (int i = 0; i < 2; ++i) {
    if (sign(*p256) != CKR_STRONGROOM_BUSY) end("P-256 did not send the caller away");
    if (sign(*k1) != CKR_STRONGROOM_BUSY) end("secp256k1 did not send the caller away");
    if (encrypt() != CKR_STRONGROOM_BUSY) end("OAEP did not send the caller away");
  }
  if (signature != Buffer(64) || ciphertext != Buffer(256)) end("something was written");
  no_wait = false;
  if (sign(*p256) != CKR_OK || sign(*k1) != CKR_OK || encrypt() != CKR_OK) end("no recovery");
  drbg::request_reseed();
  if (sign(*p256) != CKR_OK) end("a thread that may wait did not");
  no_wait = true;
  if (sign(*p256) != CKR_OK || sign(*k1) != CKR_OK || encrypt() != CKR_OK) end("busy for ever");
  end(nullptr);
}

TEST_F(RandomProvider, BusyComesOutAsBusyAndChangesNothing) {
  EXPECT_EXIT(want_entropy_without_waiting(), testing::ExitedWithCode(0), "");
}

TEST(NoWait, SlowOperationsSendTheCallerAwayAndQuickOnesDoNot) {
  const auto rsa = test::rsa_key(2048);
  const auto large = test::rsa_key(4096);
  const algorithms::Pss pss{Hash::kSha256, Hash::kSha256, 32};
  const algorithms::Oaep oaep{Hash::kSha256, Hash::kSha256, {}};
  Buffer signature(256), ciphertext(256), plaintext(256);
  std::size_t length = 0;
  ASSERT_EQ(algorithms::rsa_pss_sign(*rsa, pss, false, {}, signature), CKR_OK);
  ASSERT_EQ(algorithms::rsa_oaep_encrypt(*rsa->public_key(), oaep, {}, ciphertext), CKR_OK);
  struct Curves {
    std::shared_ptr<test::PrivateKey> key;
    Buffer signature;
  };
  std::vector<Curves> curves;
  for (const Curve curve : test::kCurves) {
    curves.push_back({test::ec_key(curve), Buffer(2 * algorithms::field_length(curve))});
    ASSERT_EQ(algorithms::ecdsa_sign(*curves.back().key, pattern(32), curves.back().signature),
              CKR_OK);
  }
  std::shared_ptr<test::PrivateKey> made;
  no_wait = true;
  EXPECT_TRUE(algorithms::is_slow(*rsa));
  EXPECT_FALSE(algorithms::is_slow(*rsa->public_key()));
  EXPECT_TRUE(algorithms::is_slow(*large->public_key()));
  EXPECT_EQ(algorithms::rsa_pkcs1_sign(*rsa, pattern(32), signature), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(algorithms::rsa_pkcs1_sign(*rsa, Hash::kSha256, {}, signature), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(algorithms::rsa_pss_sign(*rsa, pss, false, {}, signature), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(algorithms::rsa_oaep_decrypt(*rsa, oaep, ciphertext, plaintext, &length),
            CKR_STRONGROOM_BUSY);
  EXPECT_EQ(algorithms::generate_rsa_key(2048, &made), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(algorithms::rsa_pss_verify(*rsa->public_key(), pss, false, {}, signature), CKR_OK);
  EXPECT_EQ(algorithms::rsa_oaep_encrypt(*rsa->public_key(), oaep, {}, ciphertext), CKR_OK);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    auto& [key, known] = curves[i];
    const bool quick = test::kCurves[i] == Curve::kP256 ||
                       (test::kCurves[i] == Curve::kSecp256k1 && algorithms::secp256k1::kBuiltIn);
    const bool slow = !quick;
    const CK_RV expected = slow ? CKR_STRONGROOM_BUSY : CKR_OK;
    EXPECT_EQ(algorithms::is_slow(*key), slow);
    EXPECT_EQ(algorithms::is_slow(*key->public_key()), slow);
    Buffer other(known.size());
    EXPECT_EQ(algorithms::ecdsa_sign(*key, pattern(32), other), expected);
    EXPECT_EQ(algorithms::ecdsa_sign(*key, Hash::kSha256, {}, other), expected);
    EXPECT_EQ(algorithms::ecdsa_verify(*key->public_key(), pattern(32), known), expected);
    EXPECT_EQ(test::read_private_key(key->value()), expected);
    EXPECT_EQ(algorithms::generate_ec_key(test::kCurves[i], &made), expected);
  }
  no_wait = false;
}

// Known-answer tests fix the random bytes of their own thread, and only for their time.
TEST(FixedRandomness, EndsWithItsScope) {
  Buffer first(16), second(16);
  OSSL_LIB_CTX* const context = algorithms::library()->context;
  {
    const algorithms::FixedRandomness fixed;
    ASSERT_EQ(RAND_bytes_ex(context, first.data(), first.size(), 0), 1);
    EXPECT_EQ(first, test::hex("000102030405060708090a0b0c0d0e0f"));
  }
  ASSERT_EQ(RAND_bytes_ex(context, first.data(), first.size(), 0), 1);
  ASSERT_EQ(RAND_priv_bytes_ex(context, second.data(), second.size(), 0), 1);
  EXPECT_NE(first, second);
  EXPECT_NE(first, test::hex("101112131415161718191a1b1c1d1e1f"));
  Buffer large(200'000);
  ASSERT_EQ(RAND_bytes_ex(context, large.data(), large.size(), 256), 1);
}

}  // namespace
}  // namespace strongroom
