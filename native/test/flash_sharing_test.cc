// flash_sharing_test.cc: several openings of one flash at once: what one commits the others see,
// what they may not do to each other, and what is left when one of them dies at any moment.
//
// STRONGROOM_FLASH_SEED sets the seed of the random worlds.

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <optional>
#include <thread>

#include "test/flash_support.h"
#include "test/recording_file_system.h"
#include "token/flash/sync_sites.h"

namespace strongroom::flash {
namespace {

using test::Random;
using test::RecordingFileSystem;

constexpr Options kSmall{.compaction_threshold_bytes = 1500, .room_bytes = 600, .shared = true};

class FlashSharingTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(one_.rv, CKR_OK) << one_.cause;
    ASSERT_EQ(other_.rv, CKR_OK) << other_.cause;
    EXPECT_TRUE(one_.flash->take_changes(0).empty());
    EXPECT_TRUE(other_.flash->take_changes(0).empty());
  }
  static Values seen(Flash& flash) {
    flash.catch_up();
    EXPECT_FALSE(flash.behind(63));
    return contents(flash);
  }

  RecordingFileSystem disk_{1};
  Opened one_ = open_on(disk_, true, kSmall);
  Opened other_ = open_on(disk_, true, kSmall);
};

TEST_F(FlashSharingTest, EachSeesWhatTheOtherCommits) {
  const RecordId id = one_.flash->next_id();
  EXPECT_FALSE(other_.flash->behind(0));
  ASSERT_EQ(put(*one_.flash, id, {1}), CKR_OK);
  EXPECT_FALSE(one_.flash->behind(0));  // its own
  EXPECT_TRUE(other_.flash->behind(0));
  EXPECT_EQ(seen(*other_.flash), (Values{{id, {1}}}));
  EXPECT_TRUE(other_.flash->behind(0));  // not taken
  EXPECT_EQ(other_.flash->take_changes(0), (std::vector{id}));
  EXPECT_FALSE(other_.flash->behind(0));

  // A record of the other's, changed and erased here; what is new comes along with a commit.
  ASSERT_EQ(put(*other_.flash, id, {2}), CKR_OK);
  ASSERT_EQ(put(*one_.flash, 7, {7}), CKR_OK);
  EXPECT_EQ(contents(*one_.flash), (Values{{7, {7}}, {id, {2}}}));
  EXPECT_EQ(one_.flash->take_changes(0), (std::vector{id}));
  ASSERT_EQ(erase(*one_.flash, id), CKR_OK);
  EXPECT_EQ(seen(*other_.flash), (Values{{7, {7}}}));
  EXPECT_EQ(other_.flash->take_changes(0), (std::vector<RecordId>{7, id}));
}

TEST_F(FlashSharingTest, IdsAreUniqueAndAnybodysRecordCanBeChanged) {
  const RecordId ids[] = {one_.flash->next_id(), other_.flash->next_id(), one_.flash->next_id()};
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
  const auto late = open_on(disk_, true, kSmall);
  const RecordId latest = late.flash->next_id();
  EXPECT_GT(latest, ids[1]);
  ASSERT_EQ(put(*late.flash, latest, {1}), CKR_OK);
  one_.flash->catch_up();
  EXPECT_EQ(put(*one_.flash, latest, {2}), CKR_OK);
}

TEST_F(FlashSharingTest, ACommitIsRefusedWhenWhatItReliesOnHasChanged) {
  ASSERT_EQ(put(*one_.flash, 1, {1}), CKR_OK);
  ASSERT_EQ(put(*other_.flash, 2, {1}), CKR_OK);
  other_.flash->take_changes(0);
  ASSERT_EQ(put(*one_.flash, 1, {2}), CKR_OK);
  const Value value{3};
  const Change changes[] = {{1, 0, 1, value, false}};
  const RecordId relied_on[] = {1};
  const RecordId on_all[] = {kAnyRecord};
  const RecordId on_another[] = {2};
  EXPECT_EQ(other_.flash->commit(changes, relied_on), kChangedElsewhere);
  EXPECT_EQ(other_.flash->commit(changes, on_all), kChangedElsewhere);
  EXPECT_EQ(contents(*other_.flash), (Values{{1, {2}}, {2, {1}}}));
  EXPECT_EQ(seen(*one_.flash), (Values{{1, {2}}, {2, {1}}}));
  EXPECT_EQ(other_.flash->commit(changes, on_another), CKR_OK);
  other_.flash->take_changes(0);
  EXPECT_EQ(other_.flash->commit(changes, relied_on), CKR_OK);
  EXPECT_EQ(other_.flash->commit(changes, on_all), CKR_OK);
}

