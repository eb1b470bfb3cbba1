// flash.h: the token's durable memory. An append-only journal of sealed, checksummed records in one
// directory, indexed in memory, compacted when garbage outweighs content; and beside the root
// secret, in another directory, what must never be rolled back: the journal's head and the PIN
// counters.
//
// What a failure leaves:
// - A write that fails (CKR_DEVICE_MEMORY: no space; else CKR_DEVICE_ERROR) is cut back, and the
// cut is
//   synced, before the commit answers. Nothing has changed and the flash goes on.
// - After a failed sync, a failed cut or a failed anchor nobody knows what is on disk, and a second
// sync
//   would not tell. The call answers CKR_DEVICE_ERROR and its outcome is unknown; the index keeps
//   the old state, and every later commit and change of a counter answers CKR_DEVICE_ERROR until
//   the flash is opened again. Opening decides: the commit is there as a whole or not at all.
// - A crash is the same: what was answered CKR_OK is there, what was not is there as a whole or not
// at all. The bytes are in docs/formats/flash.md.
//
// Shared, several processes have the flash open. One at a time writes, under a lock that it takes
// for each group of commits: it reads the anchor, replays what others committed, settles what a
// process left that died in the middle, and then commits. Readers look at a number in memory that
// all of them share, and replay what is new without the lock.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "token/flash/file_system.h"
#include "token/secure_memory.h"

namespace strongroom::flash {

inline constexpr std::size_t kRootSecretBytes = 32;
inline constexpr std::size_t kDeviceIdBytes = 16;
inline constexpr std::size_t kSlotCountMax = 64;
// One commit's changes, each counted as its value and 24 bytes more.
inline constexpr std::size_t kCommitBytesMax = 16u << 20;

// RootSecretProvider: keeps the root secret and the anchor (head and counters). The file provider
// plays battery-backed RAM; a passphrase, a TPM or another HSM can take its place. Used by one
// thread at a time, and where it is shared by one process at a time: the flash's lock sees to it.
class RootSecretProvider {
 public:
  virtual ~RootSecretProvider() = default;
  // What load found is durable when it answers CKR_OK, and held until the object goes: for it
  // alone, or shared. CKR_TOKEN_NOT_PRESENT: nothing there yet. CKR_DEVICE_ERROR: unreadable or
  // damaged. CKR_STRONGROOM_FLASH_IN_USE: another holds it. CKR_STRONGROOM_FLASH_VERSION: written
  // by a newer version.
  virtual CK_RV load(Secret* root_secret, std::vector<std::uint8_t>* anchor,
                     LockMode mode = LockMode::kExclusive) = 0;
  // The anchor as it is now, after load or create: another process may have stored it. settle: and
  // it is durable, whatever became of that process.
  virtual CK_RV load_anchor(bool settle, std::vector<std::uint8_t>* anchor) = 0;
  // All or nothing, durable when it answers CKR_OK. Only after load answered CKR_TOKEN_NOT_PRESENT.
  virtual CK_RV create(const Secret& root_secret, Bytes anchor) = 0;
  // Durable when it returns CKR_OK: either the newest anchor that was loaded or stored here or the
  // new one survives any crash.
  virtual CK_RV store_anchor(Bytes anchor) = 0;
  virtual CK_RV destroy() = 0;  // tamper response: zeroise
};
// The files root-secret, anchor and lock of a directory that is made if its parent is there.
// load answers CKR_PIN_INVALID where the passphrase is not the one of the file, is empty and there
// is one, or is not and there is none. It is copied.
std::unique_ptr<RootSecretProvider> file_root_secret(FileSystem&, std::string directory,
                                                     Bytes passphrase = {});
// Of a device that nobody has open; empty: none. Durable, and the old file overwritten, when it
// answers CKR_OK; whatever happens, one of the two opens it. As load.
CK_RV change_root_passphrase(FileSystem&, const std::string& directory, Bytes passphrase,
                             Bytes new_passphrase);
std::unique_ptr<RootSecretProvider> memory_root_secret();

// Ids of 1 to 2^32 - 1 are the token's own to assign; above come those of next_id.
using RecordId = std::uint64_t;

// One change of a commit: put (value given) or erase (value empty and erase set).
struct Change {
  RecordId id = 0;         // chosen by the token, never reused
  std::uint32_t slot = 0;  // slot index
  std::uint32_t type = 0;  // the token's record type; unknown ones are kept and listed
  Bytes value;
  bool erase = false;
};

struct Record {
  RecordId id;
  std::uint32_t slot;
  std::uint32_t type;
  Bytes value;
  std::shared_ptr<const void> owner;  // whoever holds it keeps the value where it is
};

enum class PinRole : std::uint8_t { kSo = 0, kUser = 1 };

struct Options {
  // Compaction waits until the journal holds so much garbage, and more garbage than content. Bytes.
  std::uint64_t compaction_threshold_bytes = 64u << 10;
  // It comes as well when there are more batches than this, and than a quarter of the records: each
  // takes as long to open as many records in one.
  std::uint64_t compaction_threshold_batches = 1024;
  // Zeros written ahead of the journal's end: a commit inside them changes no length, and its sync
  // is several times faster. Bytes.
  std::size_t room_bytes = 256u << 10;
  // Other processes may have the flash open as well, if they share it too.
  bool shared = false;
};

// What commit answers when another process has changed a record that was to be as it was known
// here, and that change has not been taken (take_changes). Nothing has been committed. Never leaves
// the token.
inline constexpr CK_RV kChangedElsewhere = 0xd35200ffUL;
// In the place of a record's id: any record of the slot.
inline constexpr RecordId kAnyRecord = 0;

class Flash {
 public:
  // Opens or creates. Holds the directory for this object, or for those who share it
  // (CKR_STRONGROOM_FLASH_IN_USE). A torn
  // last record that was never acknowledged is dropped; anything else that does not match the head
  // is CKR_STRONGROOM_FLASH_INTEGRITY; a newer format version CKR_STRONGROOM_FLASH_VERSION. Nothing
  // there, or only what a crash left of an unfinished creation, and create is false:
  // CKR_TOKEN_NOT_PRESENT. CKR_DEVICE_ERROR: the file system. A refused open has changed nothing
  // that was acknowledged. cause, if given, receives a sentence for the person who runs the device;
  // empty when it is open.
  static CK_RV open(FileSystem&, std::string directory, std::unique_ptr<RootSecretProvider>,
                    bool create, std::unique_ptr<Flash>* out, const Options& options = {},
                    std::string* cause = nullptr);
  // No other call may be running.
  virtual ~Flash() = default;

