// flash.cc: Flash over journal, index and anchor: opening, group commit, compaction. Long because
// the order of writes and syncs of all three is one argument, and is to be read as one.

#include "token/flash/flash.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <new>

#include "token/drbg/drbg.h"
#include "token/flash/anchor.h"
#include "token/flash/index.h"
#include "token/flash/journal.h"
#include "token/flash/sync_sites.h"
#include "token/no_wait.h"

namespace strongroom::flash {
namespace {

constexpr std::string_view kJournalPrefix = "journal-";
constexpr RecordId kIdBlock = 1ull << 32;         // reserved in the anchor at a time
constexpr std::size_t kGroupBytesMax = 1u << 20;  // of changes; one commit may be larger
constexpr std::size_t kCompactionBytes = 256u
                                         << 10;  // of changes per batch; one record may be larger

bool is_journal_name(const std::string& name) {
  return name.size() > kJournalPrefix.size() && name.starts_with(kJournalPrefix) &&
         name.find_first_not_of("0123456789", kJournalPrefix.size()) == std::string::npos;
}

std::string journal_name(std::uint64_t generation) {
  return std::string(kJournalPrefix) + std::to_string(generation);
}

// Request: one commit or one counter, waiting on its caller's stack for a leader to carry it out.
struct Request {
  std::span<const Change> changes;  // empty: a counter
  std::size_t bytes = 0;            // of the changes, encoded
  std::uint32_t slot = 0;
  PinRole role = PinRole::kSo;
  std::uint32_t count = 0;

  CK_RV result = CKR_OK;
  bool done = false;
  Request* next = nullptr;
};

class JournaledFlash final : public Flash {
 public:
  JournaledFlash(FileSystem& file_system, std::string directory,
                 std::unique_ptr<RootSecretProvider> root, const Options& options)
      : file_system_(file_system),
        directory_(std::move(directory)),
        root_(std::move(root)),
        options_(options) {}

  CK_RV start(bool create, std::string* cause);

  CK_RV commit(std::span<const Change> changes) override;
  void for_each(const std::function<void(const Record&)>& visit) override {
    index_.for_each(visit);
  }
  RecordId next_id() override;
  CK_RV set_failed_tries(std::uint32_t slot, PinRole role, std::uint32_t count) override;
  std::uint32_t failed_tries(std::uint32_t slot, PinRole role) override;
  CK_RV derive_key(const char* label, Bytes context, Secret* key) override;
  std::uint64_t size_bytes() override { return size_bytes_.load(std::memory_order_relaxed); }
  Bytes device_id() override { return device_id_; }

 private:
  CK_RV lock_directory();
  CK_RV journal_names(std::vector<std::string>* names);
  CK_RV use_root_secret(Secret root_secret);
  CK_RV create_root();
  CK_RV create_first_journal(std::string* cause);
  CK_RV open_journal(std::string* cause);
  CK_RV remove_other_generations();

  CK_RV submit(Request& request);
  Request* take_group();
  void perform(Request* group);
  CK_RV append_changes(const Request* group, Index::Staged* staged);
  CK_RV store_anchor(const Anchor& anchor);
  void compact_if_due();
  CK_RV compact();
  CK_RV write_generation(const std::string& path, std::unique_ptr<Journal>* out);

  std::string path(std::uint64_t generation) const {
    return directory_ + "/" + journal_name(generation);
  }

  FileSystem& file_system_;
  const std::string directory_;
  std::unique_ptr<File> lock_;
  std::unique_ptr<RootSecretProvider> root_;
  const Options options_;
  std::shared_ptr<algorithms::Key> root_key_;
  std::shared_ptr<algorithms::Key> anchor_key_;
  DeviceId device_id_{};

  // The leader's alone: whoever set leading_.
  Anchor anchor_;  // the durable one
  std::unique_ptr<Journal> journal_;
  std::uint64_t compaction_floor_bytes_ =
      0;                   // after a failed compaction: so much garbage before the next
  bool refusing_ = false;  // what is on disk is unknown until opened again

