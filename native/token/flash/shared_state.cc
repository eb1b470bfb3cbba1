// shared_state.cc: the order in which the shared words move.

#include "token/flash/shared_state.h"

namespace strongroom::flash {

std::unique_ptr<SharedState> SharedState::open(FileSystem& file_system, const std::string& path) {
  auto lock = file_system.lock_file(path);
  auto words = lock != nullptr ? file_system.share(path) : nullptr;
  if (words == nullptr) return nullptr;
  return std::unique_ptr<SharedState>(new SharedState(std::move(lock), std::move(words)));
}

// `changes` last: whoever sees it move sees the rest.
void SharedState::announce(const Head& head, bool counters) {
  word(kGeneration).store(head.generation, std::memory_order_release);
  word(kSequence).store(head.sequence, std::memory_order_release);
  if (counters) word(kCounters).fetch_add(1, std::memory_order_release);
  word(kChanges).fetch_add(1, std::memory_order_release);
}

SharedState::End SharedState::end() {
  const std::uint64_t sequence = word(kSequence).load(std::memory_order_acquire);
  return {sequence, word(kGeneration).load(std::memory_order_acquire)};
}

}  // namespace strongroom::flash
