// handle_table.h: numbers for shared things. A handle is an index with the generation of its place,
// so that a number once given back never names a later thing. There are two ways to look one up:
// find copies a reference under a per-place spin lock, borrow takes a loan for the length of a call
// and no lock. Nothing a caller does with the thing afterwards holds up anybody else.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "token/loan.h"
#include "token/per_thread.h"
#include "token/spin_lock.h"

namespace strongroom::token {

// Bits of a handle: 0 to 21 index, 22 to 43 generation (from 1), 44 up are the caller's (find
// ignores them).
inline constexpr unsigned kHandleBits = 44;
inline constexpr std::uint64_t kHandleMask = (std::uint64_t{1} << kHandleBits) - 1;

// Borrowed: a thing that is used until this ends, or nothing. With a thread's own loan it stays on
// that thread.
template <class T>
class Borrowed {
 public:
  Borrowed() = default;
  Borrowed(Borrowed&& other) noexcept
      : thing_(std::exchange(other.thing_, nullptr)), loan_(std::exchange(other.loan_, nullptr)) {}
  Borrowed& operator=(Borrowed&& other) noexcept {
    std::swap(thing_, other.thing_);
    std::swap(loan_, other.loan_);
    return *this;
  }
  ~Borrowed() {
    if (loan_) loan_->end();
  }
  void reset() { *this = Borrowed(); }
  explicit operator bool() const { return thing_ != nullptr; }
  T& operator*() const { return *thing_; }
  T* operator->() const { return thing_; }
  T* get() const { return thing_; }

 private:
  template <class>
  friend class HandleTable;
  Borrowed(T* thing, Loan* loan) : thing_(thing), loan_(loan) {}
  T* thing_ = nullptr;
  Loan* loan_ = nullptr;
};

template <class T>
class HandleTable {
 public:
  // A place and its handle; empty until put. 0: the table is full.
  std::uint64_t reserve() {
    std::lock_guard lock(mutex_);
    std::uint32_t index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      if (next_ == kPlaces) return 0;
      index = next_++;
      auto& chunk = chunks_[index / kChunkPlaces];
      if (!chunk.load(std::memory_order_relaxed)) chunk.store(new Chunk, std::memory_order_release);
    }
    const std::uint32_t generation = place(index)->generation.load(std::memory_order_relaxed);
    return (std::uint64_t{generation} << kIndexBits) | index;
  }

  // put fills or replaces what a live handle names. False: the handle is stale.
  bool put(std::uint64_t handle, std::shared_ptr<T> value) {
    Place* here = locate(handle);
    if (!here) return false;
    {
      std::lock_guard lock(here->lock);
      if (here->generation.load(std::memory_order_relaxed) != generation_of(handle)) return false;
      here->value.swap(value);
      here->current.store(here->value.get(), std::memory_order_seq_cst);
    }
    outlive_loans(value);
    return true;
  }

  std::shared_ptr<T> find(std::uint64_t handle) const {
    Place* here = locate(handle);
    if (!here) return nullptr;
    std::lock_guard lock(here->lock);
    const bool live = here->generation.load(std::memory_order_relaxed) == generation_of(handle);
    return live ? here->value : nullptr;
  }

  // borrow answers what a live handle names, for this thread, if `admit` says so of it.
  template <class Admit>
  Borrowed<T> borrow(std::uint64_t handle, Admit admit) const {
    const std::size_t thread = thread_number();
    if (thread == kNoThreadNumber || loans_[thread].begun()) return borrow_counted(handle, admit);
    return borrow(loans_[thread], handle, admit);
  }
  // The same with an enlisted loan that has not begun, for as long as its owner wants.
  template <class Admit>
  Borrowed<T> borrow(Loan& loan, std::uint64_t handle, Admit admit) const {
    const Place* here = locate(handle);
    if (!here) return {};
    T* thing = here->current.load(std::memory_order_acquire);
    for (;;) {
      loan.begin(thing);
      T* const now = here->current.load(std::memory_order_seq_cst);
      if (now == thing) break;
      thing = now;
    }
    const bool live = here->generation.load(std::memory_order_seq_cst) == generation_of(handle);
    if (live && thing && admit(*thing)) return {thing, &loan};
    loan.end();
    return {};
  }

