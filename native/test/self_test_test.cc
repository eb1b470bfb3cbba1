// The error state lasts as long as the process, so each failure happens in a process of its own: a
// "death test" that starts this program again and ends by exit code.
#include "token/self_test/self_test.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <thread>

#include "test/public_key_support.h"
#include "token/algorithms/ciphers.h"
#include "token/algorithms/key_encoding.h"
#include "token/drbg/drbg.h"
#include "token/no_wait.h"
#include "token/self_test/integrity.h"

namespace strongroom {
namespace {

using self_test::Algorithm;
using test::Buffer;

// One use of each algorithm, by its self-test's name.
struct Use {
  const char* name;
  CK_RV (*call)();
};

std::shared_ptr<algorithms::Key> some_key() { return test::key_of(test::pattern(32)); }

template <algorithms::Hash kHash>
CK_RV mac() {
  Buffer out(algorithms::hash_length(kHash));
  return algorithms::hmac(*some_key(), kHash, {}, out);
}

template <algorithms::Curve kCurve>
CK_RV sign() {
  // The scalar 1 is a key on every curve.
  Buffer scalar(algorithms::field_length(kCurve));
  scalar.back() = 1;
  std::shared_ptr<algorithms::PrivateKey> key;
  const CK_RV rv = algorithms::make_private_key(
      algorithms::write_pkcs8(algorithms::EcNumbers{kCurve, scalar, {}}), &key);
  Buffer signature(2 * scalar.size());
  return rv != CKR_OK ? rv : algorithms::ecdsa_sign(*key, test::pattern(32), signature);
}

template <algorithms::Cipher kCipher>
CK_RV transform() {
  Buffer iv(kCipher == algorithms::Cipher::kAesEcb ? 0 : 16), data(16);
  return algorithms::transform(*some_key(), kCipher, algorithms::Direction::kEncrypt, iv, data,
                               data);
}

template <algorithms::Aead kAead>
CK_RV seal() {
  Buffer iv(12), data(5), tag(16);
  return algorithms::seal(kAead, *some_key(), iv, {}, data, data, tag);
}

// An RSA key that no self-test of ours had to do with.
std::shared_ptr<algorithms::PrivateKey> some_rsa_key() {
  const test::OpenSslKey theirs(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(2048)));
  return test::private_key_of(test::openssl_pkcs8(theirs.get()));
}

const std::array<Use, 27> kUses = {{
    {"aes-gcm",
     [] {
       Buffer iv(12), data(5), tag(16);
       return algorithms::aes_gcm_seal(*some_key(), iv, {}, data, data, tag);
     }},
    {"aes-kwp",
     [] {
       Buffer data(5), wrapped(16);
       return algorithms::aes_kwp_wrap(*some_key(), data, wrapped);
     }},
    {"hmac-sha256",
     [] {
       Buffer mac(32);
       return algorithms::hmac_sha256(*some_key(), {}, mac);
     }},
    {"sp800-108",
     [] {
       Buffer out(32);
       const std::array<algorithms::KdfField, 1> fields = {
           {{algorithms::KdfField::Kind::kCounter, false, 32, {}}}};
       return algorithms::sp800_108_counter(*some_key(), fields, out);
     }},
    {"derive-seal",
     [] {
       Buffer nonce(28), data(5), sealed(5), tag(16);
       return algorithms::derive_seal(*some_key(), {}, data, nonce, sealed, tag);
     }},
    {"ctr-drbg",
     [] {
       Buffer out(32);
       return drbg::generate(out);
     }},
    {"sha256",
     [] {
       Buffer digest(32);
       return algorithms::sha256({}, digest);
     }},
    {"pbkdf2",
     [] {
       Buffer out(32);
       return algorithms::pbkdf2_hmac_sha256(test::text("p"), test::text("s"), 1, out);
     }},
    {"hmac-sha1", mac<algorithms::Hash::kSha1>},
    {"hmac-sha224", mac<algorithms::Hash::kSha224>},
    {"hmac-sha384", mac<algorithms::Hash::kSha384>},
    {"hmac-sha512", mac<algorithms::Hash::kSha512>},
    {"rsa-signature",
     [] {
       Buffer signature(256);
       return algorithms::rsa_pkcs1_sign(*some_rsa_key(), test::pattern(32), signature);
     }},
    {"rsa-oaep",
     [] {
       Buffer ciphertext(256);
       const algorithms::Oaep oaep{algorithms::Hash::kSha256, algorithms::Hash::kSha256, {}};
       return algorithms::rsa_oaep_encrypt(*some_rsa_key()->public_key(), oaep, {}, ciphertext);
     }},
    {"ecdsa-p256", sign<algorithms::Curve::kP256>},
    {"ecdsa-p384", sign<algorithms::Curve::kP384>},
    {"ecdsa-p521", sign<algorithms::Curve::kP521>},
    {"ecdsa-secp256k1", sign<algorithms::Curve::kSecp256k1>},
    {"aes-ecb", transform<algorithms::Cipher::kAesEcb>},
    {"aes-cbc", transform<algorithms::Cipher::kAesCbc>},
    {"aes-ctr", transform<algorithms::Cipher::kAesCtr>},
    {"aes-ccm", seal<algorithms::Aead::kAesCcm>},
    {"aes-cmac",
     [] {
       Buffer mac(16);
       return algorithms::aes_cmac(*some_key(), {}, mac);
     }},
    {"aes-kw",
     [] {
       Buffer iv(8), data(16), wrapped(24);
       return algorithms::aes_kw_wrap(*some_key(), iv, data, wrapped);
     }},
    {"chacha20-poly1305", seal<algorithms::Aead::kChaCha20Poly1305>},
    {"rsa-pairwise",
     [] {
       std::shared_ptr<algorithms::PrivateKey> key;
       return algorithms::generate_rsa_key(2048, &key);
     }},
    {"ec-pairwise",
     [] {
       std::shared_ptr<algorithms::PrivateKey> key;
       return algorithms::generate_ec_key(algorithms::Curve::kP256, &key);
     }},
}};

class SelfTest : public testing::Test {
 protected:
  SelfTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Says on stderr what is wrong and ends the process that way.
[[noreturn]] void end(const char* trouble) {
  if (trouble != nullptr) std::fprintf(stderr, "%s\n", trouble);
  std::fflush(nullptr);
  _exit(trouble == nullptr ? 0 : 1);
}

[[noreturn]] void fail_and_watch(const Use& failing, bool used_before) {
  if (used_before)
    for (const Use& use : kUses)
      if (use.call() != CKR_OK) end("does not work before the fault");
  if (!self_test::fail_next(failing.name)) end("the name is not known");
  if (self_test::in_error_state()) end("error state before the test ran");
  if (failing.call() != CKR_FIPS_SELF_TEST_FAILED) end("the failing algorithm was used");
  if (!self_test::in_error_state()) end("no error state");
  if (self_test::failed_test() != failing.name) end("another test is named");
  if (self_test::report().find("failed") == std::string::npos) end("the report hides it");
  self_test::fail_next(nullptr);
  for (const Use& use : kUses)
    if (use.call() != CKR_FIPS_SELF_TEST_FAILED) end(use.name);
  if (self_test::integrity() != CKR_FIPS_SELF_TEST_FAILED) end("integrity passes");
  end(nullptr);
}

TEST_F(SelfTest, EachFailureOnDemandStopsAllCryptography) {
  for (const Use& use : kUses)
    EXPECT_EXIT(fail_and_watch(use, false), testing::ExitedWithCode(0), "") << use.name;
}

TEST_F(SelfTest, AFaultAfterUseMakesTheTestRunAgain) {
  EXPECT_EXIT(fail_and_watch(kUses[0], true), testing::ExitedWithCode(0), "");
}

TEST_F(SelfTest, IntegrityFailureOnDemandStopsAllCryptography) {
  EXPECT_EXIT(
      {
        self_test::fail_next("integrity");
        if (self_test::integrity() != CKR_FIPS_SELF_TEST_FAILED) end("integrity passes");
        if (self_test::failed_test() != "integrity") end("another test is named");
        for (const Use& use : kUses)
          if (use.call() != CKR_FIPS_SELF_TEST_FAILED) end(use.name);
        end(nullptr);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(SelfTest, AllPassAndSaySo) {
  EXPECT_EQ(self_test::integrity(), CKR_OK);
  EXPECT_EQ(self_test::integrity(), CKR_OK);
  for (const Use& use : kUses) EXPECT_EQ(use.call(), CKR_OK) << use.name;
  EXPECT_FALSE(self_test::in_error_state());
  EXPECT_EQ(self_test::failed_test(), "");
  const std::string report = self_test::report();
  EXPECT_EQ(report.find("not run"), std::string::npos) << report;
  EXPECT_EQ(report.find("failed"), std::string::npos) << report;
  for (const Use& use : kUses) EXPECT_NE(report.find(use.name), std::string::npos);
}

TEST_F(SelfTest, UnknownNamesAreRefused) {
  EXPECT_FALSE(self_test::fail_next("rot13"));
  EXPECT_FALSE(self_test::fail_next(""));
  EXPECT_TRUE(self_test::fail_next(nullptr));
}

// What takes milliseconds is not done on an event loop, and is there once another thread has.
[[noreturn]] void use_on_a_no_wait_thread() {
  std::shared_ptr<algorithms::PrivateKey> key = some_rsa_key();
  const auto verify = [&] {
    return algorithms::rsa_pkcs1_verify(*key->public_key(), test::pattern(32), Buffer(256));
  };
  no_wait = true;
  if (verify() != CKR_STRONGROOM_BUSY) end("the first use did not send the caller away");
  if (mac<algorithms::Hash::kSha512>() != CKR_OK) end("a quick self-test was put off");
  no_wait = false;
  if (verify() != CKR_SIGNATURE_INVALID) end("no verification on a thread that may wait");
  no_wait = true;
  if (verify() != CKR_SIGNATURE_INVALID) end("no verification after the self-test");
  self_test::fail_next("rsa-signature");
  if (verify() != CKR_STRONGROOM_BUSY) end("the test did not become due again");
  end(nullptr);
}

TEST_F(SelfTest, SlowTestsAreNotRunOnNoWaitThreads) {
  EXPECT_EXIT(use_on_a_no_wait_thread(), testing::ExitedWithCode(0), "");
}

// A new pair that does not fit is not handed out, also where its algorithm has been in use.
[[noreturn]] void generate_a_bad_pair(const char* name, const Use& use) {
  if (use.call() != CKR_OK) end("does not work before the fault");
  self_test::fail_next(name);
  std::shared_ptr<algorithms::PrivateKey> key;
  const CK_RV rv = std::string(name) == "ec-pairwise"
                       ? algorithms::generate_ec_key(algorithms::Curve::kSecp256k1, &key)
                       : algorithms::generate_rsa_key(2048, &key);
  if (rv != CKR_FIPS_SELF_TEST_FAILED || key != nullptr) end("the pair was handed out");
  if (self_test::failed_test() != name) end("another test is named");
  end(nullptr);
}

TEST_F(SelfTest, APairThatDoesNotFitIsNotHandedOut) {
  for (const Use& use : std::span(kUses).last<2>())
    EXPECT_EXIT(generate_a_bad_pair(use.name, use), testing::ExitedWithCode(0), "") << use.name;
}

[[noreturn]] void require_from_many_threads() {
  std::array<std::thread, 8> threads;
  std::array<CK_RV, 8> results{};
  for (std::size_t i = 0; i < threads.size(); ++i)
    threads[i] = std::thread([&, i] { results[i] = self_test::require(Algorithm::kAesGcm); });
  for (std::thread& thread : threads) thread.join();
  for (const CK_RV rv : results)
    if (rv != CKR_OK) end("a thread was refused");
  end(nullptr);
}

TEST_F(SelfTest, ManyThreadsMayAskAtOnce) {
  EXPECT_EXIT(require_from_many_threads(), testing::ExitedWithCode(0), "");
}

// A copy of this program's file and digest, to be damaged.
class ModuleCopy {
 public:
  ModuleCopy()
      : file_(std::filesystem::temp_directory_path() /
              ("strongroom-module-" + std::to_string(getpid()))) {
    const std::string original = self_test::module_file();
    std::filesystem::copy_file(original, file_);
    std::filesystem::copy_file(original + ".hmac", digest());
  }
  ModuleCopy(const ModuleCopy&) = delete;
  ModuleCopy& operator=(const ModuleCopy&) = delete;
  ~ModuleCopy() {
    std::filesystem::remove(file_);
    std::filesystem::remove(digest());
  }
  std::string file() const { return file_; }
  std::string digest() const { return file_.string() + ".hmac"; }
  bool intact() const { return self_test::module_is_intact(file(), digest(), false); }

  static void change(const std::string& path, std::streamoff at, char byte) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream.put(byte);
  }

 private:
  std::filesystem::path file_;
};

TEST(Integrity, AcceptsAnExactCopy) {
  const ModuleCopy copy;
  EXPECT_TRUE(copy.intact());
  EXPECT_FALSE(self_test::module_is_intact(copy.file(), copy.digest(), true));
}

TEST(Integrity, RefusesAChangedDigest) {
  const ModuleCopy copy;
  std::ifstream stream(copy.digest());
  const int first = stream.get();
  ModuleCopy::change(copy.digest(), 0, first == '0' ? '1' : '0');
  EXPECT_FALSE(copy.intact());
  ModuleCopy::change(copy.digest(), 0, 'x');
  EXPECT_FALSE(copy.intact());
}

TEST(Integrity, RefusesAChangedModule) {
  const ModuleCopy copy;
  ModuleCopy::change(copy.file(),
                     static_cast<std::streamoff>(std::filesystem::file_size(copy.file())) - 1, '!');
  EXPECT_FALSE(copy.intact());
}

TEST(Integrity, RefusesAMissingOrShortFile) {
  const ModuleCopy copy;
  EXPECT_FALSE(self_test::module_is_intact(copy.file(), copy.digest() + ".none", false));
  EXPECT_FALSE(self_test::module_is_intact(copy.file() + ".none", copy.digest(), false));
  std::filesystem::resize_file(copy.digest(), 64);
  EXPECT_FALSE(copy.intact());
  std::filesystem::resize_file(copy.digest(), 0);
  EXPECT_FALSE(copy.intact());
}

TEST(Integrity, NoticesThatMemoryIsAnotherModulesFile) {
  // A file with a right digest that is not what runs here.
  EXPECT_FALSE(self_test::module_is_intact("/proc/self/maps", "/proc/self/maps", false));
}

}  // namespace
}  // namespace strongroom