  // All changes or none; durable when it answers CKR_OK. Thread-safe; concurrent commits share
  // fsyncs. A put of an id that is there replaces it; an erase of one that is not changes nothing.
  // Changes apply in order. CKR_ARGUMENTS_BAD: id 0 or not handed out, or an erase with a value.
  // CKR_DATA_LEN_RANGE: more than kCommitBytesMax. CKR_STRONGROOM_BUSY: no-wait thread.
  // kChangedElsewhere: one of the records `unchanged` of the changes' slot.
  virtual CK_RV commit(std::span<const Change> changes,
                       std::span<const RecordId> unchanged = {}) = 0;
  // Visits a snapshot in order of id, without holding a lock; a record's value lives as long as the
  // visit, and as its owner.
  virtual void for_each(const std::function<void(const Record&)>& visit) = 0;
  // The same for one record. False: there is none.
  virtual bool visit(RecordId id, const std::function<void(const Record&)>& visit) = 0;
  // Unique for the life of the flash, also across crashes and processes. 0: 2^32 ids were taken and
  // none committed.
  virtual RecordId next_id() = 0;

  // What other processes commit. behind costs nanoseconds: is there anything of this slot that
  // for_each does not show, or take_changes has not given out?
  bool behind(std::uint32_t slot) const {
    return changes_->load(std::memory_order_acquire) !=
               changes_seen_.load(std::memory_order_relaxed) ||
           (slot < kSlotCountMax && to_take_[slot].load(std::memory_order_acquire));
  }
  // Reads what was committed before this call. Another process may be in the middle of a commit:
  // waits for it only if it has to. A no-wait thread, a failing disk: what is known stays as it
  // was.
  virtual void catch_up() = 0;
  // The records of a slot that others have put or erased since the last call. They are noted from
  // the first call on.
  virtual std::vector<RecordId> take_changes(std::uint32_t slot) = 0;
  // Says to the others that this process has a session with a slot (shared), or wants to be the
  // only one (exclusive). False: somebody else has one, or wants to.
  virtual bool hold_slot(std::uint32_t slot, LockMode mode) = 0;
  virtual void release_slot(std::uint32_t slot) = 0;

  // Failed tries since the last success, in all processes. Never waits to read. The other three are
  // durable when they answer CKR_OK. spend_try counts one more, return_try one less;
  // CKR_PIN_LOCKED: there were `most` already. CKR_SLOT_ID_INVALID: slot >= kSlotCountMax.
  // CKR_STRONGROOM_BUSY: no-wait thread.
  virtual CK_RV spend_try(std::uint32_t slot, PinRole role, std::uint32_t most) = 0;
  virtual CK_RV return_try(std::uint32_t slot, PinRole role) = 0;
  virtual CK_RV set_failed_tries(std::uint32_t slot, PinRole role, std::uint32_t count) = 0;
  virtual std::uint32_t failed_tries(std::uint32_t slot, PinRole role) = 0;

  // A key of 32 bytes bound to the root secret: SP 800-108 over label and context. For sealing what
  // lies above.
  virtual CK_RV derive_key(const char* label, Bytes context, Secret* key) = 0;

  virtual std::uint64_t size_bytes() = 0;  // of the journal
  virtual Bytes
  device_id() = 0;  // 16 random bytes made with the flash; the serial number comes from it

 protected:
  const SharedWords::Word nobody_elses_{0};
  const SharedWords::Word* changes_ = &nobody_elses_;  // moves with each commit of any process
  SharedWords::Word changes_seen_{0};
  std::array<std::atomic<bool>, kSlotCountMax> to_take_{};
};

}  // namespace strongroom::flash
