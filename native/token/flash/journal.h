// journal.h: one generation of the journal: a file of sealed batches, each bound to all before it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "token/flash/flash.h"
#include "token/flash/layout.h"

namespace strongroom::flash {

inline constexpr std::size_t kJournalHeaderBytes = 112;
inline constexpr std::size_t kBatchFrameBytes = 60;    // before the ciphertext
inline constexpr std::size_t kBatchCountBytes = 4;     // before the changes
inline constexpr std::size_t kChangeHeaderBytes = 24;  // before each value
// One batch: a group of commits, so never less than the largest commit.
inline constexpr std::size_t kBatchPlaintextMax = kBatchCountBytes + 2 * kCommitBytesMax;

// BatchWriter: the plaintext of a batch in the making. Wiped when it goes.
class BatchWriter {
 public:
  explicit BatchWriter(std::size_t change_bytes);  // the sum of change_length of what will be added
  ~BatchWriter();
  BatchWriter(const BatchWriter&) = delete;
  BatchWriter& operator=(const BatchWriter&) = delete;

  static std::size_t change_length(const Change& change) {
    return kChangeHeaderBytes + change.value.size();
  }
  void add(const Change& change);
  bool empty() const { return count_ == 0; }
  Bytes finish();

 private:
  std::vector<std::uint8_t> plaintext_;
  std::uint32_t count_ = 0;
};

class Journal {
 public:
  // Values point into a buffer that lives as long as the call.
  using Visit = std::function<void(std::span<const Change>)>;

  // A new generation with nothing in it, to follow sequence. Replaces a file that is there. Not yet
  // synced. room: bytes of zeros to keep ahead of the end.
  static CK_RV create(FileSystem& file_system, const std::string& path, algorithms::Key& root,
                      const DeviceId& device_id, std::uint64_t generation, std::uint64_t sequence,
                      std::size_t room, std::unique_ptr<Journal>* out);
  // The generation of committed, with nothing replayed yet.
  static CK_RV open(FileSystem& file_system, const std::string& path, algorithms::Key& root,
                    const DeviceId& device_id, const Head& committed, std::size_t room,
                    std::unique_ptr<Journal>* out, std::string* cause);

  // Visits the batches from head() to committed. settle: takes at most one more, cuts off what was
  // never acknowledged, and all that was found is durable when it answers CKR_OK. On failure what
  // was visited is what lies before head().
  CK_RV replay(const Head& committed, bool settle, const Visit& visit, std::string* cause);
  // Cuts off what lies behind head(), durably.
  CK_RV settle_end();
  // Visits the batches from head() to this one. False: they are not there, or cannot be read; what
  // was visited lies before head().
  bool advance(std::uint64_t sequence, const Visit& visit);

  // Seals and writes one batch at the end, unsynced: for a generation in the making.
  CK_RV append_unsynced(Bytes plaintext);
  // Same, and syncs; next is where it ends, and head() for whoever calls accept. On failure either
  // the file is as before, or broken() is true.
  CK_RV append(Bytes plaintext, Head* next);
  void accept(const Head& next) { head_ = next; }
  CK_RV sync(const char* site);

  const Head& head() const { return head_; }
  std::uint64_t batches() const { return head_.sequence - base_sequence_; }
  bool broken() const { return broken_; }

 private:
  Journal(std::unique_ptr<File> file, std::shared_ptr<algorithms::Key> key, std::size_t room);
  CK_RV advance_to(std::uint64_t sequence, std::uint64_t length, std::size_t window_bytes,
                   const Visit& visit);
  CK_RV open_batch(Bytes batch, std::vector<std::uint8_t>* plaintext, Head* next, bool* found);
  CK_RV write_again(std::uint64_t from);
  CK_RV write_batch(std::vector<std::uint8_t>& batch);
  CK_RV seal(Bytes plaintext, std::vector<std::uint8_t>* batch, Head* next);
  void cut_back();

  std::unique_ptr<File> file_;
  std::shared_ptr<algorithms::Key> key_;
  const std::size_t room_;
  std::uint64_t base_sequence_ = 0;
  Head head_;
  bool broken_ = false;
};

}  // namespace strongroom::flash
