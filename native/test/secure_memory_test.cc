// The secure memory: locked, kept from dumps and forked children, wiped on release.
#include "token/secure_memory.h"

#include <openssl/crypto.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>

#include "test/support.h"

namespace strongroom {
namespace {

using test::Buffer;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

bool within(const void* data, SR_MEMORY_RANGE range) {
  const auto* const start = static_cast<const char*>(range.pStart);
  return data >= start && data < start + range.ulLength;
}

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// The kernel's flags of the mapping that starts at start ("VmFlags" in /proc/self/smaps).
std::string kernel_flags(const void* start) {
  std::FILE* maps = std::fopen("/proc/self/smaps", "re");
  if (maps == nullptr) return "";
  char line[1024];
  bool here = false;
  std::string flags;
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
      here = from == reinterpret_cast<std::uintptr_t>(start);
    else if (here && std::strncmp(line, "VmFlags:", 8) == 0)
      flags = line + 8;
  }
  std::fclose(maps);
  return flags;
}

TEST(SecureMemory, IsMadeOnceAndReportsBothRanges) {
  ASSERT_TRUE(initialise_secure_memory());
  ASSERT_TRUE(initialise_secure_memory());
  EXPECT_GE(arena_range().ulLength, 4U << 20);
  EXPECT_GE(secure_heap_range().ulLength, 1U << 20);
  EXPECT_FALSE(forked());

  Secret secret(32);
  EXPECT_TRUE(within(secret.data(), arena_range()));
  void* const heap = OPENSSL_secure_malloc(32);
  EXPECT_TRUE(within(heap, secure_heap_range()));
  OPENSSL_secure_free(heap);
}

TEST(SecureMemory, ArenaIsNotDumpedWipedOnForkAndLockedWhenSaid) {
  const std::string flags = kernel_flags(arena_range().pStart);
  ASSERT_NE(flags, "");
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
  EXPECT_NE(flags.find(" wf"), std::string::npos) << flags;
  if (kSanitized) GTEST_SKIP() << "locking not looked at: sanitizers turn mlock into nothing";
  if (!secure_memory_locked())
    GTEST_SKIP() << "locking not looked at: the memory lock limit is too small";
  EXPECT_NE(flags.find(" lo"), std::string::npos) << flags;
  EXPECT_NE(kernel_flags(secure_heap_range().pStart).find(" lo"), std::string::npos);
}

TEST(Secret, IsZeroedAlignedAndApart) {
  std::vector<Secret> secrets;
  for (std::size_t length = 1; length < 20000; length += length < 300 ? 1 : 977) {
    Secret secret(length);
    ASSERT_TRUE(secret) << length;
    ASSERT_EQ(secret.size(), length);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(secret.data()) % 16, 0U);
    EXPECT_TRUE(all_zero(secret.bytes())) << length;
    std::memset(secret.data(), static_cast<int>(length % 255 + 1), length);
    secrets.push_back(std::move(secret));
  }
  for (const Secret& secret : secrets) {
    const auto expected = static_cast<std::uint8_t>(secret.size() % 255 + 1);
    EXPECT_TRUE(std::all_of(secret.bytes().begin(), secret.bytes().end(), [&](std::uint8_t byte) {
      return byte == expected;
    })) << secret.size();
  }
}

TEST(Secret, CopiesItsSourceAndMoves) {
  const Buffer source = test::pattern(48);
  Secret first{Bytes(source)};
  const std::uint8_t* const place = first.data();
  Secret second(std::move(first));
  EXPECT_EQ(second.data(), place);
  EXPECT_TRUE(std::equal(source.begin(), source.end(), second.data()));
  Secret third(5);
  third = std::move(second);
  EXPECT_EQ(third.data(), place);
  EXPECT_EQ(third.size(), 48U);

  Secret empty(0);
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty.size(), 0U);
}

TEST(Secret, IsWipedWhenReleased) {
  for (const std::size_t length : {16U, 32U, 100U, 2048U, 2049U, 4096U, 100000U}) {
    const std::uint8_t* place = nullptr;
    {
      Secret secret(length);
      ASSERT_TRUE(secret);
      std::memset(secret.data(), 0x5a, length);
      place = secret.data();
    }
    // The arena stays mapped. A released block's first two bytes may hold the allocator's link.
    EXPECT_TRUE(all_zero({place + 2, length - 2})) << length;
    EXPECT_NE(place[0], 0x5a);
  }
}

TEST(Secret, ArenaFillsUpRefusesAndRecovers) {
  {
    std::vector<Secret> all;
    while (true) {
      Secret secret(2000);
      if (!secret) break;
      all.push_back(std::move(secret));
    }
    EXPECT_GT(all.size(), 1000U);
    EXPECT_FALSE(Secret(100000));
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
    EXPECT_TRUE(Secret(2000));
  }
  std::vector<Secret> pages;  // single pages: what other secrets live in may lie anywhere between
  for (int i = 0; i < 900; ++i) pages.emplace_back(4096);
  EXPECT_TRUE(pages.back()) << "pages of small blocks were not given back";
  EXPECT_FALSE(Secret(std::size_t{1} << 40));
}

TEST(Secret, ThreadsGetSecretsOfTheirOwn) {
  const auto work = [](unsigned seed) {
    std::minstd_rand random(seed);
    std::vector<Secret> held(64);
    for (int i = 0; i < 20000; ++i) {
      Secret& slot = held[random() % held.size()];
      const auto filler = static_cast<std::uint8_t>(slot.size() + seed);
      for (const std::uint8_t byte : slot.bytes()) ASSERT_EQ(byte, filler);
      const std::size_t length = 1 + random() % (i % 100 == 0 ? 9000 : 300);
      slot = Secret(length);
      ASSERT_TRUE(slot);
      std::memset(slot.data(), static_cast<std::uint8_t>(length + seed), length);
    }
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  one.join();
  two.join();
}

TEST(SecureMemory, ForkedChildKnowsAndHoldsNothing) {
  Secret secret{Bytes(test::pattern(64))};
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(forked() && all_zero(secret.bytes()) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(forked());
  EXPECT_FALSE(all_zero(secret.bytes()));
}

TEST(Wipe, OverwritesAll) {
  Buffer bytes = test::pattern(100);
  wipe(bytes.data(), bytes.size());
  EXPECT_TRUE(all_zero(bytes));
  wipe(nullptr, 0);
}

}  // namespace
}  // namespace strongroom
