// flash.cc: Flash over journal, index and anchor: opening, group commit, other processes,
// compaction. Long because the order of writes and syncs of all of them is one argument, and is to
// be read as one.

#include "token/flash/flash.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <new>
#include <set>
#include <utility>

#include "token/drbg/drbg.h"
#include "token/flash/anchor.h"
#include "token/flash/index.h"
#include "token/flash/journal.h"
#include "token/flash/shared_state.h"
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

// Request: waits on its caller's stack for a leader to carry it out.
struct Request {
  enum class Kind { kChanges, kSetCounter, kSpendTry, kReturnTry, kLook };
  Kind kind = Kind::kChanges;
  std::span<const Change> changes;
  std::span<const RecordId> unchanged;
  std::size_t bytes = 0;  // of the changes, encoded
  std::uint32_t slot = 0;
  PinRole role = PinRole::kSo;
  std::uint32_t count = 0;  // to set, or not to exceed

  CK_RV result = CKR_OK;
  bool refused = false;  // result is what it is, whatever becomes of the group
  bool done = false;
  Request* next = nullptr;
};

// IdBlock: ids that no other opening of this flash hands out.
struct IdBlock {
  RecordId next = 0;
  RecordId limit = 0;
  bool has(RecordId id) const { return id >= next && id < limit; }
};

Journal::Visit applying(Index& index) {
  return [&index](std::span<const Change> changes) {
    Index::Staged staged;
    staged.add(changes);
    index.apply(std::move(staged));
  };
}

class JournaledFlash final : public Flash {
 public:
  JournaledFlash(FileSystem& file_system, std::string directory,
                 std::unique_ptr<RootSecretProvider> root, const Options& options)
      : file_system_(file_system),
        directory_(std::move(directory)),
        root_(std::move(root)),
        options_(options) {}

  CK_RV start(bool create, std::string* cause);

  CK_RV commit(std::span<const Change> changes, std::span<const RecordId> unchanged) override;
  void for_each(const std::function<void(const Record&)>& visit) override {
    index_.for_each(visit);
  }
  bool visit(RecordId id, const std::function<void(const Record&)>& visit) override {
    return index_.visit(id, visit);
  }
  RecordId next_id() override;
  void catch_up() override;
  std::vector<RecordId> take_changes(std::uint32_t slot) override;
  bool hold_slot(std::uint32_t slot, LockMode mode) override;
  void release_slot(std::uint32_t slot) override;
  CK_RV spend_try(std::uint32_t slot, PinRole role, std::uint32_t most) override {
    return change_counter(Request::Kind::kSpendTry, slot, role, most);
  }
  CK_RV return_try(std::uint32_t slot, PinRole role) override {
    return change_counter(Request::Kind::kReturnTry, slot, role, 0);
  }
  CK_RV set_failed_tries(std::uint32_t slot, PinRole role, std::uint32_t count) override {
    return change_counter(Request::Kind::kSetCounter, slot, role, count);
  }
  std::uint32_t failed_tries(std::uint32_t slot, PinRole role) override;
  CK_RV derive_key(const char* label, Bytes context, Secret* key) override;
  std::uint64_t size_bytes() override { return size_bytes_.load(std::memory_order_relaxed); }
  Bytes device_id() override { return device_id_; }

 private:
  CK_RV lock_directory();
  CK_RV open_device(bool create, bool directory_there, std::string* cause);
  CK_RV journal_names(std::vector<std::string>* names);
  CK_RV use_root_secret(Secret root_secret);
  CK_RV create_root();
  CK_RV create_first_journal(std::string* cause);
  CK_RV open_journal(std::string* cause);
  CK_RV remove_other_generations();

  CK_RV change_counter(Request::Kind kind, std::uint32_t slot, PinRole role, std::uint32_t count);
  CK_RV submit(Request& request);
  Request* take_group();
  void perform(Request* group);
  void carry_out(Request* group);
  bool changed_elsewhere(const Request& request);
  CK_RV append_changes(const Request* group, Index::Staged* staged, Head* next);
  bool count_tries(Request* group, Anchor* next);
  CK_RV store_anchor(const Anchor& anchor);
  void know_anchor(const Anchor& anchor);

  CK_RV begin_turn(LockMode mode);
  void end_turn(LockMode mode);
  void lose_track() { refusing_ = unsettled_ = true; }
  CK_RV find_out();
  CK_RV follow_others(bool settle);
  CK_RV follow_generation(const Head& committed, bool settle, std::string* cause);
  Journal::Visit applying_others();
  void note_change(std::uint32_t slot, RecordId id);