  // A loan that outlives calls is in the list from before its first beginning to after its last
  // end.
  void enlist(Loan& loan) {
    std::lock_guard lock(enlisted_mutex_);
    enlisted_.insert(&loan);
  }
  void strike(Loan& loan) {
    std::lock_guard lock(enlisted_mutex_);
    enlisted_.erase(&loan);
  }

  // counted makes of a reference what borrow gives.
  static Borrowed<T> counted(std::shared_ptr<T> thing) {
    T* const borrowed = thing.get();
    return {borrowed, borrowed ? Loan::counted(std::move(thing)) : nullptr};
  }

  // take removes and returns; from then on the handle is stale. Null: it was already.
  std::shared_ptr<T> take(std::uint64_t handle) {
    Place* here = locate(handle);
    if (!here) return nullptr;
    std::shared_ptr<T> value;
    bool reusable;
    {
      std::lock_guard lock(here->lock);
      const std::uint32_t generation = generation_of(handle);
      if (here->generation.load(std::memory_order_relaxed) != generation) return nullptr;
      value = std::move(here->value);
      here->value.reset();
      here->current.store(nullptr, std::memory_order_seq_cst);
      here->generation.store(generation + 1, std::memory_order_seq_cst);
      // A place whose generations are used up is retired rather than reused.
      reusable = generation < kGenerationMax;
    }
    outlive_loans(value);
    if (reusable) {
      std::lock_guard lock(mutex_);
      free_.push_back(static_cast<std::uint32_t>(handle & (kPlaces - 1)));
    }
    return value;
  }

 private:
  static constexpr unsigned kIndexBits = 22;
  static constexpr std::uint32_t kPlaces = 1u << kIndexBits;
  static constexpr std::uint32_t kChunkPlaces = 1024;
  static constexpr std::uint32_t kGenerationMax = (1u << (kHandleBits - kIndexBits)) - 1;

  struct alignas(64) Place {  // a cache line each: neighbours do not slow each other down
    SpinLock lock;
    std::atomic<std::uint32_t> generation{1};  // written with the lock held
    std::atomic<T*> current{nullptr};          // value.get()
    std::shared_ptr<T> value;                  // guarded by the lock
  };
  using Chunk = std::array<Place, kChunkPlaces>;

  // For a thread without a number, and for a second loan at a time.
  template <class Admit>
  Borrowed<T> borrow_counted(std::uint64_t handle, Admit admit) const {
    std::shared_ptr<T> thing = find(handle);
    if (thing && !admit(*thing)) thing.reset();
    return counted(std::move(thing));
  }

  // What no handle names any more, with no lock held: it stays for those who have borrowed it.
  void outlive_loans(const std::shared_ptr<T>& value) {
    if (!value) return;
    Loan::barrier();
    for (Loan& loan : loans_) loan.keep_if_lent(value);
    std::lock_guard lock(enlisted_mutex_);
    for (Loan* loan : enlisted_) loan->keep_if_lent(value);
  }

  static std::uint32_t generation_of(std::uint64_t handle) {
    return static_cast<std::uint32_t>((handle & kHandleMask) >> kIndexBits);
  }
  Place* place(std::uint32_t index) const {
    Chunk* chunk = chunks_[index / kChunkPlaces].load(std::memory_order_acquire);
    return chunk ? &(*chunk)[index % kChunkPlaces] : nullptr;
  }
  Place* locate(std::uint64_t handle) const {
    if (generation_of(handle) == 0) return nullptr;
    return place(static_cast<std::uint32_t>(handle & (kPlaces - 1)));
  }

  // Chunks are never freed: a look-up with any number may come at any time.
  std::array<std::atomic<Chunk*>, kPlaces / kChunkPlaces> chunks_{};
  mutable std::array<Loan, kThreadNumbers> loans_;  // by thread number
  std::mutex enlisted_mutex_;
  std::unordered_set<Loan*> enlisted_;
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
};

}  // namespace strongroom::token
