#include "token/per_thread.h"

#include <atomic>
#include <bit>
#include <cstdint>

namespace strongroom::per_thread {
namespace {

static_assert(kThreadNumbers == 64, "the free numbers are the bits of one word");
std::atomic<std::uint64_t> free_numbers{~std::uint64_t{0}};

// Gives the number back when the thread ends. Code that still runs on the thread after that goes
// without.
struct GiveBack {
  ~GiveBack() {
    const std::size_t number = own_number;
    own_number = kNoThreadNumber;
    // Release: what this thread did with its table entries is seen by the next owner of the number.
    if (number < kThreadNumbers)
      free_numbers.fetch_or(std::uint64_t{1} << number, std::memory_order_release);
  }
};

std::size_t claim() {
  std::uint64_t available = free_numbers.load(std::memory_order_relaxed);
  while (available != 0) {
    const int lowest = std::countr_zero(available);
    if (free_numbers.compare_exchange_weak(available, available & ~(std::uint64_t{1} << lowest),
                                           std::memory_order_acquire, std::memory_order_relaxed))
      return static_cast<std::size_t>(lowest);
  }
  return kNoThreadNumber;
}

}  // namespace

std::size_t take_number() {
  thread_local GiveBack give_back;
  static_cast<void>(give_back);
  return own_number = claim();
}

}  // namespace strongroom::per_thread
