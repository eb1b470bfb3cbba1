// The DRBG: threads, forks, used bytes, entropy that fails; and the health tests of the entropy
// source.
#include "token/drbg/drbg.h"

#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>
#include <thread>

#include "test/support.h"
#include "token/drbg/entropy.h"
#include "token/no_wait.h"
#include "token/self_test/self_test.h"

namespace strongroom {
namespace {

using test::Buffer;
using Sample = std::array<std::uint8_t, 32>;

struct NoWait {
  NoWait() { no_wait = true; }
  ~NoWait() { no_wait = false; }
};

TEST(Drbg, FillsAnyLength) {
  for (const std::size_t length : {0U, 1U, 31U, 4095U, 4096U, 4097U, 65536U, 65537U, 200000U}) {
    Buffer bytes(length + 1, 0);
    ASSERT_EQ(drbg::generate(MutableBytes(bytes).first(length)), CKR_OK) << length;
    EXPECT_EQ(bytes.back(), 0);
    if (length < 4095) continue;
    // 256 values, each expected length/256 times; 8 standard deviations.
    std::array<double, 256> counts{};
    for (std::size_t i = 0; i < length; ++i) counts[bytes[i]] += 1;
    const double mean = static_cast<double>(length) / 256;
    for (const double count : counts) EXPECT_NEAR(count, mean, 8 * std::sqrt(mean) + 8);
  }
}

TEST(Drbg, NeverRepeatsNeitherInAThreadNorBetween) {
  constexpr std::size_t kEach = 5000;
  std::array<std::vector<Sample>, 3> drawn;
  std::vector<std::thread> threads;
  for (auto& samples : drawn)
    threads.emplace_back([&samples] {
      samples.resize(kEach);
      for (Sample& sample : samples) ASSERT_EQ(drbg::generate(sample), CKR_OK);
    });
  for (std::thread& thread : threads) thread.join();
  // A thread that takes over an ended one's instance goes on where that stopped.
  std::thread([&] {
    Sample sample{};
    ASSERT_EQ(drbg::generate(sample), CKR_OK);
    drawn[0].push_back(sample);
  }).join();
  std::set<Sample> all;
  for (const auto& samples : drawn) all.insert(samples.begin(), samples.end());
  EXPECT_EQ(all.size(), 3 * kEach + 1);
}

TEST(Drbg, UsedBytesLeaveTheBuffer) {
  Secret sample(32);
  ASSERT_EQ(drbg::generate(sample.mutable_bytes()), CKR_OK);
  const auto* const start = static_cast<const std::uint8_t*>(arena_range().pStart);
  const auto* const end = start + arena_range().ulLength;
  int copies = 0;
  for (const std::uint8_t* at = start; at + sample.size() <= end; ++at)
    if (std::memcmp(at, sample.data(), sample.size()) == 0) ++copies;
  EXPECT_EQ(copies, 1) << "the caller's own";
}

TEST(Drbg, EntropyFailureIsAnswersUntilItWorksAgain) {
  Sample sample{};
  ASSERT_EQ(drbg::generate(sample), CKR_OK);
  ASSERT_TRUE(self_test::fail_next("entropy"));
  sample.fill(7);
  EXPECT_EQ(drbg::generate(sample), CKR_RANDOM_NO_RNG);
  EXPECT_EQ(sample, Sample{});
  EXPECT_NE(self_test::report().find("proportion\tfailed"), std::string::npos);
  EXPECT_FALSE(self_test::in_error_state());
  EXPECT_EQ(drbg::generate(sample), CKR_OK);
  EXPECT_NE(sample, Sample{});
  EXPECT_NE(self_test::report().find("proportion\tpassed"), std::string::npos);
}

TEST(Drbg, NoWaitThreadTakesNoEntropy) {
  Sample sample{};
  ASSERT_EQ(drbg::generate(sample), CKR_OK);
  {
    const NoWait promise;
    // Plenty to draw, also over many refills and in a new thread: the root is seeded.
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(drbg::generate(sample), CKR_OK);
    drbg::request_reseed();
    EXPECT_EQ(drbg::generate(sample), CKR_STRONGROOM_BUSY);
    EXPECT_EQ(drbg::mix_in(sample), CKR_STRONGROOM_BUSY);
  }
  std::thread([] {
    Sample other{};
    EXPECT_EQ(drbg::generate(other), CKR_OK);
  }).join();
  const NoWait promise;
  EXPECT_EQ(drbg::generate(sample), CKR_OK);
  std::thread([] {
    const NoWait too;
    Sample other{};
    EXPECT_EQ(drbg::generate(other), CKR_OK);
  }).join();
}

TEST(Drbg, TakesCallerEntropy) {
  Sample before{};
  Sample after{};
  ASSERT_EQ(drbg::generate(before), CKR_OK);
  EXPECT_EQ(drbg::mix_in(Buffer(5, 0)), CKR_OK);
  EXPECT_EQ(drbg::mix_in(Buffer(10000, 1)), CKR_OK);
  ASSERT_EQ(drbg::generate(after), CKR_OK);
  EXPECT_NE(before, after);
}

TEST(Drbg, ForkedChildGetsNothing) {
  Sample sample{};
  ASSERT_EQ(drbg::generate(sample), CKR_OK);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(drbg::generate(sample) == CKR_CRYPTOKI_NOT_INITIALIZED ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(HealthTests, PassTheSystemsSource) {
  drbg::HealthTests tests;
  std::array<std::uint8_t, 256> samples{};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(getrandom(samples.data(), samples.size(), 0), 256);
    ASSERT_TRUE(tests.accept(samples));
  }
}

TEST(HealthTests, RepetitionCountFailsAtTheCutoff) {
  constexpr unsigned kCutoff = drbg::HealthTests::kRepetitionCutoff;
  drbg::HealthTests tests;
  const Buffer other = {1};
  const Buffer stuck(kCutoff - 1, 0x42);
  EXPECT_TRUE(tests.accept(stuck));
  EXPECT_TRUE(tests.accept(other));
  EXPECT_TRUE(tests.accept(stuck));
  EXPECT_FALSE(tests.accept(Buffer{0x42}));
  // A run is seen across two draws; zero is a value like any other.
  drbg::HealthTests zeros;
  EXPECT_TRUE(zeros.accept(Buffer(kCutoff - 1, 0)));
  EXPECT_FALSE(zeros.accept(Buffer(1, 0)));
}

TEST(HealthTests, AdaptiveProportionFailsAtTheCutoff) {
  constexpr unsigned kCutoff = drbg::HealthTests::kProportionCutoff;
  constexpr unsigned kWindow = drbg::HealthTests::kProportionWindow;
  // Windows whose first value comes back count times, never twice in a row.
  const auto window = [](unsigned count) {
    Buffer samples(kWindow);
    for (unsigned i = 0; i < kWindow; ++i)
      samples[i] = static_cast<std::uint8_t>(i % 2 == 0 && i / 2 < count ? 7 : 10 + i % 200);
    return samples;
  };
  drbg::HealthTests good;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(good.accept(window(kCutoff - 1)));
  EXPECT_FALSE(good.accept(window(kCutoff)));
}

}  // namespace
}  // namespace strongroom