  std::mutex mutex_;  // guards the queue; never held while anything waits for a disk
  std::condition_variable turn_;
  Request* first_ = nullptr;
  Request* last_ = nullptr;
  bool leading_ = false;

  Index index_;
  std::atomic<RecordId> next_id_{0};
  std::atomic<RecordId> id_limit_{0};
  std::array<std::array<std::atomic<std::uint32_t>, 2>, kSlotCountMax> failed_tries_{};
  std::atomic<std::uint64_t> size_bytes_{0};
};

// --- opening ---

CK_RV JournaledFlash::lock_directory() {
  lock_ = file_system_.lock(directory_ + "/lock");
  if (lock_ != nullptr) return CKR_OK;
  return errno == EWOULDBLOCK ? CKR_STRONGROOM_FLASH_IN_USE : file_failure();
}

CK_RV JournaledFlash::journal_names(std::vector<std::string>* names) {
  if (!file_system_.list(directory_, names)) return CKR_DEVICE_ERROR;
  std::erase_if(*names, [](const std::string& name) { return !is_journal_name(name); });
  return CKR_OK;
}

CK_RV JournaledFlash::use_root_secret(Secret root_secret) {
  root_key_ = algorithms::Key::make(std::move(root_secret));
  if (root_key_ == nullptr) return CKR_HOST_MEMORY;
  return derive_key_object(*root_key_, kAnchorLabel, {}, &anchor_key_);
}

CK_RV JournaledFlash::create_root() {
  Secret root_secret(kRootSecretBytes);
  if (!root_secret) return CKR_HOST_MEMORY;
  CK_RV rv = drbg::generate(root_secret.mutable_bytes());
  if (rv == CKR_OK) rv = drbg::generate(anchor_.device_id);
  Secret copy(root_secret.bytes());
  if (!copy) return CKR_HOST_MEMORY;
  if (rv == CKR_OK) rv = use_root_secret(std::move(copy));
  anchor_.id_limit = kIdBlock;  // the first block is the token's own
  std::array<std::uint8_t, kAnchorBytes> encoded{};
  if (rv == CKR_OK) rv = encode_anchor(*anchor_key_, anchor_, encoded);
  return rv == CKR_OK ? root_->create(root_secret, encoded) : rv;
}

// The anchor of generation 0 says that nothing was ever acknowledged: what is there of generation 1
// is the half-made journal of an interrupted creation, and made anew.
CK_RV JournaledFlash::create_first_journal(std::string* cause) {
  std::vector<std::string> names;
  CK_RV rv = journal_names(&names);
  if (rv != CKR_OK) return rv;
  for (const std::string& name : names) {
    std::uint64_t length = 0;
    const auto file = file_system_.open(directory_ + "/" + name, false, false);
    if (file == nullptr || !file->size(&length)) return CKR_DEVICE_ERROR;
    if (name != journal_name(1) || length > kJournalHeaderBytes) {
      *cause = "The flash directory holds the journal of another device than the root secret.";
      return CKR_STRONGROOM_FLASH_INTEGRITY;
    }
  }
  rv = Journal::create(file_system_, path(1), *root_key_, anchor_.device_id, 1, 0, &journal_);
  if (rv == CKR_OK) rv = journal_->sync(sync_site::kJournalCreate);
  if (rv != CKR_OK) return rv;
  if (!file_system_.sync_directory(directory_, sync_site::kFlashDirectoryCreate) ||
      !file_system_.sync_directory(parent_directory(directory_), sync_site::kFlashParent)) {
    return CKR_DEVICE_ERROR;
  }
  return CKR_OK;
}

CK_RV JournaledFlash::open_journal(std::string* cause) {
  const auto visit = [this](std::span<const Change> changes) {
    Index::Staged staged;
    staged.add(changes);
    index_.apply(std::move(staged));
  };
  return Journal::open(file_system_, path(anchor_.head.generation), *root_key_, anchor_.device_id,
                       anchor_.head, visit, &journal_, cause);
}

CK_RV JournaledFlash::remove_other_generations() {
  std::vector<std::string> names;
  const CK_RV rv = journal_names(&names);
  if (rv != CKR_OK) return rv;
  for (const std::string& name : names) {
    if (name == journal_name(journal_->head().generation)) continue;
    if (!file_system_.remove(directory_ + "/" + name)) return file_failure();
  }
  if (!file_system_.sync_directory(directory_, sync_site::kFlashDirectoryRemove)) {
    return CKR_DEVICE_ERROR;
  }
  return CKR_OK;
}

CK_RV JournaledFlash::start(bool create, std::string* cause) {
  if (create && !file_system_.make_directory(directory_)) return file_failure();
  const bool directory_there = file_system_.exists(directory_);
  CK_RV rv = directory_there ? lock_directory() : CKR_OK;
  if (rv != CKR_OK) return rv;

  Secret root_secret;
  std::vector<std::uint8_t> encoded;
  rv = root_->load(&root_secret, &encoded);
  if (rv == CKR_TOKEN_NOT_PRESENT) {
    std::vector<std::string> names;
    if (directory_there && journal_names(&names) != CKR_OK) return CKR_DEVICE_ERROR;
    if (!names.empty()) {
      *cause = "There is a journal and no root secret for it.";
      return CKR_STRONGROOM_FLASH_INTEGRITY;
    }
    if (!create) return CKR_TOKEN_NOT_PRESENT;
    rv = create_root();
  } else if (rv == CKR_OK) {
    rv = use_root_secret(std::move(root_secret));
    if (rv == CKR_OK) rv = decode_anchor(*anchor_key_, encoded, &anchor_, cause);
  }
  if (rv != CKR_OK) return rv;

  if (anchor_.head.generation == 0) {
    if (!create) return CKR_TOKEN_NOT_PRESENT;
    rv = create_first_journal(cause);
  } else {
    rv = open_journal(cause);
  }
  if (rv != CKR_OK) return rv;

  // The block of ids of this opening. A crash loses what is left of it, and never hands an id out
  // twice.
  Anchor opened = anchor_;
  opened.head = journal_->head();
  opened.id_limit += kIdBlock;
  rv = store_anchor(opened);
  if (rv == CKR_OK) rv = remove_other_generations();
  if (rv != CKR_OK) return rv;

  next_id_ = opened.id_limit - kIdBlock;
  device_id_ = opened.device_id;
  for (std::size_t slot = 0; slot < kSlotCountMax; ++slot) {
    for (std::size_t role = 0; role < 2; ++role) {
      failed_tries_[slot][role] = opened.failed_tries[slot][role];
    }
  }
  return CKR_OK;
}

// --- commits ---

CK_RV JournaledFlash::commit(std::span<const Change> changes) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  Request request;
  request.changes = changes;
  const RecordId handed_out = next_id_.load(std::memory_order_relaxed);
  for (const Change& change : changes) {
    if (change.id == 0 || change.id >= handed_out) return CKR_ARGUMENTS_BAD;
    if (change.erase && !change.value.empty()) return CKR_ARGUMENTS_BAD;
    if (change.value.size() > kCommitBytesMax) return CKR_DATA_LEN_RANGE;
    request.bytes += BatchWriter::change_length(change);
    if (request.bytes > kCommitBytesMax) return CKR_DATA_LEN_RANGE;
  }
  return changes.empty() ? CKR_OK : submit(request);
}

CK_RV JournaledFlash::set_failed_tries(std::uint32_t slot, PinRole role, std::uint32_t count) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  if (slot >= kSlotCountMax) return CKR_SLOT_ID_INVALID;
  if (role != PinRole::kSo && role != PinRole::kUser) return CKR_ARGUMENTS_BAD;
  Request request;
  request.slot = slot;
  request.role = role;
  request.count = count;
  return submit(request);
}

