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
  // synced.
  static CK_RV create(FileSystem& file_system, const std::string& path, algorithms::Key& root,
                      const DeviceId& device_id, std::uint64_t generation, std::uint64_t sequence,
                      std::unique_ptr<Journal>* out);
  // Reads the generation of committed, visits its batches, and cuts off what was never
  // acknowledged. At most one batch is taken beyond committed; it is durable when the call answers.
  static CK_RV open(FileSystem& file_system, const std::string& path, algorithms::Key& root,
                    const DeviceId& device_id, const Head& committed, const Visit& visit,
                    std::unique_ptr<Journal>* out, std::string* cause);

  // Seals and writes one batch at the end, unsynced: for a generation in the making.
  CK_RV append_unsynced(Bytes plaintext);
  // Same, and syncs. On failure the head is the old one and either the file is as before, or
  // broken() is true.
  CK_RV append(Bytes plaintext);
  CK_RV sync(const char* site);

  const Head& head() const { return head_; }
  bool broken() const { return broken_; }

 private:
  Journal(std::unique_ptr<File> file, std::shared_ptr<algorithms::Key> key);
  CK_RV read_batch(std::uint64_t file_length, std::vector<std::uint8_t>* plaintext, Head* next,
                   bool* found);
  CK_RV seal(Bytes plaintext, std::vector<std::uint8_t>* batch, Head* next);
  void cut_back();
  CK_RV settle_end();

  std::unique_ptr<File> file_;
  std::shared_ptr<algorithms::Key> key_;
  Head head_;
  bool broken_ = false;
};

}  // namespace strongroom::flash