TEST_F(FlashSharingTest, TriesAreCountedTogether) {
  EXPECT_EQ(one_.flash->spend_try(3, PinRole::kUser, 3), CKR_OK);
  EXPECT_EQ(other_.flash->spend_try(3, PinRole::kUser, 3), CKR_OK);
  EXPECT_EQ(one_.flash->spend_try(3, PinRole::kUser, 3), CKR_OK);
  EXPECT_EQ(other_.flash->spend_try(3, PinRole::kUser, 3), CKR_PIN_LOCKED);
  EXPECT_EQ(one_.flash->spend_try(3, PinRole::kUser, 3), CKR_PIN_LOCKED);
  EXPECT_EQ(one_.flash->failed_tries(3, PinRole::kUser), 3u);
  EXPECT_EQ(one_.flash->return_try(3, PinRole::kUser), CKR_OK);
  EXPECT_EQ(other_.flash->failed_tries(3, PinRole::kUser), 3u);
  EXPECT_TRUE(other_.flash->behind(0));
  other_.flash->catch_up();
  EXPECT_EQ(other_.flash->failed_tries(3, PinRole::kUser), 2u);
  EXPECT_EQ(other_.flash->set_failed_tries(3, PinRole::kUser, 0), CKR_OK);
  EXPECT_EQ(other_.flash->return_try(3, PinRole::kUser), CKR_OK);
  one_.flash->catch_up();
  EXPECT_EQ(one_.flash->failed_tries(3, PinRole::kUser), 0u);
}

TEST_F(FlashSharingTest, FollowsTheOthersCompaction) {
  Values expected;
  for (RecordId id = 1; id <= 60; ++id) {
    const Value value(100, static_cast<std::uint8_t>(id));
    ASSERT_EQ(put(*one_.flash, 1 + id % 5, value), CKR_OK);
    expected[1 + id % 5] = value;
    if (id % 20 == 0) {
      EXPECT_EQ(seen(*other_.flash), expected);
    }
  }
  EXPECT_FALSE(disk_.exists("/flash/journal-1"));
  EXPECT_EQ(other_.flash->take_changes(0), (std::vector<RecordId>{1, 2, 3, 4, 5}));
  ASSERT_EQ(erase(*other_.flash, 3), CKR_OK);
  expected.erase(3);
  EXPECT_EQ(seen(*one_.flash), expected);
  one_.flash.reset();
  other_.flash.reset();
  EXPECT_EQ(contents(*open_on(disk_).flash), expected);
}

TEST_F(FlashSharingTest, SharersAndAnOwnerKeepEachOtherOut) {
  EXPECT_EQ(open_on(disk_).rv, CKR_STRONGROOM_FLASH_IN_USE);
  one_.flash.reset();
  EXPECT_EQ(open_on(disk_).rv, CKR_STRONGROOM_FLASH_IN_USE);
  other_.flash.reset();
  const auto owner = open_on(disk_);
  ASSERT_EQ(owner.rv, CKR_OK);
  EXPECT_EQ(open_on(disk_, true, kSmall).rv, CKR_STRONGROOM_FLASH_IN_USE);
  EXPECT_FALSE(owner.flash->behind(0));
}

