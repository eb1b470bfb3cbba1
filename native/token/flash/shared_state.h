// shared_state.h: what the processes that share a flash tell each other: whose turn it is to write,
// and where the journal ends. It is in memory only. The anchor is the truth, and whoever opens or
// writes reads it.
#pragma once

#include <memory>
#include <string>

#include "token/flash/file_system.h"
#include "token/flash/layout.h"

namespace strongroom::flash {

class SharedState {
 public:
  // The file is made. Null with errno.
  static std::unique_ptr<SharedState> open(FileSystem& file_system, const std::string& path);

  // A turn: exclusive to write, shared to read files that nobody must be writing. Waits.
  bool take_turn(LockMode mode) { return lock_->take(mode, true); }
  void end_turn() { lock_->release(); }

  // In an exclusive turn. Between the two there may be something on the disk that is not durable,
  // and a process that ends there leaves it to the next one, which finds unsettled true.
  void begin_writing() { word(kWriting).store(1); }
  void end_writing() { word(kWriting).store(0); }
  bool unsettled() { return word(kWriting).load() != 0; }
  // What is durable now, before whoever asked for it is answered. counters: PIN counters as well.
  void announce(const Head& head, bool counters);

  // Moves with each announcement.
  const SharedWords::Word& changes() { return word(kChanges); }
  // With each of counters.
  std::uint64_t counters() { return word(kCounters).load(std::memory_order_acquire); }
  // Where the journal ends at least. The generation is not older than the sequence.
  struct End {
    std::uint64_t sequence;
    std::uint64_t generation;
  };
  End end();

 private:
  enum Name : std::size_t { kWriting, kGeneration, kSequence, kCounters, kChanges };

  SharedState(std::unique_ptr<FileLock> lock, std::unique_ptr<SharedWords> words)
      : lock_(std::move(lock)), words_(std::move(words)) {}
  SharedWords::Word& word(Name name) { return words_->words()[name]; }

  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<SharedWords> words_;
};

}  // namespace strongroom::flash