  bool handed_out(RecordId id);
  IdBlock more_ids(Anchor* next);

  void compact_if_due();
  bool compaction_due();
  CK_RV compact();
  CK_RV write_generation(const std::string& path, std::unique_ptr<Journal>* out);

  LockMode mode() const { return options_.shared ? LockMode::kShared : LockMode::kExclusive; }
  std::string path(std::uint64_t generation) const {
    return directory_ + "/" + journal_name(generation);
  }

  FileSystem& file_system_;
  const std::string directory_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<RootSecretProvider> root_;
  const Options options_;
  std::shared_ptr<algorithms::Key> root_key_;
  std::shared_ptr<algorithms::Key> anchor_key_;
  DeviceId device_id_{};
  std::unique_ptr<SharedState> others_;  // null: there are none

  // The leader's alone: whoever set leading_.
  Anchor anchor_;                       // the durable one
  std::uint64_t compaction_floor_ = 0;  // after a failed one: bytes of journal before the next
  std::atomic<bool> refusing_{false};   // what is on disk is unknown
  bool unsettled_ = false;              // and the next turn may find out, as opening does

  std::mutex mutex_;  // guards the queue; never held while anything waits for a disk
  std::condition_variable turn_;
  Request* first_ = nullptr;
  Request* last_ = nullptr;
  bool leading_ = false;

  // Guards what is known of the journal: journal_ and its head, which the leader alone moves during
  // a turn, to_take_, changes_seen_, and that the index is as the head says. Held while batches of
  // others are read, never across a sync of our own commits.
  std::mutex state_mutex_;
  std::unique_ptr<Journal> journal_;
  std::uint64_t counters_seen_ = 0;
  std::array<std::set<RecordId>, kSlotCountMax> changed_;  // by others, not taken
  std::array<bool, kSlotCountMax> noting_{};

  Index index_;
  std::mutex ids_mutex_;  // held for moments
  IdBlock ids_, spare_ids_;
  std::atomic<RecordId> id_limit_{0};  // every id that is known to be handed out is below
  std::array<std::array<std::atomic<std::uint32_t>, 2>, kSlotCountMax> failed_tries_{};
  std::atomic<std::uint64_t> size_bytes_{0};

  std::mutex slots_mutex_;
  std::array<std::unique_ptr<FileLock>, kSlotCountMax> slot_locks_;
};

// --- opening ---

CK_RV JournaledFlash::lock_directory() {
  lock_ = file_system_.lock_file(directory_ + "/lock");
  if (lock_ == nullptr) return file_failure();
  if (!lock_->take(mode(), false))
    return errno == EWOULDBLOCK ? CKR_STRONGROOM_FLASH_IN_USE : file_failure();
  if (!options_.shared) return CKR_OK;
  others_ = SharedState::open(file_system_, directory_ + "/shared");
  return others_ != nullptr ? CKR_OK : file_failure();
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
  rv = Journal::create(file_system_, path(1), *root_key_, anchor_.device_id, 1, 0,
                       options_.room_bytes, &journal_);
  if (rv == CKR_OK) rv = journal_->sync(sync_site::kJournalCreate);
  if (rv != CKR_OK) return rv;
  if (!file_system_.sync_directory(directory_, sync_site::kFlashDirectoryCreate) ||
      !file_system_.sync_directory(parent_directory(directory_), sync_site::kFlashParent)) {
    return CKR_DEVICE_ERROR;
  }
  return CKR_OK;
}

