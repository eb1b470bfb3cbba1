// Handles: what is in use stays, what was taken away goes with its last use, and no later.
#include "token/handle_table.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace strongroom::token {
namespace {

struct Thing {
  explicit Thing(std::uint64_t its_number) : number(its_number) {}
  ~Thing() { number = 0; }
  std::uint64_t number;
};

constexpr auto kAny = [](const Thing&) { return true; };

void in_threads(int count, auto body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& each : threads) each.join();
}

class HandleTableTest : public ::testing::Test {
 protected:
  std::uint64_t add(std::uint64_t number) {
    const std::uint64_t handle = table.reserve();
    EXPECT_TRUE(table.put(handle, std::make_shared<Thing>(number)));
    return handle;
  }
  static HandleTable<Thing>& table;
};
HandleTable<Thing>& HandleTableTest::table = *new HandleTable<Thing>;  // a table's memory stays

TEST_F(HandleTableTest, AHandleIsUsedUpByTake) {
  const std::uint64_t handle = add(1);
  EXPECT_EQ(table.borrow(handle, kAny)->number, 1u);
  EXPECT_EQ(table.take(handle)->number, 1u);
  EXPECT_FALSE(table.borrow(handle, kAny));
  EXPECT_EQ(table.find(handle), nullptr);
  EXPECT_EQ(table.take(handle), nullptr);
  EXPECT_FALSE(table.put(handle, std::make_shared<Thing>(2)));
  const std::uint64_t next = add(3);
  EXPECT_NE(next, handle);
  EXPECT_FALSE(table.borrow(handle, kAny));
  EXPECT_EQ(table.borrow(next, kAny)->number, 3u);
}

TEST_F(HandleTableTest, NothingIsBorrowedThatIsNotThereOrNotAdmitted) {
  const std::uint64_t reserved = table.reserve();
  EXPECT_FALSE(table.borrow(reserved, kAny));
  EXPECT_FALSE(table.borrow(0, kAny));
  EXPECT_FALSE(table.borrow(~std::uint64_t{0}, kAny));
  const std::uint64_t handle = add(1);
  const auto refused = table.borrow(handle, [](const Thing&) { return false; });
  EXPECT_FALSE(refused);
  // It has not been kept either.
  std::weak_ptr<Thing> watched = table.find(handle);
  table.take(handle);
  EXPECT_TRUE(watched.expired());
}

TEST_F(HandleTableTest, WhatIsTakenAwayGoesWithItsLastUse) {
  const std::uint64_t handle = add(7);
  const std::weak_ptr<Thing> watched = table.find(handle);
  {
    const auto borrowed = table.borrow(handle, kAny);
    std::thread([&] { EXPECT_TRUE(table.take(handle)); }).join();
    EXPECT_FALSE(table.find(handle));
    EXPECT_FALSE(watched.expired());
    EXPECT_EQ(borrowed->number, 7u);
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(HandleTableTest, WhatIsReplacedGoesWithItsLastUse) {
  const std::uint64_t handle = add(1);
  const std::weak_ptr<Thing> watched = table.find(handle);
  {
    const auto borrowed = table.borrow(handle, kAny);
    std::thread([&] {
      for (std::uint64_t number = 2; number < 5; ++number)
        EXPECT_TRUE(table.put(handle, std::make_shared<Thing>(number)));
    }).join();
    EXPECT_EQ(borrowed->number, 1u);
    EXPECT_EQ(table.borrow(handle, kAny)->number, 4u);
  }
  EXPECT_TRUE(watched.expired());
}

TEST_F(HandleTableTest, TwoAtATime) {
  const std::uint64_t one = add(1);
  const std::uint64_t two = add(2);
  const std::weak_ptr<Thing> first = table.find(one);
  const std::weak_ptr<Thing> second = table.find(two);
  {
    const auto outer = table.borrow(one, kAny);
    {
      const auto inner = table.borrow(two, kAny);
      table.take(one);
      table.take(two);
      EXPECT_EQ(outer->number, 1u);
      EXPECT_EQ(inner->number, 2u);
    }
    EXPECT_TRUE(second.expired());
    EXPECT_FALSE(first.expired());
  }
  EXPECT_TRUE(first.expired());
}

TEST_F(HandleTableTest, MoreThreadsThanNumbersConcurrently) {
  const std::uint64_t handle = add(5);
  const std::weak_ptr<Thing> watched = table.find(handle);
  constexpr int kThreads = static_cast<int>(kThreadNumbers) + 8;
  std::atomic<int> borrowing{0};
  std::atomic<bool> taken{false};
  std::thread taker([&] {
    while (borrowing < kThreads) std::this_thread::yield();
    table.take(handle);
    taken = true;
  });
  in_threads(kThreads, [&](int) {
    const auto borrowed = table.borrow(handle, kAny);
    ++borrowing;
    while (!taken) std::this_thread::yield();
    EXPECT_EQ(borrowed->number, 5u);
  });
  taker.join();
  EXPECT_TRUE(watched.expired());
}

// Readers of some handles, and writers that replace, take away and make anew what they name.
TEST_F(HandleTableTest, ReadersAndWritersConcurrently) {
  constexpr int kPlaces = 4;
  std::array<std::atomic<std::uint64_t>, kPlaces> handles;
  for (auto& handle : handles) handle = add(1);
  std::vector<std::weak_ptr<Thing>> all[2];
  std::atomic<int> writing{2};
  std::atomic<std::uint64_t> used{0};
  in_threads(6, [&](int number) {
    if (number < 2) {
      for (std::uint64_t i = 1; i < 3000 || used < 1000; ++i) {
        auto fresh = std::make_shared<Thing>(i);
        all[number].push_back(fresh);
        std::atomic<std::uint64_t>& handle = handles[i % kPlaces];
        if (i % 3 != 0) {
          table.put(handle, std::move(fresh));
        } else if (table.take(handle)) {
          const std::uint64_t next = table.reserve();
          EXPECT_TRUE(table.put(next, std::move(fresh)));
          handle = next;
        }
      }
      --writing;
      return;
    }
    for (unsigned i = 0; writing > 0; ++i) {
      const auto borrowed = table.borrow(handles[i % kPlaces], kAny);
      if (!borrowed) continue;
      EXPECT_NE(borrowed->number, 0u);
      ++used;
    }
  });
  for (auto& handle : handles) table.take(handle);
  for (const auto& made : all) {
    for (const auto& each : made) EXPECT_TRUE(each.expired());
  }
}

// The same where the system has no membarrier(2): in a process that must do without from its start.
TEST_F(HandleTableTest, WithoutMembarrier) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(instructions), instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      _exit(99);
    execl("/proc/self/exe", "handle-table-tests", "--gtest_brief=1",
          "--gtest_filter=HandleTableTest.*-*.WithoutMembarrier", nullptr);
    _exit(98);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 99) GTEST_SKIP() << "this system lets no process filter its own calls";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace strongroom::token