TEST_F(FlashSharingTest, SlotsAreHeldByManyOrByOne) {
  EXPECT_TRUE(one_.flash->hold_slot(1, LockMode::kShared));
  EXPECT_TRUE(other_.flash->hold_slot(1, LockMode::kShared));
  one_.flash->release_slot(1);
  EXPECT_FALSE(one_.flash->hold_slot(1, LockMode::kExclusive));
  EXPECT_TRUE(one_.flash->hold_slot(2, LockMode::kExclusive));
  EXPECT_FALSE(other_.flash->hold_slot(2, LockMode::kShared));
  other_.flash.reset();
  EXPECT_TRUE(one_.flash->hold_slot(1, LockMode::kExclusive));
}

TEST_F(FlashSharingTest, AFailedSyncStopsOneAndTheOtherSettlesIt) {
  for (const char* site : {sync_site::kJournalCommit, sync_site::kAnchorStore}) {
    auto failing = open_on(disk_, true, kSmall);
    ASSERT_EQ(put(*failing.flash, 1, {1}), CKR_OK);
    disk_.fail_next_sync(site);
    EXPECT_EQ(put(*failing.flash, 1, {2}), CKR_DEVICE_ERROR);
    // Opening decides that the commit is there, and so does another process that writes next.
    ASSERT_EQ(put(*one_.flash, 2, {2}), CKR_OK);
    EXPECT_EQ(contents(*one_.flash), (Values{{1, {2}}, {2, {2}}}));
    failing.flash->catch_up();
    EXPECT_FALSE(failing.flash->behind(0));
    EXPECT_EQ(contents(*failing.flash).at(1), (Value{1}));  // as it was, until it writes again
    EXPECT_EQ(put(*failing.flash, 3, {3}), CKR_OK);
    EXPECT_EQ(contents(*failing.flash), (Values{{1, {2}}, {2, {2}}, {3, {3}}}));
    EXPECT_EQ(erase(*failing.flash, 3), CKR_OK);
  }
}

TEST_F(FlashSharingTest, AnAnchorPutBackIsNoticed) {
  ASSERT_EQ(put(*one_.flash, 1, {1}), CKR_OK);
  const auto old = disk_.read("/root/anchor");
  for (std::uint8_t i = 0; i < 3; ++i) ASSERT_EQ(put(*other_.flash, 1, {i}), CKR_OK);
  disk_.replace("/root/anchor", old);
  EXPECT_EQ(put(*other_.flash, 1, {9}), CKR_DEVICE_ERROR);
  EXPECT_EQ(contents(*other_.flash), (Values{{1, {2}}}));
}

TEST_F(FlashSharingTest, ThreadsOfBothCommitAndFollow) {
  constexpr std::size_t kThreads = 3, kCommits = 25;
  std::atomic<std::size_t> failures{0};
  std::vector<std::thread> threads;
  for (Flash* flash : {one_.flash.get(), other_.flash.get()}) {
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, flash] {
        for (std::size_t i = 0; i < kCommits; ++i) {
          const RecordId id = flash->next_id();
          if (put(*flash, id, Value(30, 1)) != CKR_OK) ++failures;
          if (i % 3 == 0 && erase(*flash, id) != CKR_OK) ++failures;
          if (flash->behind(0)) flash->catch_up();
          flash->take_changes(0);
        }
      });
    }
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0u);
  EXPECT_EQ(seen(*one_.flash), seen(*other_.flash));
  EXPECT_EQ(contents(*one_.flash).size(), 2 * kThreads * (kCommits - (kCommits + 2) / 3));
}

// --- processes that die ---

// Mortal: the disk as one process sees it. After so many of its operations it is dead: the next
// write is done in part, everything else not at all.
class Mortal final : public FileSystem {
 public:
  Mortal(RecordingFileSystem& disk, std::uint64_t seed) : disk_(disk), random_(seed) {}

  void die_after(std::size_t operations) { left_ = operations + 1; }
  void live_on() { left_ = SIZE_MAX; }
  bool dead() const { return left_ == 0; }