CK_RV JournaledFlash::open_journal(std::string* cause) {
  const CK_RV rv =
      Journal::open(file_system_, path(anchor_.head.generation), *root_key_, anchor_.device_id,
                    anchor_.head, options_.room_bytes, &journal_, cause);
  return rv == CKR_OK ? journal_->replay(anchor_.head, true, applying(index_), cause) : rv;
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

// Whoever shares the flash opens it in a turn: two that find nothing do not both make a device, and
// nobody writes meanwhile.
CK_RV JournaledFlash::start(bool create, std::string* cause) {
  if (create && !file_system_.make_directory(directory_)) return file_failure();
  const bool directory_there = file_system_.exists(directory_);
  CK_RV rv = directory_there ? lock_directory() : CKR_OK;
  if (rv != CKR_OK) return rv;
  if (others_ != nullptr) {
    if (!others_->take_turn(LockMode::kExclusive)) return CKR_DEVICE_ERROR;
    others_->begin_writing();
  }
  rv = open_device(create, directory_there, cause);
  if (others_ != nullptr) {
    if (rv == CKR_OK) {
      others_->announce(journal_->head(), true);
      others_->end_writing();
      counters_seen_ = others_->counters();
      changes_ = &others_->changes();
      changes_seen_ = changes_->load();
    }
    others_->end_turn();
  }
  return rv;
}

CK_RV JournaledFlash::open_device(bool create, bool directory_there, std::string* cause) {
  Secret root_secret;
  std::vector<std::uint8_t> encoded;
  CK_RV rv = root_->load(&root_secret, &encoded, mode());
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
  ids_ = more_ids(&opened);
  rv = store_anchor(opened);
  if (rv == CKR_OK) rv = remove_other_generations();
  device_id_ = opened.device_id;
  return rv;
}

// --- commits ---

CK_RV JournaledFlash::commit(std::span<const Change> changes, std::span<const RecordId> unchanged) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  Request request;
  request.changes = changes;
  request.unchanged = unchanged;
  for (const Change& change : changes) {
    if (!handed_out(change.id)) return CKR_ARGUMENTS_BAD;
    if (change.erase && !change.value.empty()) return CKR_ARGUMENTS_BAD;
    if (change.value.size() > kCommitBytesMax) return CKR_DATA_LEN_RANGE;
    request.bytes += BatchWriter::change_length(change);
    if (request.bytes > kCommitBytesMax) return CKR_DATA_LEN_RANGE;
  }
  return changes.empty() ? CKR_OK : submit(request);
}

CK_RV JournaledFlash::change_counter(Request::Kind kind, std::uint32_t slot, PinRole role,
                                     std::uint32_t count) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  if (slot >= kSlotCountMax) return CKR_SLOT_ID_INVALID;
  if (role != PinRole::kSo && role != PinRole::kUser) return CKR_ARGUMENTS_BAD;
  Request request;
  request.kind = kind;
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
  LockMode turn = LockMode::kShared;
  for (const Request* member = group; member != nullptr; member = member->next) {
    if (member->kind != Request::Kind::kLook) turn = LockMode::kExclusive;
  }
  const CK_RV rv = begin_turn(turn);
  if (rv != CKR_OK) {
    for (Request* member = group; member != nullptr; member = member->next) member->result = rv;
    return;
  }
  if (turn == LockMode::kExclusive) carry_out(group);
  end_turn(turn);
}

// Has another process changed what this commit relies on?
bool JournaledFlash::changed_elsewhere(const Request& request) {
  if (request.unchanged.empty()) return false;
  const std::uint32_t slot = request.changes.front().slot;
  if (slot >= kSlotCountMax) return false;
  const std::lock_guard guard(state_mutex_);
  const auto& changed = changed_[slot];
  return std::any_of(request.unchanged.begin(), request.unchanged.end(), [&](RecordId id) {
    return id == kAnyRecord ? !changed.empty() : changed.contains(id);
  });
}

// True: there is something to store.
bool JournaledFlash::count_tries(Request* group, Anchor* next) {
  bool any = false;
  for (Request* member = group; member != nullptr; member = member->next) {
    if (member->kind == Request::Kind::kChanges || member->kind == Request::Kind::kLook) continue;
    std::uint32_t& count = next->failed_tries[member->slot][static_cast<std::size_t>(member->role)];
    if (member->kind == Request::Kind::kSetCounter) {
      count = member->count;
    } else if (member->kind == Request::Kind::kReturnTry) {
      count -= count > 0 ? 1 : 0;
    } else if (count < member->count) {
      ++count;
    } else {
      member->refused = true;
      member->result = CKR_PIN_LOCKED;
      continue;
    }
    any = true;
  }
  return any;
}

