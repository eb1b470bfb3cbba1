// per_thread.h: small numbers for threads, and tables by that number. A thread takes a number at
// its first use and gives it back when it ends; a later thread may get the same one, with whatever
// the table holds, but two living threads never share one. No lock is taken.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace strongroom {

inline constexpr std::size_t kThreadNumbers = 64;
inline constexpr std::size_t kNoThreadNumber = kThreadNumbers;

// thread_number answers the calling thread's number, or kNoThreadNumber when all are taken.
std::size_t thread_number();

// PerThread: one T for each living thread, made on first use. Those of numbered threads are kept
// for the next owner of the number and never destroyed; a thread without a number owns its T until
// it ends. Make it a global with static storage: it has no destructor.
template <class T>
class PerThread {
 public:
  constexpr PerThread() = default;

  // Null: out of memory.
  T* get() {
    const std::size_t number = thread_number();
    if (number == kNoThreadNumber) {
      thread_local T own;
      return &own;
    }
    T*& mine = table_[number];
    if (mine == nullptr) mine = new (std::nothrow) T;
    return mine;
  }

 private:
  std::array<T*, kThreadNumbers> table_{};
};

}  // namespace strongroom
