// flash_crash_test.cc: power failures, killed processes and failing disks at every moment of a
// random workload. What was acknowledged is there afterwards, what was not is there as a whole or
// not at all; and for every place that syncs, a run without that sync must be seen to lose
// something.
//
// STRONGROOM_FLASH_SEED sets the seed, STRONGROOM_FLASH_IMAGES the number of crash images (10,000).
// Two threads commit, so a seed gives the same operations, and not always the same interleaving.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <set>
#include <thread>

#include "test/recording_file_system.h"
#include "token/flash/flash.h"
#include "token/flash/sync_sites.h"

namespace strongroom::flash {
namespace {

using test::Random;
using test::RecordingFileSystem;

constexpr char kFlashDirectory[] =
    "/disk/flash/device";  // parents of their own: each must be synced
constexpr char kRootDirectory[] = "/disk/root/device";
constexpr std::size_t kWriters = 2;
constexpr std::uint32_t kCounterSlots = 3;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread starts
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    return number_from_environment("STRONGROOM_FLASH_SEED",
                                   static_cast<std::uint64_t>(now) % 1'000'000);
  }();
  return value;
}

struct Item {
  std::uint32_t slot = 0;
  std::uint32_t type = 0;
  std::vector<std::uint8_t> value;
  bool operator==(const Item&) const = default;
};
using Items = std::map<RecordId, Item>;
using Counters = std::map<std::pair<std::uint32_t, PinRole>, std::uint32_t>;

std::uint64_t generation_of(const std::string& name) {
  constexpr std::string_view kPrefix = "journal-";
  return name.starts_with(kPrefix) ? std::strtoull(name.c_str() + kPrefix.size(), nullptr, 10) : 0;
}

// World: one disk through several lives of a process, and what was promised about it.
class World {
 public:
  World(std::uint64_t world_seed, const std::string& left_out, std::size_t images_wanted)
      : random_(world_seed), images_wanted_(images_wanted), sync_left_out_(!left_out.empty()) {
    options_.room_bytes = roll(2) == 0 ? 0 : 600;
    options_.shared = roll(2) == 0;
    disk_ = std::make_unique<RecordingFileSystem>(world_seed + 1);
    for (const char* directory : {"/disk", "/disk/flash", "/disk/root"}) {
      disk_->make_directory(directory);
      disk_->sync_directory(parent_directory(directory), sync_site::kFlashParent);
    }
    disk_->leave_out(left_out);
  }

  // The first broken promise, empty if there was none.
  std::string run() {
    const unsigned lives = 2 + roll(5);
    for (unsigned life = 0; life < lives && !done(); ++life) live();
    if (!done() && roll(4) == 0) destroy();
    return violation_;
  }

  std::size_t images() const { return images_; }

 private:
  enum class End { kClose, kKill, kPowerFailure };
  struct Writer {
    Items acknowledged;
    std::optional<Items>
        attempted;  // as it is if the commit under way, or of unknown outcome, is there
  };

  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  bool done() {
    const std::lock_guard guard(mutex_);
    return !violation_.empty() || images_ >= images_wanted_;
  }
  void violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  void set_image_percent(unsigned percent) {
    const std::lock_guard guard(mutex_);
    image_percent_ = percent;
  }

  void live() {
    const End end = static_cast<End>(roll(3));
    disk_->on_operation([this] { maybe_crash(); });
    // Opening is where the rare things are.
    set_image_percent(60);
    if (end == End::kKill && roll(2) == 0) {
      disk_->die_at(sync_site::kAll[roll(sync_site::kAll.size())]);
    } else if (end == End::kKill) {
      disk_->die_after(roll(roll(2) == 0 ? 30 : 150));
    }
    std::unique_ptr<Flash> flash;
    std::string cause;
    const CK_RV rv = Flash::open(*disk_, kFlashDirectory, file_root_secret(*disk_, kRootDirectory),
                                 true, &flash, options_, &cause);
    if (rv == CKR_OK) {
      settle(*flash);
      set_image_percent(15);
      const unsigned steps = sync_left_out_ ? 1 + roll(3) : 2 + roll(12);
      for (unsigned step = 0; step < steps && !done() && !disk_->dead(); ++step) work(*flash);
    } else if (!disk_->dead()) {
      const std::lock_guard guard(mutex_);
      violate("an undisturbed open fails: " + std::to_string(rv) + " " + cause);
    }
    disk_->on_operation(nullptr);
    flash.reset();
    disk_->revive();
    if (end == End::kPowerFailure) disk_ = disk_->crash();
  }