void JournaledFlash::carry_out(Request* group) {
  for (Request* member = group; member != nullptr; member = member->next) {
    member->refused = changed_elsewhere(*member);
    if (member->refused) member->result = kChangedElsewhere;
  }
  // Two results: a write that failed and was cut back is the commits' trouble and no counter's.
  Index::Staged staged;
  Anchor next = anchor_;
  const CK_RV appended = append_changes(group, &staged, &next.head);
  CK_RV anchored = CKR_DEVICE_ERROR;
  if (journal_->broken()) lose_track();
  const bool counters = count_tries(group, &next);
  const bool moved = appended == CKR_OK && next.head != anchor_.head;
  if (!refusing_ && !counters && !moved) {
    anchored = CKR_OK;  // nothing to store
  } else if (!refusing_) {
    const IdBlock more = more_ids(&next);
    anchored = store_anchor(next);
    if (anchored != CKR_OK) lose_track();
    const std::lock_guard guard(ids_mutex_);
    if (anchored == CKR_OK && more.limit != 0) spare_ids_ = more;
  }
  if (anchored == CKR_OK) {
    const std::lock_guard guard(state_mutex_);
    if (moved) {
      journal_->accept(next.head);
      index_.apply(std::move(staged));
    }
    if (others_ != nullptr && (moved || counters)) {
      others_->announce(next.head, counters);
      counters_seen_ = others_->counters();
      changes_seen_ = changes_->load();
    }
  }
  for (Request* member = group; member != nullptr; member = member->next) {
    if (member->refused || member->kind == Request::Kind::kLook) continue;
    const CK_RV its_own = member->kind == Request::Kind::kChanges ? appended : CKR_OK;
    member->result = its_own != CKR_OK ? its_own : refusing_ ? CKR_DEVICE_ERROR : anchored;
  }
}