// Group commit. One caller at a time leads: it takes what has queued up, makes it durable with two
// syncs for all, and wakes the others. What comes meanwhile waits for the next leader.
CK_RV JournaledFlash::submit(Request& request) {
  std::unique_lock lock(mutex_);
  (first_ == nullptr ? first_ : last_->next) = &request;
  last_ = &request;
  while (!request.done) {
    if (leading_) {
      turn_.wait(lock);
      continue;
    }
    leading_ = true;
    Request* const group = take_group();
    lock.unlock();
    perform(group);
    lock.lock();
    for (Request* member = group; member != nullptr; member = member->next) member->done = true;
    turn_.notify_all();
    lock.unlock();
    compact_if_due();
    lock.lock();
    leading_ = false;
    turn_.notify_all();
  }
  return request.result;
}

Request* JournaledFlash::take_group() {
  Request* const group = first_;
  std::size_t bytes = group->bytes;
  Request* last = group;
  while (last->next != nullptr && bytes + last->next->bytes <= kGroupBytesMax) {
    last = last->next;
    bytes += last->bytes;
  }
  first_ = last->next;
  last->next = nullptr;
  return group;
}

void JournaledFlash::perform(Request* group) {
  // Two results: a write that failed and was cut back is the commits' trouble and no counter's.
  CK_RV appended = CKR_DEVICE_ERROR;
  CK_RV anchored = CKR_DEVICE_ERROR;
  Index::Staged staged;
  Anchor next = anchor_;
  bool counters = false;
  if (!refusing_) {
    appended = append_changes(group, &staged);
    refusing_ = journal_->broken();
    next.head = journal_->head();
    for (const Request* member = group; member != nullptr; member = member->next) {
      if (!member->changes.empty()) continue;
      next.failed_tries[member->slot][static_cast<std::size_t>(member->role)] = member->count;
      counters = true;
    }
  }
  if (!refusing_ && (counters || appended == CKR_OK)) {
    // Half of a block ahead, so that next_id need not wait for the disk.
    const RecordId taken = next_id_.load(std::memory_order_relaxed);
    if (next.id_limit < taken + kIdBlock / 2) next.id_limit = taken + kIdBlock;
    anchored = store_anchor(next);
    refusing_ = anchored != CKR_OK;
  }
  if (anchored == CKR_OK && appended == CKR_OK) index_.apply(std::move(staged));
  for (Request* member = group; member != nullptr; member = member->next) {
    if (!member->changes.empty()) {
      member->result = appended != CKR_OK ? appended : refusing_ ? CKR_DEVICE_ERROR : anchored;
    } else {
      member->result = refusing_ ? CKR_DEVICE_ERROR : anchored;
      if (member->result == CKR_OK) {
        failed_tries_[member->slot][static_cast<std::size_t>(member->role)] = member->count;
      }
    }
  }
}

