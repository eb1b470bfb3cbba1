// handle_table.h: numbers for shared things. A handle is an index with the generation of its place,
// so that a number once given back never names a later thing. Look-up copies a reference under a
// per-place spin lock: nothing a caller does with the thing afterwards holds up anybody else.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "token/spin_lock.h"

namespace strongroom::token {

// Bits of a handle: 0 to 21 index, 22 to 43 generation (from 1), 44 up are the caller's (find
// ignores them).
inline constexpr unsigned kHandleBits = 44;
inline constexpr std::uint64_t kHandleMask = (std::uint64_t{1} << kHandleBits) - 1;

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
    return (std::uint64_t{place(index)->generation} << kIndexBits) | index;
  }

  // put fills or replaces what a live handle names. False: the handle is stale.
  bool put(std::uint64_t handle, std::shared_ptr<T> value) {
    Place* here = locate(handle);
    if (!here) return false;
    std::lock_guard lock(here->lock);
    if (here->generation != generation_of(handle)) return false;
    here->value.swap(value);  // the old value goes after the lock does
    return true;
  }

  std::shared_ptr<T> find(std::uint64_t handle) const {
    Place* here = locate(handle);
    if (!here) return nullptr;
    std::lock_guard lock(here->lock);
    return here->generation == generation_of(handle) ? here->value : nullptr;
  }

  // take removes and returns; from then on the handle is stale. Null: it was already.
  std::shared_ptr<T> take(std::uint64_t handle) {
    Place* here = locate(handle);
    if (!here) return nullptr;
    std::shared_ptr<T> value;
    bool reusable;
    {
      std::lock_guard lock(here->lock);
      if (here->generation != generation_of(handle)) return nullptr;
      value = std::move(here->value);
      here->value.reset();
      // A place whose generations are used up is retired rather than reused.
      reusable = ++here->generation <= kGenerationMax;
    }
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
    std::uint32_t generation = 1;
    std::shared_ptr<T> value;
  };
  using Chunk = std::array<Place, kChunkPlaces>;

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
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
};

}  // namespace strongroom::token