  void work(Flash& flash) {
    switch (roll(10)) {
      case 0:
        set_counter(flash);
        break;
      case 1:
        disk_->fail_next_write(roll(2) == 0 ? ENOSPC : EIO);
        if (roll(6) == 0) disk_->fail_next_sync(sync_site::kJournalCutBack);
        commit(flash, 0, random_());
        break;
      case 2:
        if (roll(2) == 0) {
          disk_->fail_next_sync(roll(2) == 0 ? sync_site::kJournalCommit : sync_site::kAnchorStore);
        }
        commit(flash, 0, random_());
        break;
      case 3:
      case 4: {
        std::array<std::uint64_t, kWriters> seeds{};
        for (auto& own_seed : seeds) own_seed = random_();  // before a thread's hook draws from it
        std::vector<std::thread> threads;
        for (std::size_t writer = 0; writer < kWriters; ++writer) {
          threads.emplace_back([this, &flash, writer, &seeds] {
            Random random(seeds[writer]);
            for (int i = 0; i < 3; ++i) commit(flash, writer, random());
          });
        }
        for (auto& thread : threads) thread.join();
        break;
      }
      default:
        commit(flash, roll(kWriters), random_());
    }
    // Nothing runs now: what is seen is one generation, and older ones are gone for good.
    if (disk_->dead()) return;
    std::vector<std::string> names;
    if (!disk_->list(kFlashDirectory, &names)) return;
    const std::lock_guard guard(mutex_);
    std::uint64_t oldest = UINT64_MAX;
    for (const auto& name : names) {
      if (generation_of(name) != 0) oldest = std::min(oldest, generation_of(name));
    }
    if (oldest != UINT64_MAX) oldest_generation_ = std::max(oldest_generation_, oldest);
  }

  void commit(Flash& flash, std::size_t index, std::uint64_t own_seed) {
    Random random(own_seed);
    Writer& writer = writers_[index];
    std::vector<Change> changes;
    Items after;
    {
      const std::lock_guard guard(mutex_);
      if (writer.attempted)
        return;  // of unknown outcome: nothing more until the flash is opened again
      after = writer.acknowledged;
      const std::size_t count = 1 + random() % 3;
      for (std::size_t i = 0; i < count; ++i) {
        Change change;
        const bool fresh = after.empty() || random() % 3 == 0;
        change.id =
            fresh ? flash.next_id()
                  : std::next(after.begin(), static_cast<std::ptrdiff_t>(random() % after.size()))
                        ->first;
        owners_[change.id] = index;
        change.erase = !fresh && random() % 2 == 0;
        if (change.erase) {
          after.erase(change.id);
        } else {
          Item& item = after[change.id];
          item.slot = static_cast<std::uint32_t>(random() % 4);
          item.type = static_cast<std::uint32_t>(random());
          item.value.resize(random() % 8 == 0 ? random() % 700 : random() % 60);
          for (auto& byte : item.value) byte = static_cast<std::uint8_t>(random());
          change.slot = item.slot;
          change.type = item.type;
          held_.push_back(std::make_unique<std::vector<std::uint8_t>>(item.value));
          change.value = *held_.back();
        }
        changes.push_back(change);
      }
      writer.attempted = after;
    }
    const CK_RV rv = flash.commit(changes);
    // A full disk, or a flash that goes on after an error, has promised that nothing changed.
    const bool outcome_known = rv == CKR_OK || rv == CKR_DEVICE_MEMORY || goes_on(flash);
    const std::lock_guard guard(mutex_);
    if (rv == CKR_OK) writer.acknowledged = std::move(after);
    if (outcome_known) writer.attempted.reset();
  }