  std::unique_ptr<File> open(const std::string& path, bool create, bool exclusive) override {
    auto file = step() ? disk_.open(path, create, exclusive) : nullptr;
    return file == nullptr ? nullptr : std::make_unique<OpenFile>(*this, std::move(file));
  }
  bool exists(const std::string& path) override { return disk_.exists(path); }
  bool list(const std::string& directory, std::vector<std::string>* names) override {
    return step() && disk_.list(directory, names);
  }
  bool rename(const std::string& from, const std::string& to) override {
    return step() && disk_.rename(from, to);
  }
  bool remove(const std::string& path) override { return step() && disk_.remove(path); }
  bool make_directory(const std::string& path) override {
    return step() && disk_.make_directory(path);
  }
  bool sync_directory(const std::string& path, const char* site) override {
    return step() && disk_.sync_directory(path, site);
  }
  std::unique_ptr<FileLock> lock_file(const std::string& path) override {
    return step() ? disk_.lock_file(path) : nullptr;
  }
  std::unique_ptr<SharedWords> share(const std::string& path) override {
    return step() ? disk_.share(path) : nullptr;
  }

 private:
  class OpenFile final : public File {
   public:
    OpenFile(Mortal& process, std::unique_ptr<File> file)
        : process_(process), file_(std::move(file)) {}
    bool read_at(std::uint64_t offset, MutableBytes out, std::size_t* got) override {
      return process_.alive() && file_->read_at(offset, out, got);
    }
    bool write_at(std::uint64_t offset, Bytes data) override {
      const bool last = process_.left_ == 1;
      if (process_.step()) return file_->write_at(offset, data);
      if (last) file_->write_at(offset, data.first(process_.random_() % (data.size() + 1)));
      errno = EIO;
      return false;
    }
    bool truncate(std::uint64_t length) override {
      return process_.step() && file_->truncate(length);
    }
    bool size(std::uint64_t* length) override { return process_.alive() && file_->size(length); }
    bool sync(const char* site) override { return process_.step() && file_->sync(site); }

   private:
    Mortal& process_;
    std::unique_ptr<File> file_;
  };

  bool alive() const {
    if (left_ == 0) errno = EIO;
    return left_ != 0;
  }
  bool step() {
    if (left_ != 0 && left_ != SIZE_MAX) --left_;
    return alive();
  }

  RecordingFileSystem& disk_;
  Random random_;
  std::size_t left_ = SIZE_MAX;
};

// Processes: some of them on one disk, one operation at a time; some die, some are started, and the
// power may fail at any operation of any of them.
class Processes {
 public:
  explicit Processes(std::uint64_t seed) : random_(seed), disk_(seed + 1) {}

  // The first broken promise, empty if there was none.
  std::string run() {
    disk_.on_operation([this] { maybe_crash(); });
    for (int step = 0; step < 120 && violation_.empty(); ++step) {
      if (running_.size() < 3 && (running_.empty() || roll(6) == 0)) {
        start();
      } else {
        work(roll(static_cast<unsigned>(running_.size())));
      }
    }
    disk_.on_operation(nullptr);
    running_.clear();
    if (violation_.empty()) check_opening(disk_);
    return violation_;
  }

  std::size_t images() const { return images_; }
  std::size_t deaths() const { return deaths_; }

 private:
  struct State {
    Values values;
    std::uint32_t tries = 0;
    bool operator==(const State&) const = default;
  };
  struct Process {
    std::unique_ptr<Mortal> files;
    std::unique_ptr<Flash> flash;
    RecordId last_id = 0;
  };

  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  void violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  static State state(Flash& flash) {
    return {contents(flash), flash.failed_tries(0, PinRole::kUser)};
  }
  bool possible(const State& state) const {
    return state == acknowledged_ || (attempted_ && state == *attempted_);
  }

  // Every now and then a process is going to die soon.
  void endanger(Mortal& files) {
    if (roll(8) == 0) files.die_after(roll(9));
  }

  void start() {
    Process process;
    process.files = std::make_unique<Mortal>(disk_, random_());
    if (roll(3) == 0) process.files->die_after(roll(25));
    auto opened = open_on(*process.files, true, kSmall);
    if (opened.rv != CKR_OK) {
      ++deaths_;
      if (!process.files->dead())
        violate("a start fails: " + std::to_string(opened.rv) + " " + opened.cause);
      return;
    }
    if (!possible(state(*opened.flash))) return violate("a start sees something else");
    settle(state(*opened.flash));
    process.files->live_on();
    process.flash = std::move(opened.flash);
    running_.push_back(std::move(process));
  }

