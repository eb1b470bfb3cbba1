// flash_test.cc: the flash's contract, its refusals, and damaged files. Crashes are in
// flash_crash_test.cc.

#include "token/flash/flash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

#include "test/flash_support.h"
#include "test/recording_file_system.h"
#include "token/flash/journal.h"
#include "token/flash/sync_sites.h"
#include "token/no_wait.h"

namespace strongroom::flash {
namespace {

using test::Random;
using test::RecordingFileSystem;

class FlashTest : public testing::Test {
 protected:
  RecordingFileSystem disk_{1};
};

// --- contract ---

TEST_F(FlashTest, KeepsRecordsAcrossOpenings) {
  RecordId first = 0;
  Value device;
  {
    const auto opened = open_on(disk_);
    ASSERT_EQ(opened.rv, CKR_OK);
    device.assign(opened.flash->device_id().begin(), opened.flash->device_id().end());
    EXPECT_EQ(device.size(), 16u);
    first = opened.flash->next_id();
    EXPECT_EQ(put(*opened.flash, first, {1, 2, 3}, 7, 0xfeedbeef), CKR_OK);
    EXPECT_EQ(put(*opened.flash, 5, {}, 0, 2), CKR_OK);  // the token's own id, an empty value
    EXPECT_EQ(put(*opened.flash, 5, {9}), CKR_OK);
    EXPECT_EQ(erase(*opened.flash, 12345), CKR_OK);  // not there
  }
  const auto opened = open_on(disk_, false);
  ASSERT_EQ(opened.rv, CKR_OK);
  EXPECT_EQ(opened.cause, "");
  EXPECT_TRUE(std::equal(device.begin(), device.end(), opened.flash->device_id().begin()));
  std::vector<Record> records;
  opened.flash->for_each([&](const Record& record) { records.push_back(record); });
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, 5u);
  EXPECT_EQ(records[1].id, first);
  EXPECT_EQ(records[1].slot, 7u);
  EXPECT_EQ(records[1].type, 0xfeedbeefu);
  EXPECT_GT(opened.flash->next_id(), first);
}

TEST_F(FlashTest, AppliesChangesOfACommitInOrder) {
  const auto opened = open_on(disk_);
  const Value one{1}, two{2};
  const Change changes[] = {{1, 0, 1, one, false}, {1, 0, 1, {}, true}, {2, 0, 1, one, false},
                            {2, 0, 1, two, false}, {3, 0, 1, {}, true}, {3, 0, 1, two, false}};
  ASSERT_EQ(opened.flash->commit(changes), CKR_OK);
  EXPECT_EQ(contents(*opened.flash), (Values{{2, two}, {3, two}}));
}

TEST_F(FlashTest, RefusesBadChangesAndChangesNothing) {
  const auto opened = open_on(disk_);
  Flash& flash = *opened.flash;
  const Value value{1};
  const std::uint64_t size = flash.size_bytes();
  const Change unnamed[] = {{1, 0, 1, value, false}, {0, 0, 1, value, false}};
  EXPECT_EQ(flash.commit(unnamed), CKR_ARGUMENTS_BAD);
  const Change never_handed_out[] = {{1, 0, 1, value, false},
                                     {flash.next_id() + 1, 0, 1, value, false}};
  EXPECT_EQ(flash.commit(never_handed_out), CKR_ARGUMENTS_BAD);
  const Change erase_with_value[] = {{1, 0, 1, value, true}};
  EXPECT_EQ(flash.commit(erase_with_value), CKR_ARGUMENTS_BAD);
  const Value large(kCommitBytesMax - kChangeHeaderBytes + 1);
  EXPECT_EQ(put(flash, 1, large), CKR_DATA_LEN_RANGE);
  EXPECT_EQ(flash.commit({}), CKR_OK);
  EXPECT_EQ(flash.set_failed_tries(kSlotCountMax, PinRole::kUser, 1), CKR_SLOT_ID_INVALID);
  EXPECT_EQ(flash.size_bytes(), size);
  EXPECT_TRUE(contents(flash).empty());
}

TEST_F(FlashTest, TakesTheLargestCommit) {
  const Value large(kCommitBytesMax - kChangeHeaderBytes, 0x5a);
  ASSERT_EQ(put(*open_on(disk_).flash, 1, large), CKR_OK);
  const auto opened = open_on(disk_);
  ASSERT_EQ(opened.rv, CKR_OK);
  EXPECT_EQ(contents(*opened.flash), (Values{{1, large}}));
}

TEST_F(FlashTest, KeepsCounters) {
  {
    const auto opened = open_on(disk_);
    EXPECT_EQ(opened.flash->failed_tries(3, PinRole::kUser), 0u);
    EXPECT_EQ(opened.flash->set_failed_tries(3, PinRole::kUser, 2), CKR_OK);
    EXPECT_EQ(opened.flash->set_failed_tries(3, PinRole::kSo, 9), CKR_OK);
    EXPECT_EQ(opened.flash->set_failed_tries(63, PinRole::kSo, 1), CKR_OK);
  }
  const auto opened = open_on(disk_);
  EXPECT_EQ(opened.flash->failed_tries(3, PinRole::kUser), 2u);
  EXPECT_EQ(opened.flash->failed_tries(3, PinRole::kSo), 9u);
  EXPECT_EQ(opened.flash->failed_tries(63, PinRole::kSo), 1u);
  EXPECT_EQ(opened.flash->failed_tries(64, PinRole::kSo), 0u);
}

TEST_F(FlashTest, NeverWaitsForANoWaitThread) {
  const auto opened = open_on(disk_);
  no_wait = true;
  EXPECT_EQ(put(*opened.flash, 1, {1}), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(opened.flash->set_failed_tries(0, PinRole::kSo, 1), CKR_STRONGROOM_BUSY);
  EXPECT_NE(opened.flash->next_id(), 0u);
  EXPECT_EQ(opened.flash->failed_tries(0, PinRole::kSo), 0u);
  EXPECT_TRUE(contents(*opened.flash).empty());
  no_wait = false;
}

TEST_F(FlashTest, DerivesKeysBoundToDeviceLabelAndContext) {
  const auto opened = open_on(disk_);
  const auto derive = [](Flash& flash, const char* label, const Value& context) {
    Secret key;
    EXPECT_EQ(flash.derive_key(label, context, &key), CKR_OK);
    return Value(key.bytes().begin(), key.bytes().end());
  };
  const Value key = derive(*opened.flash, "label", {1});
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(key, derive(*opened.flash, "label", {1}));
  EXPECT_NE(key, derive(*opened.flash, "label", {2}));
  EXPECT_NE(key, derive(*opened.flash, "labe", {1}));
  EXPECT_NE(derive(*opened.flash, "a", {'b'}), derive(*opened.flash, "ab", {}));
  RecordingFileSystem other(2);
  EXPECT_NE(key, derive(*open_on(other).flash, "label", {1}));
  Secret unused;
  EXPECT_EQ(opened.flash->derive_key(nullptr, {}, &unused), CKR_ARGUMENTS_BAD);
}

TEST_F(FlashTest, CompactionDropsErasedRecordsFromTheDisk) {
  const auto opened = open_on(disk_, true, {.compaction_threshold_bytes = 4096});
  Values expected;
  for (RecordId id = 1; id <= 40; ++id) {
    const Value value(100 + id, static_cast<std::uint8_t>(id));
    ASSERT_EQ(put(*opened.flash, id, value), CKR_OK);
    if (id % 8 == 0) expected[id] = value;
  }
  for (RecordId id = 1; id <= 40; ++id) {
    if (id % 8 == 0) continue;
    ASSERT_EQ(erase(*opened.flash, id), CKR_OK);
  }
  EXPECT_EQ(contents(*opened.flash), expected);
  EXPECT_LT(opened.flash->size_bytes(), 6000u);
  std::vector<std::string> names;
  ASSERT_TRUE(disk_.list("/flash", &names));
  EXPECT_EQ(names.size(), 2u);  // lock and one journal
  EXPECT_FALSE(disk_.exists("/flash/journal-1"));
}

TEST_F(FlashTest, ManySmallBatchesBecomeFewLargeOnes) {
  RecordId id = 1;
  {
    const auto opened = open_on(disk_, true, {.compaction_threshold_batches = 20, .room_bytes = 0});
    for (; id <= 21; ++id) ASSERT_EQ(put(*opened.flash, id, {1}), CKR_OK);
    EXPECT_FALSE(disk_.exists("/flash/journal-1"));
    EXPECT_TRUE(disk_.exists("/flash/journal-2"));
    // One for all, and twenty more.
    for (; id <= 40; ++id) ASSERT_EQ(put(*opened.flash, id, {1}), CKR_OK);
  }
  const auto opened = open_on(disk_, true, {.compaction_threshold_batches = 20, .room_bytes = 0});
  EXPECT_TRUE(disk_.exists("/flash/journal-2"));
  ASSERT_EQ(put(*opened.flash, id, {1}), CKR_OK);
  EXPECT_TRUE(disk_.exists("/flash/journal-3"));
  EXPECT_EQ(contents(*opened.flash).size(), 41u);
}

TEST_F(FlashTest, CommitsInsideTheRoomLengthenNothing) {
  const auto opened = open_on(disk_, true, {.room_bytes = 4000});
  ASSERT_EQ(put(*opened.flash, 1, {1}), CKR_OK);
  const std::size_t length = disk_.read("/flash/journal-1").size();
  EXPECT_GE(length, opened.flash->size_bytes() + 4000);
  for (RecordId id = 2; id < 20; ++id) ASSERT_EQ(put(*opened.flash, id, {1}), CKR_OK);
  EXPECT_EQ(disk_.read("/flash/journal-1").size(), length);
  ASSERT_EQ(put(*opened.flash, 20, Value(4000, 1)), CKR_OK);
  EXPECT_GT(disk_.read("/flash/journal-1").size(), length);
  // A disk that has room for the batch and for no more.
  ASSERT_EQ(put(*opened.flash, 21, Value(4000, 1)), CKR_OK);
  disk_.fail_next_write(ENOSPC);
  ASSERT_EQ(put(*opened.flash, 22, Value(4000, 1)), CKR_OK);
  EXPECT_EQ(disk_.read("/flash/journal-1").size(), opened.flash->size_bytes());
  EXPECT_EQ(contents(*opened.flash).size(), 22u);
}

TEST_F(FlashTest, LivesInMemory) {
  const auto files = memory_file_system();
  std::unique_ptr<Flash> flash;
  ASSERT_EQ(Flash::open(*files, "device", memory_root_secret(), true, &flash), CKR_OK);
  for (RecordId id = 1; id < 2000; ++id) ASSERT_EQ(put(*flash, 1 + id % 10, Value(200, 1)), CKR_OK);
  EXPECT_EQ(contents(*flash).size(), 10u);
  EXPECT_LT(flash->size_bytes(), 200'000u);
  std::unique_ptr<Flash> second;
  EXPECT_EQ(Flash::open(*files, "device", memory_root_secret(), true, &second),
            CKR_STRONGROOM_FLASH_IN_USE);
}

TEST_F(FlashTest, ConcurrentCommitsShareSyncs) {
  const auto opened = open_on(disk_);
  // A disk whose syncs take a while, as real ones do.
  disk_.on_operation([] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  const std::size_t before = disk_.sync_counts()[sync_site::kJournalCommit];
  constexpr std::size_t kThreads = 8, kCommits = 10;
  std::vector<std::thread> threads;
  std::atomic<std::size_t> failures{0};
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < kCommits; ++i) {
        const RecordId id = opened.flash->next_id();
        if (put(*opened.flash, id, {1}) != CKR_OK) ++failures;
        if (opened.flash->set_failed_tries(0, PinRole::kUser, 1) != CKR_OK) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0u);
  EXPECT_EQ(contents(*opened.flash).size(), kThreads * kCommits);
  EXPECT_LT(disk_.sync_counts()[sync_site::kJournalCommit] - before, kThreads * kCommits / 2);
}

// --- failures ---

TEST_F(FlashTest, GoesOnAfterAFullDisk) {
  const auto opened = open_on(disk_);
  ASSERT_EQ(put(*opened.flash, 1, {1}), CKR_OK);
  for (const int cause : {ENOSPC, EIO, EDQUOT}) {
    disk_.fail_next_write(cause);
    EXPECT_EQ(put(*opened.flash, 1, {2}), cause == EIO ? CKR_DEVICE_ERROR : CKR_DEVICE_MEMORY);
    EXPECT_EQ(contents(*opened.flash), (Values{{1, {1}}}));
    EXPECT_EQ(disk_.read("/flash/journal-1").size(), opened.flash->size_bytes());
  }
  EXPECT_EQ(put(*opened.flash, 2, {2}), CKR_OK);
}

TEST_F(FlashTest, AfterAFailedSyncWhatWasRefusedIsTakenBack) {
  for (const char* site : {sync_site::kJournalCommit, sync_site::kAnchorStore}) {
    RecordingFileSystem disk(3);
    {
      const auto opened = open_on(disk);
      ASSERT_EQ(put(*opened.flash, 1, {1}), CKR_OK);
      disk.fail_next_sync(site);
      EXPECT_EQ(put(*opened.flash, 1, {2}), CKR_DEVICE_ERROR);
      // Nor may it be settled while the disk still fails.
      disk.fail_next_sync(sync_site::kAnchorLoad);
      EXPECT_EQ(put(*opened.flash, 2, {2}), CKR_DEVICE_ERROR);
      disk.fail_next_sync(sync_site::kJournalOpen);
      EXPECT_EQ(opened.flash->set_failed_tries(0, PinRole::kSo, 1), CKR_DEVICE_ERROR);
      EXPECT_EQ(opened.flash->failed_tries(0, PinRole::kSo), 0u);
      EXPECT_EQ(contents(*opened.flash), (Values{{1, {1}}}));
      EXPECT_EQ(put(*opened.flash, 2, {3}), CKR_OK);
      EXPECT_EQ(contents(*opened.flash), (Values{{1, {1}}, {2, {3}}}));
    }
    const auto opened = open_on(disk);
    ASSERT_EQ(opened.rv, CKR_OK);
    EXPECT_EQ(contents(*opened.flash), (Values{{1, {1}}, {2, {3}}}));
  }
}

// --- refusals ---

TEST_F(FlashTest, SaysThatNothingIsThere) {
  EXPECT_EQ(open_on(disk_, false).rv, CKR_TOKEN_NOT_PRESENT);
  EXPECT_FALSE(disk_.exists("/flash"));
  EXPECT_FALSE(disk_.exists("/root"));
  EXPECT_EQ(open_at(disk_, "/no/such", "/root").rv, CKR_DEVICE_ERROR);
}

TEST_F(FlashTest, IsOpenedOnceAtATime) {
  const auto opened = open_on(disk_);
  EXPECT_EQ(open_on(disk_).rv, CKR_STRONGROOM_FLASH_IN_USE);
  // One root secret under two flashes is no less wrong.
  EXPECT_EQ(open_at(disk_, "/elsewhere", "/root").rv, CKR_STRONGROOM_FLASH_IN_USE);
}

TEST_F(FlashTest, RefusesForeignAndMissingParts) {
  for (const char* root : {"/root", "/root2"}) {
    const auto opened = open_at(disk_, root == std::string("/root") ? "/flash" : "/flash2", root);
    ASSERT_EQ(put(*opened.flash, 1, {1}), CKR_OK);
  }
  const auto foreign = open_at(disk_, "/flash2", "/root");
  EXPECT_EQ(foreign.rv, CKR_STRONGROOM_FLASH_INTEGRITY);
  EXPECT_EQ(foreign.cause, "The journal belongs to another device than the root secret.");
  const auto rootless = open_at(disk_, "/flash", "/root3");
  EXPECT_EQ(rootless.rv, CKR_STRONGROOM_FLASH_INTEGRITY);
  EXPECT_EQ(rootless.cause, "There is a journal and no root secret for it.");
  EXPECT_FALSE(disk_.exists("/root3"));
  const auto flashless = open_at(disk_, "/flash3", "/root");
  EXPECT_EQ(flashless.rv, CKR_STRONGROOM_FLASH_INTEGRITY);
  EXPECT_EQ(flashless.cause, "The journal that the anchor names is missing.");
  // The device id of one device and the secret of another.
  disk_.replace("/root/root-secret", disk_.read("/root2/root-secret"));
  const auto mixed = open_on(disk_);
  EXPECT_EQ(mixed.rv, CKR_STRONGROOM_FLASH_INTEGRITY);
  EXPECT_EQ(mixed.cause, "The anchor was not made with this root secret.");
}

TEST_F(FlashTest, RefusesRollBackOfEitherSide) {
  std::vector<Value> journals, anchors;
  {
    const auto opened = open_on(disk_);
    for (std::uint8_t i = 0; i < 6; ++i) {
      ASSERT_EQ(put(*opened.flash, 1, {i}), CKR_OK);
      journals.push_back(disk_.read("/flash/journal-1"));
      anchors.push_back(disk_.read("/root/anchor"));
    }
  }
  for (std::size_t i = 0; i + 1 < journals.size(); ++i) {
    const auto disk = disk_.copy();
    disk->replace("/flash/journal-1", journals[i]);
    EXPECT_EQ(open_on(*disk).rv, CKR_STRONGROOM_FLASH_INTEGRITY) << i;
  }
  for (std::size_t i = 0; i + 2 < anchors.size(); ++i) {
    const auto disk = disk_.copy();
    disk->replace("/root/anchor", anchors[i]);
    const auto opened = open_on(*disk);
    EXPECT_EQ(opened.rv, CKR_STRONGROOM_FLASH_INTEGRITY) << i;
    EXPECT_EQ(opened.cause, "The anchor is older than the journal: it was rolled back.");
  }
}

TEST_F(FlashTest, RefusesATransplantedBatch) {
  // Two journals of one device that part after their first record, and one's end on the other.
  ASSERT_EQ(put(*open_on(disk_).flash, 1, {1}), CKR_OK);
  const std::size_t shared = disk_.read("/flash/journal-1").size();
  const auto twin = disk_.copy();
  for (RecordingFileSystem* disk : {&disk_, twin.get()}) {
    const auto opened = open_on(*disk);
    ASSERT_EQ(put(*opened.flash, 2, {2}), CKR_OK);
    ASSERT_EQ(put(*opened.flash, 3, {3}), CKR_OK);
  }
  Value mixed = disk_.read("/flash/journal-1");
  const Value other = twin->read("/flash/journal-1");
  ASSERT_EQ(mixed.size(), other.size());
  ASSERT_FALSE(std::equal(mixed.begin() + static_cast<std::ptrdiff_t>(shared), mixed.end(),
                          other.begin() + static_cast<std::ptrdiff_t>(shared)));
  const auto middle = static_cast<std::ptrdiff_t>(shared + (mixed.size() - shared) / 2);
  std::copy(other.begin() + middle, other.end(), mixed.begin() + middle);
  disk_.replace("/flash/journal-1", mixed);
  EXPECT_EQ(open_on(disk_).rv, CKR_STRONGROOM_FLASH_INTEGRITY);
}

TEST_F(FlashTest, RefusesNewerVersionsAndNamesBoth) {
  ASSERT_EQ(put(*open_on(disk_).flash, 1, {1}), CKR_OK);
  const auto with_version = [&](const std::string& path, std::uint8_t version) {
    auto disk = disk_.copy();
    Value content = disk->read(path);
    content[8] = version;
    disk->replace(path, content);
    return open_on(*disk);
  };
  const auto journal = with_version("/flash/journal-1", 2);
  EXPECT_EQ(journal.rv, CKR_STRONGROOM_FLASH_VERSION);
  EXPECT_EQ(journal.cause, "The journal has format version 2; this program reads up to 1.");
  EXPECT_EQ(with_version("/flash/journal-1", 0).rv, CKR_STRONGROOM_FLASH_INTEGRITY);
  EXPECT_EQ(with_version("/root/root-secret", 3).rv, CKR_STRONGROOM_FLASH_VERSION);
  EXPECT_EQ(with_version("/root/root-secret", 0).rv, CKR_DEVICE_ERROR);
}

TEST_F(FlashTest, DropsGarbageBehindTheEndAndKeepsWhatIsNotItsOwn) {
  ASSERT_EQ(put(*open_on(disk_).flash, 1, {1}), CKR_OK);
  Value journal = disk_.read("/flash/journal-1");
  const std::size_t size = journal.size();
  journal.resize(size + 700, 0x77);
  disk_.replace("/flash/journal-1", journal);
  disk_.replace("/flash/journal-9", journal);
  disk_.replace("/flash/journal-1.backup", journal);
  const auto opened = open_on(disk_);
  ASSERT_EQ(opened.rv, CKR_OK);
  EXPECT_EQ(contents(*opened.flash), (Values{{1, {1}}}));
  EXPECT_EQ(disk_.read("/flash/journal-1").size(), size);
  EXPECT_FALSE(disk_.exists("/flash/journal-9"));
  EXPECT_TRUE(disk_.exists("/flash/journal-1.backup"));
}

TEST_F(FlashTest, DestroyedRootSecretIsGone) {
  ASSERT_EQ(put(*open_on(disk_).flash, 1, {1}), CKR_OK);
  ASSERT_EQ(file_root_secret(disk_, "/root")->destroy(), CKR_OK);
  EXPECT_EQ(open_on(disk_).rv, CKR_STRONGROOM_FLASH_INTEGRITY);
  const auto memory = memory_root_secret();
  const Value bytes(kRootSecretBytes, 1);
  ASSERT_EQ(memory->create(Secret(bytes), bytes), CKR_OK);
  ASSERT_EQ(memory->destroy(), CKR_OK);
  Secret secret;
  Value anchor;
  EXPECT_EQ(memory->load(&secret, &anchor), CKR_TOKEN_NOT_PRESENT);
  EXPECT_EQ(memory->store_anchor(bytes), CKR_DEVICE_ERROR);
}

// --- damage ---

// Whatever happens to the files, opening gives what was written or one of its codes.
TEST_F(FlashTest, DamagedFilesGiveTheRightDataOrARefusal) {
  const char* text =
      std::getenv("STRONGROOM_FLASH_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::uint64_t seed = text == nullptr ? 7 : std::strtoull(text, nullptr, 0);
  Values written;
  {
    const auto opened = open_on(disk_);
    Random random(seed);
    for (int i = 0; i < 12; ++i) {
      const RecordId id = opened.flash->next_id();
      written[id] = Value(random() % 90, static_cast<std::uint8_t>(i));
      ASSERT_EQ(put(*opened.flash, id, written[id]), CKR_OK);
    }
    ASSERT_EQ(opened.flash->set_failed_tries(0, PinRole::kUser, 4), CKR_OK);
    ASSERT_EQ(opened.flash->set_failed_tries(0, PinRole::kUser, 5), CKR_OK);
  }
  std::map<CK_RV, int> results;
  for (std::uint64_t round = 0; round < 3000; ++round) {
    Random random(seed * 1'000'003 + round);
    const auto disk = disk_.copy();
    const char* const paths[] = {"/flash/journal-1", "/root/anchor", "/root/root-secret"};
    const std::string path = paths[round % 3];
    Value content = disk->read(path);
    switch (random() % 4) {
      case 0:
        content.resize(random() % (content.size() + 1));
        break;
      case 1:
        content[random() % content.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
        break;
      case 2:
        for (int i = 0; i < 4; ++i)
          content[random() % content.size()] = static_cast<std::uint8_t>(random());
        break;
      default: {
        const std::size_t at = random() % content.size();
        const std::size_t length = random() % (content.size() - at) + 1;
        for (std::size_t i = 0; i < length; ++i)
          content[at + i] = static_cast<std::uint8_t>(random());
      }
    }
    disk->replace(path, content);
    const auto opened = open_on(*disk);
    ++results[opened.rv];
    ASSERT_TRUE(opened.rv == CKR_OK || opened.rv == CKR_DEVICE_ERROR ||
                opened.rv == CKR_STRONGROOM_FLASH_INTEGRITY ||
                opened.rv == CKR_STRONGROOM_FLASH_VERSION)
        << opened.rv << " seed " << seed << " round " << round;
    if (opened.rv != CKR_OK) continue;
    ASSERT_EQ(contents(*opened.flash), written) << "seed " << seed << " round " << round;
    // Damage of the newest anchor cannot be told from a torn write: the one before it counts.
    ASSERT_GE(opened.flash->failed_tries(0, PinRole::kUser), 4u);
  }
  for (const auto& [rv, count] : results)
    std::cout << std::hex << rv << std::dec << ": " << count << '\n';
  EXPECT_GT(results[CKR_OK], 0);
  EXPECT_GT(results[CKR_DEVICE_ERROR], 0);
  EXPECT_GT(results[CKR_STRONGROOM_FLASH_INTEGRITY], 0);
}

}  // namespace
}  // namespace strongroom::flash
