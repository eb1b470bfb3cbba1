// The error state lasts as long as the process, so each failure happens in a process of its own: a
// "death test" that starts this program again and ends by exit code.
#include "token/self_test/self_test.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "test/support.h"
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

const std::array<Use, 8> kUses = {{
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