  // What was of unknown outcome is decided by whoever opens or writes next.
  void settle(const State& now) {
    acknowledged_ = now;
    attempted_.reset();
  }

  void work(std::size_t which) {
    Process& process = running_[which];
    Flash& flash = *process.flash;
    const unsigned kind = roll(10);
    if (kind == 0) {
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
      return;
    }
    if (kind <= 2) {
      flash.catch_up();
      if (!possible(state(flash))) violate("a reader sees something else");
      return;
    }
    // The turn that an unknown outcome needs first, undisturbed.
    if (attempted_) {
      if (flash.set_failed_tries(63, PinRole::kSo, roll(100)) != CKR_OK)
        return violate("nobody can go on");
      if (!possible(state(flash))) return violate("the next writer sees something else");
      settle(state(flash));
    }
    endanger(*process.files);
    State after = acknowledged_;
    CK_RV rv = CKR_OK;
    if (kind == 3) {
      ++after.tries;
      attempted_ = after;
      rv = flash.spend_try(0, PinRole::kUser, UINT32_MAX);
    } else {
      const bool fresh = after.values.empty() || roll(3) == 0;
      const RecordId id =
          fresh ? flash.next_id()
                : std::next(after.values.begin(),
                            static_cast<std::ptrdiff_t>(random_() % after.values.size()))
                      ->first;
      if (fresh && id <= process.last_id) violate("an id is handed out again");
      if (fresh && acknowledged_.values.contains(id)) violate("two have the same id");
      if (fresh) process.last_id = id;
      const bool erases = !fresh && roll(2) == 0;
      const Value value(roll(8) == 0 ? roll(700) : roll(60), static_cast<std::uint8_t>(random_()));
      if (erases) {
        after.values.erase(id);
      } else {
        after.values[id] = value;
      }
      attempted_ = after;
      // What is there may have come while this process did not look.
      flash.catch_up();
      rv = erases ? erase(flash, id) : put(flash, id, value);
    }
    if (rv == CKR_OK) {
      settle(after);
      if (!process.files->dead() && state(flash) != acknowledged_)
        violate("a writer does not see its own commit");
    } else if (!process.files->dead()) {
      violate("a commit fails: " + std::to_string(rv));
    }
    if (process.files->dead()) {
      ++deaths_;
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      process.files->live_on();
    }
  }

  void maybe_crash() {
    if (!violation_.empty() || roll(100) >= 6) return;
    ++images_;
    check_opening(*disk_.crash());
  }

  void check_opening(RecordingFileSystem& disk) {
    const auto opened = open_on(disk, true, kSmall);
    if (opened.rv != CKR_OK)
      return violate("a disk does not open: " + std::to_string(opened.rv) + " " + opened.cause);
    if (!possible(state(*opened.flash))) violate("a disk holds something else");
  }

  Random random_;
  RecordingFileSystem disk_;
  std::vector<Process> running_;
  State acknowledged_;
  std::optional<State>
      attempted_;  // as it is if what is under way, or of unknown outcome, is there
  std::string violation_;
  std::size_t images_ = 0, deaths_ = 0;
};

TEST(FlashProcesses, DieAtAnyMomentAndTheOthersGoOn) {
  const char* text =
      std::getenv("STRONGROOM_FLASH_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::uint64_t seed =
      text == nullptr ? std::random_device()() : std::strtoull(text, nullptr, 0);
  std::size_t images = 0, deaths = 0;
  for (std::uint64_t world = seed; world < seed + 150; ++world) {
    Processes processes(world);
    ASSERT_EQ(processes.run(), "") << "STRONGROOM_FLASH_SEED=" << world;
    images += processes.images();
    deaths += processes.deaths();
  }
  std::cout << "seed " << seed << ": " << images << " crash images, " << deaths << " deaths\n";
  EXPECT_GT(deaths, 300u);
}

}  // namespace
}  // namespace strongroom::flash