  static bool goes_on(Flash& flash) {
    return flash.set_failed_tries(kSlotCountMax - 1, PinRole::kSo, 0) == CKR_OK;
  }

  void set_counter(Flash& flash) {
    const auto key = std::pair(roll(kCounterSlots), roll(2) == 0 ? PinRole::kSo : PinRole::kUser);
    const std::uint32_t value = roll(3) == 0 ? 0 : flash.failed_tries(key.first, key.second) + 1;
    {
      const std::lock_guard guard(mutex_);
      if (!attempted_counters_.empty()) return;
      attempted_counters_ = counters_;
      attempted_counters_[key] = value;
    }
    const CK_RV rv = flash.set_failed_tries(key.first, key.second, value);
    const std::lock_guard guard(mutex_);
    if (rv != CKR_OK) return;
    counters_ = std::move(attempted_counters_);
    attempted_counters_.clear();
  }

  // --- what must hold ---

  Items of_writer(const Items& items, std::size_t index) {
    Items own;
    for (const auto& [id, item] : items) {
      const auto owner = owners_.find(id);
      if (owner == owners_.end()) violate("a record that nobody wrote");
      if (owner != owners_.end() && owner->second == index) own.emplace(id, item);
    }
    return own;
  }

  static Items contents(Flash& flash) {
    Items items;
    flash.for_each([&](const Record& record) {
      items[record.id] = {record.slot, record.type, {record.value.begin(), record.value.end()}};
    });
    return items;
  }

  bool counters_match(Flash& flash, const Counters& expected) {
    for (std::uint32_t slot = 0; slot < kCounterSlots; ++slot) {
      for (const PinRole role : {PinRole::kSo, PinRole::kUser}) {
        const auto found = expected.find({slot, role});
        if (flash.failed_tries(slot, role) != (found == expected.end() ? 0 : found->second))
          return false;
      }
    }
    return true;
  }

  // mutex_ held.
  void check(Flash& flash) {
    const Bytes device = flash.device_id();
    if (!device_.empty() &&
        !std::equal(device.begin(), device.end(), device_.begin(), device_.end())) {
      return violate("another device was made in place of an acknowledged one");
    }
    const Items items = contents(flash);
    for (std::size_t index = 0; index < kWriters; ++index) {
      const Items own = of_writer(items, index);
      const Writer& writer = writers_[index];
      if (own != writer.acknowledged && !(writer.attempted && own == *writer.attempted)) {
        violate("records are neither as acknowledged nor as attempted");
      }
    }
    if (!counters_match(flash, counters_) &&
        !(!attempted_counters_.empty() && counters_match(flash, attempted_counters_))) {
      violate("PIN counters are neither as acknowledged nor as attempted");
    }
    if (!owners_.empty() && flash.next_id() <= owners_.rbegin()->first)
      violate("an id is handed out again");
  }

  // The outcome of what was under way is known now.
  void settle(Flash& flash) {
    const std::lock_guard guard(mutex_);
    check(flash);
    device_.assign(flash.device_id().begin(), flash.device_id().end());
    const Items items = contents(flash);
    for (std::size_t index = 0; index < kWriters; ++index) {
      writers_[index].acknowledged = of_writer(items, index);
      writers_[index].attempted.reset();
    }
    if (!attempted_counters_.empty()) {
      if (!counters_match(flash, counters_)) counters_ = attempted_counters_;
      attempted_counters_.clear();
    }
  }

  void maybe_crash() {
    const std::lock_guard guard(mutex_);
    if (!violation_.empty()) return;
    // With a sync left out, moments with much to lose are worth more than many moments.
    const std::size_t percent =
        sync_left_out_ ? disk_->unsynced() * disk_->unsynced() * 5 : image_percent_;
    if (roll(100) >= percent) return;
    check_image(disk_->crash(), true);
  }