CK_RV JournaledFlash::append_changes(const Request* group, Index::Staged* staged) {
  try {
    std::size_t bytes = 0;
    for (const Request* member = group; member != nullptr; member = member->next) {
      bytes += member->bytes;
    }
    if (bytes == 0) return CKR_OK;
    BatchWriter batch(bytes);
    for (const Request* member = group; member != nullptr; member = member->next) {
      staged->add(member->changes);
      for (const Change& change : member->changes) batch.add(change);
    }
    return journal_->append(batch.finish());
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;  // before anything was written
  }
}

// On success anchor is the durable one; on failure nobody knows which is.
CK_RV JournaledFlash::store_anchor(const Anchor& anchor) {
  try {
    std::array<std::uint8_t, kAnchorBytes> encoded{};
    CK_RV rv = encode_anchor(*anchor_key_, anchor, encoded);
    if (rv == CKR_OK) rv = root_->store_anchor(encoded);
    if (rv != CKR_OK) return rv;
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
  anchor_ = anchor;
  id_limit_ = anchor.id_limit;
  size_bytes_ = anchor.head.length;
  return CKR_OK;
}

// --- compaction ---

void JournaledFlash::compact_if_due() {
  if (refusing_) return;
  const std::uint64_t content = index_.content_bytes();
  const std::uint64_t used = journal_->head().length - kJournalHeaderBytes;
  const std::uint64_t garbage = used - std::min(used, content);
  if (garbage <=
      std::max({content, options_.compaction_threshold_bytes, compaction_floor_bytes_})) {
    return;
  }
  // The commits that led here are durable and answered: a failure is nobody's, and tried again
  // later.
  CK_RV rv = CKR_HOST_MEMORY;
  try {
    rv = compact();
  } catch (const std::bad_alloc&) {
  }
  compaction_floor_bytes_ = rv == CKR_OK ? 0 : 2 * garbage;
}

// The anchor is the switch: before it is stored the old generation counts and the new one is
// litter, after it the reverse; opening removes litter.
CK_RV JournaledFlash::compact() {
  const std::string new_path = path(journal_->head().generation + 1);
  std::unique_ptr<Journal> journal;
  CK_RV rv = write_generation(new_path, &journal);
  if (rv != CKR_OK) {
    journal.reset();
    if (file_system_.exists(new_path)) file_system_.remove(new_path);
    return rv;
  }
  Anchor next = anchor_;
  next.head = journal->head();
  rv = store_anchor(next);
  if (rv != CKR_OK) {
    refusing_ = true;
    return rv;
  }
  journal_ = std::move(journal);
  return remove_other_generations();
}

CK_RV JournaledFlash::write_generation(const std::string& new_path, std::unique_ptr<Journal>* out) {
  std::unique_ptr<Journal> journal;
  CK_RV rv = Journal::create(file_system_, new_path, *root_key_, device_id_,
                             journal_->head().generation + 1, journal_->head().sequence, &journal);
  if (rv != CKR_OK) return rv;
  std::unique_ptr<BatchWriter> batch;
  std::size_t bytes = 0;
  index_.for_each([&](const Record& record) {
    if (rv != CKR_OK) return;
    const Change change{record.id, record.slot, record.type, record.value, false};
    const std::size_t length = BatchWriter::change_length(change);
    if (batch != nullptr && bytes + length > kCompactionBytes) {
      rv = journal->append_unsynced(batch->finish());
      batch.reset();
      bytes = 0;
    }
    if (batch == nullptr) batch = std::make_unique<BatchWriter>(std::max(length, kCompactionBytes));
    batch->add(change);
    bytes += length;
  });
  if (rv == CKR_OK && batch != nullptr) rv = journal->append_unsynced(batch->finish());
  if (rv == CKR_OK) rv = journal->sync(sync_site::kJournalCreate);
  if (rv != CKR_OK) return rv;
  if (!file_system_.sync_directory(directory_, sync_site::kFlashDirectoryCreate)) {
    return CKR_DEVICE_ERROR;
  }
  *out = std::move(journal);
  return CKR_OK;
}

// --- the rest ---

RecordId JournaledFlash::next_id() {
  RecordId id = next_id_.load(std::memory_order_relaxed);
  do {
    if (id >= id_limit_.load(std::memory_order_relaxed)) return 0;
  } while (!next_id_.compare_exchange_weak(id, id + 1, std::memory_order_relaxed));
  return id;
}

std::uint32_t JournaledFlash::failed_tries(std::uint32_t slot, PinRole role) {
  const auto index = static_cast<std::size_t>(role);
  if (slot >= kSlotCountMax || index > 1) return 0;
  return failed_tries_[slot][index].load(std::memory_order_acquire);
}

CK_RV JournaledFlash::derive_key(const char* label, Bytes context, Secret* key) {
  if (label == nullptr || key == nullptr) return CKR_ARGUMENTS_BAD;
  return derive(*root_key_, kCallerLabel, label, context, key);
}

}  // namespace

CK_RV Flash::open(FileSystem& file_system, std::string directory,
                  std::unique_ptr<RootSecretProvider> root, bool create,
                  std::unique_ptr<Flash>* out, const Options& options, std::string* cause) {
  std::string unread;
  if (cause == nullptr) cause = &unread;
  cause->clear();
  try {
    auto flash = std::make_unique<JournaledFlash>(file_system, std::move(directory),
                                                  std::move(root), options);
    const CK_RV rv = flash->start(create, cause);
    if (rv == CKR_OK) *out = std::move(flash);
    return rv;
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
}

}  // namespace strongroom::flash