CK_RV JournaledFlash::append_changes(const Request* group, Index::Staged* staged, Head* next) {
  try {
    std::size_t bytes = 0;
    for (const Request* member = group; member != nullptr; member = member->next) {
      if (!member->refused) bytes += member->bytes;
    }
    if (bytes == 0) return CKR_OK;
    BatchWriter batch(bytes);
    for (const Request* member = group; member != nullptr; member = member->next) {
      if (member->refused) continue;
      staged->add(member->changes);
      for (const Change& change : member->changes) batch.add(change);
    }
    Head end;
    const CK_RV rv = journal_->append(batch.finish(), &end);
    if (rv == CKR_OK) *next = end;
    return rv;
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
  know_anchor(anchor);
  return CKR_OK;
}

void JournaledFlash::know_anchor(const Anchor& anchor) {
  anchor_ = anchor;
  id_limit_ = anchor.id_limit;
  size_bytes_ = anchor.head.length;
  for (std::size_t slot = 0; slot < kSlotCountMax; ++slot) {
    for (std::size_t role = 0; role < 2; ++role) {
      failed_tries_[slot][role].store(anchor.failed_tries[slot][role], std::memory_order_release);
    }
  }
}

// --- other processes, and what is unknown after a failure ---

CK_RV JournaledFlash::begin_turn(LockMode mode) {
  if (refusing_ && !(unsettled_ && mode == LockMode::kExclusive)) return CKR_DEVICE_ERROR;
  if (others_ == nullptr && !unsettled_) return CKR_OK;
  if (others_ != nullptr && !others_->take_turn(mode)) return CKR_DEVICE_ERROR;
  const bool settle = mode == LockMode::kExclusive && others_ != nullptr && others_->unsettled();
  CK_RV rv = CKR_HOST_MEMORY;
  try {
    rv = unsettled_ ? find_out() : follow_others(settle);
  } catch (const std::bad_alloc&) {
  }
  if (others_ != nullptr && rv == CKR_OK && mode == LockMode::kExclusive) others_->begin_writing();
  if (others_ != nullptr && rv != CKR_OK) others_->end_turn();
  // The anchor or the journal are not what they can have become: somebody put others in their
  // place.
  if (rv == CKR_STRONGROOM_FLASH_INTEGRITY || rv == CKR_STRONGROOM_FLASH_VERSION) {
    refusing_ = true;
    unsettled_ = false;
    rv = CKR_DEVICE_ERROR;
  }
  return rv;
}

// A turn that ends with the outcome unknown stays unsettled: the next process settles it.
void JournaledFlash::end_turn(LockMode mode) {
  if (others_ == nullptr) return;
  if (mode == LockMode::kExclusive && !refusing_) others_->end_writing();
  others_->end_turn();
}

// After a write or a sync that failed: reads what is on disk as opening does. What was answered
// with an error is taken back, unless another process has settled it: then it stays.
CK_RV JournaledFlash::find_out() {
  std::vector<std::uint8_t> encoded;
  std::string cause;
  Anchor now;
  CK_RV rv = root_->load_anchor(true, &encoded);
  if (rv == CKR_OK) rv = decode_anchor(*anchor_key_, encoded, &now, &cause);
  if (rv != CKR_OK) return rv;
  const std::lock_guard guard(state_mutex_);
  if (now.device_id != device_id_ || now.head.generation < anchor_.head.generation ||
      now.head.sequence < anchor_.head.sequence || now.id_limit < anchor_.id_limit) {
    return CKR_STRONGROOM_FLASH_INTEGRITY;
  }
  const bool taken_back = others_ == nullptr || others_->end().sequence == anchor_.head.sequence;
  if (taken_back && now.head.generation == anchor_.head.generation) now.head = anchor_.head;
  // The anchor first: one that names a batch which is cut off would look like a loss.
  rv = store_anchor(now);
  if (rv == CKR_OK) rv = follow_generation(now.head, !taken_back, &cause);
  if (rv == CKR_OK && taken_back) rv = journal_->settle_end();
  if (rv != CKR_OK) return rv;
  if (now.head != journal_->head()) {
    now.head = journal_->head();
    if (rv = store_anchor(now); rv != CKR_OK) return rv;
  }
  if (others_ != nullptr) {
    others_->announce(now.head, true);
    counters_seen_ = others_->counters();
    changes_seen_ = changes_->load();
  }
  remove_other_generations();  // litter: what cannot be removed now is removed later
  refusing_ = unsettled_ = false;
  return CKR_OK;
}

CK_RV JournaledFlash::follow_others(bool settle) {
  std::vector<std::uint8_t> encoded;
  std::string cause;
  Anchor now;
  CK_RV rv = root_->load_anchor(settle, &encoded);
  if (rv == CKR_OK) rv = decode_anchor(*anchor_key_, encoded, &now, &cause);
  if (rv != CKR_OK) return rv;
  const std::lock_guard guard(state_mutex_);
  const Head& known = journal_->head();
  if (now.device_id != device_id_ || now.head.generation < known.generation ||
      now.head.sequence < known.sequence || now.id_limit < anchor_.id_limit) {
    return CKR_STRONGROOM_FLASH_INTEGRITY;
  }
  rv = now.head.generation == known.generation
           ? journal_->replay(now.head, settle, applying_others(), &cause)
           : follow_generation(now.head, settle, &cause);
  if (rv != CKR_OK) return rv;
  // A commit that its process did not live to anchor: before the next one is written, it is.
  if (settle) {
    now.head = journal_->head();
    rv = store_anchor(now);
    if (rv != CKR_OK) return rv;
    others_->announce(now.head, true);
  } else {
    know_anchor(now);
  }
  counters_seen_ = others_->counters();
  changes_seen_ = changes_->load();
  return CKR_OK;
}

// Another process has compacted. What its generation holds is compared with what is known.
CK_RV JournaledFlash::follow_generation(const Head& committed, bool settle, std::string* cause) {
  std::unique_ptr<Journal> journal;
  CK_RV rv = Journal::open(file_system_, path(committed.generation), *root_key_, device_id_,
                           committed, options_.room_bytes, &journal, cause);
  Index index;
  if (rv == CKR_OK) rv = journal->replay(committed, settle, applying(index), cause);
  if (rv != CKR_OK) return rv;
  journal_ = std::move(journal);
  index_.replace(index, [this](std::uint32_t slot, RecordId id) { note_change(slot, id); });
  return CKR_OK;
}

Journal::Visit JournaledFlash::applying_others() {
  return [this](std::span<const Change> changes) {
    Index::Staged staged;
    staged.add(changes);
    index_.apply(std::move(staged));
    for (const Change& change : changes) {
      note_change(change.slot, change.id);
      if (change.id >= id_limit_) id_limit_ = change.id + 1;
    }
  };
}

void JournaledFlash::note_change(std::uint32_t slot, RecordId id) {
  if (slot >= kSlotCountMax || !noting_[slot]) return;
  changed_[slot].insert(id);
  to_take_[slot].store(true, std::memory_order_release);
}

void JournaledFlash::catch_up() {
  if (others_ == nullptr) return;
  {
    const std::lock_guard guard(state_mutex_);
    const std::uint64_t changes = changes_->load(std::memory_order_acquire);
    if (changes == changes_seen_) return;
    const SharedState::End end = others_->end();
    if (refusing_ ||
        (end.generation == journal_->head().generation && others_->counters() == counters_seen_ &&
         journal_->advance(end.sequence, applying_others()))) {
      changes_seen_ = changes;
      return;
    }
  }
  if (no_wait) return;
  Request look;
  look.kind = Request::Kind::kLook;
  submit(look);
}

std::vector<RecordId> JournaledFlash::take_changes(std::uint32_t slot) {
  if (slot >= kSlotCountMax) return {};
  const std::lock_guard guard(state_mutex_);
  noting_[slot] = true;
  to_take_[slot].store(false, std::memory_order_release);
  std::vector<RecordId> taken(changed_[slot].begin(), changed_[slot].end());
  changed_[slot].clear();
  return taken;
}

bool JournaledFlash::hold_slot(std::uint32_t slot, LockMode mode) {
  if (others_ == nullptr || slot >= kSlotCountMax) return true;
  const std::lock_guard guard(slots_mutex_);
  auto& lock = slot_locks_[slot];
  if (lock == nullptr) lock = file_system_.lock_file(directory_ + "/slot-" + std::to_string(slot));
  return lock != nullptr && lock->take(mode, false);
}

void JournaledFlash::release_slot(std::uint32_t slot) {
  if (others_ == nullptr || slot >= kSlotCountMax) return;
  const std::lock_guard guard(slots_mutex_);
  if (slot_locks_[slot] != nullptr) slot_locks_[slot]->release();
}

// --- ids ---

// A block for the time when half of this one is used up, so that next_id need not wait for the
// disk.
IdBlock JournaledFlash::more_ids(Anchor* next) {
  {
    const std::lock_guard guard(ids_mutex_);
    if (spare_ids_.limit != 0 || ids_.limit - ids_.next > kIdBlock / 2) return {};
  }
  const IdBlock more{next->id_limit, next->id_limit + kIdBlock};
  next->id_limit = more.limit;
  return more;
}

RecordId JournaledFlash::next_id() {
  const std::lock_guard guard(ids_mutex_);
  if (ids_.next == ids_.limit) {
    if (spare_ids_.limit == 0) return 0;
    ids_ = std::exchange(spare_ids_, IdBlock{});
  }
  return ids_.next++;
}

// By this opening or another one.
bool JournaledFlash::handed_out(RecordId id) {
  const std::lock_guard guard(ids_mutex_);
  return id != 0 && id < id_limit_.load(std::memory_order_relaxed) && !ids_.has(id) &&
         !spare_ids_.has(id);
}

// --- compaction ---

bool JournaledFlash::compaction_due() {
  const std::lock_guard guard(state_mutex_);
  const std::uint64_t content = index_.content_bytes();
  const std::uint64_t used = journal_->head().length - kJournalHeaderBytes;
  const std::uint64_t garbage = used - std::min(used, content);
  const bool too_long = garbage > std::max(content, options_.compaction_threshold_bytes);
  const bool too_many =
      journal_->batches() >
      std::max<std::uint64_t>(index_.size() / 4, options_.compaction_threshold_batches);
  return (too_long || too_many) && used > compaction_floor_;
}

void JournaledFlash::compact_if_due() {
  if (!compaction_due() || begin_turn(LockMode::kExclusive) != CKR_OK) return;
  // Another process may have compacted before its turn ended.
  if (compaction_due()) {
    // The commits that led here are durable and answered: a failure is nobody's, and tried again
    // later.
    CK_RV rv = CKR_HOST_MEMORY;
    try {
      rv = compact();
    } catch (const std::bad_alloc&) {
    }
    compaction_floor_ = rv == CKR_OK ? 0 : 2 * journal_->head().length;
  }
  end_turn(LockMode::kExclusive);
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
    lose_track();
    return rv;
  }
  {
    const std::lock_guard guard(state_mutex_);
    journal_ = std::move(journal);
    if (others_ != nullptr) {
      others_->announce(journal_->head(), false);
      changes_seen_ = changes_->load();
    }
  }
  return remove_other_generations();
}

CK_RV JournaledFlash::write_generation(const std::string& new_path, std::unique_ptr<Journal>* out) {
  std::unique_ptr<Journal> journal;
  CK_RV rv = Journal::create(file_system_, new_path, *root_key_, device_id_,
                             journal_->head().generation + 1, journal_->head().sequence,
                             options_.room_bytes, &journal);
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