  // mutex_ held.
  void check_image(const std::unique_ptr<RecordingFileSystem>& image, bool crash_again) {
    if (images_ >= images_wanted_ || !violation_.empty()) return;
    ++images_;
    std::vector<std::string> names;
    image->list(kFlashDirectory, &names);
    for (const auto& name : names) {
      if (generation_of(name) != 0 && generation_of(name) < oldest_generation_) {
        return violate("a removed generation is back");
      }
    }
    // Recovery is interrupted as well, and its images keep the same promises.
    if (crash_again && roll(4) == 0) {
      image->on_operation([&] {
        if (roll(6) == 0) check_image(image->crash(), false);
      });
    }
    std::unique_ptr<Flash> flash;
    std::string cause;
    const CK_RV rv = Flash::open(*image, kFlashDirectory, file_root_secret(*image, kRootDirectory),
                                 true, &flash, options_, &cause);
    image->on_operation(nullptr);
    if (rv != CKR_OK) return violate("an image does not open: " + std::to_string(rv) + " " + cause);
    check(*flash);
  }

  // Zeroisation is for good: the secret is overwritten, and no image has a device.
  void destroy() {
    const auto root = file_root_secret(*disk_, kRootDirectory);
    Secret secret;
    std::vector<std::uint8_t> anchor;
    if (root->load(&secret, &anchor) != CKR_OK) return;
    if (root->destroy() != CKR_OK) return violate("destroy fails");
    if (disk_->durable_contains(secret.bytes()))
      return violate("the root secret is still on the disk");
    for (int i = 0; i < 8; ++i) {
      const auto image = disk_->crash();
      ++images_;
      const CK_RV rv = file_root_secret(*image, kRootDirectory)->load(&secret, &anchor);
      if (rv != CKR_TOKEN_NOT_PRESENT) return violate("a destroyed root secret is back");
    }
  }

  std::mutex mutex_;  // guards what follows
  Random
      random_;  // the main thread's, and a hook's while it holds mutex_ and the main thread waits
  std::string violation_;
  unsigned image_percent_ = 0;  // of the operations on the disk
  std::size_t images_ = 0;
  const std::size_t images_wanted_;
  const bool sync_left_out_;
  Options options_{.compaction_threshold_bytes = 1500};

  std::vector<std::uint8_t> device_;
  std::array<Writer, kWriters> writers_;
  std::map<RecordId, std::size_t> owners_;
  Counters counters_, attempted_counters_;
  std::uint64_t oldest_generation_ = 0;
  std::vector<std::unique_ptr<std::vector<std::uint8_t>>> held_;
  std::unique_ptr<RecordingFileSystem> disk_;
};

struct Outcome {
  std::string violation;
  std::size_t images = 0;
  std::uint64_t world = 0;
};

Outcome run_worlds(const std::string& left_out, std::size_t images_wanted) {
  Outcome outcome;
  for (std::uint64_t world = seed(); outcome.images < images_wanted && outcome.violation.empty();
       ++world) {
    World one(world, left_out, images_wanted - outcome.images);
    outcome.violation = one.run();
    outcome.images += one.images();
    outcome.world = world;
  }
  return outcome;
}

TEST(FlashCrash, EveryImageHasWhatWasAcknowledged) {
  const auto wanted =
      static_cast<std::size_t>(number_from_environment("STRONGROOM_FLASH_IMAGES", 10'000));
  std::cout << "seed " << seed() << '\n';
  const Outcome outcome = run_worlds("", wanted);
  std::cout << outcome.images << " crash images opened\n";
  EXPECT_EQ(outcome.violation, "") << "STRONGROOM_FLASH_SEED=" << outcome.world;
  EXPECT_GE(outcome.images, wanted);
}

class FlashCrashWithout : public testing::TestWithParam<const char*> {};

TEST_P(FlashCrashWithout, LosesSomething) {
  const Outcome outcome = run_worlds(GetParam(), 60'000);
  EXPECT_NE(outcome.violation, "")
      << "no loss in " << outcome.images << " images without the sync of " << GetParam()
      << ", seed " << seed();
  std::cout << "image " << outcome.images << ": " << outcome.violation << '\n';
}

INSTANTIATE_TEST_SUITE_P(EachSync, FlashCrashWithout, testing::ValuesIn(sync_site::kAll),
                         [](const auto& site) {
                           std::string name = site.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace strongroom::flash
