// per_thread.h: small numbers for threads, and tables by that number. A thread takes a number at
// its first use and gives it back when it ends; a later thread may get the same one, with whatever
// the table holds, but two living threads never share one. No lock is taken. What a thread has from
// before a fork is left behind where the child begins anew (Library::begin_anew).
#pragma once

#include <array>
#include <cstddef>
#include <new>

#include "token/secure_memory.h"
#include "token/thread_local.h"

namespace strongroom {

inline constexpr std::size_t kThreadNumbers = 64;
inline constexpr std::size_t kNoThreadNumber = kThreadNumbers;

namespace per_thread {
inline constexpr std::size_t kNotAsked = ~std::size_t{0};
inline SR_THREAD_LOCAL std::size_t own_number = kNotAsked;
std::size_t take_number();
}  // namespace per_thread

// thread_number answers the calling thread's number, or kNoThreadNumber when all are taken.
inline std::size_t thread_number() {
  const std::size_t number = per_thread::own_number;
  return number != per_thread::kNotAsked ? number : per_thread::take_number();
}

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
      static thread_local Unnumbered own;
      return up_to_date(own.entry);
    }
    return up_to_date(table_[number]);
  }

 private:
  struct Entry {
    T* value = nullptr;
    unsigned generation = 0;
  };
  struct Unnumbered {
    Entry entry;
    ~Unnumbered() {
      if (entry.generation == process_generation()) delete entry.value;
      entry.value = nullptr;
    }
  };

  static T* up_to_date(Entry& entry) {
    const unsigned now = process_generation();
    if (entry.value == nullptr || entry.generation != now) entry = {new (std::nothrow) T, now};
    return entry.value;
  }

  std::array<Entry, kThreadNumbers> table_{};
};

}  // namespace strongroom
