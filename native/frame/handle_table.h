// handle_table.h: one application's names for things of the module. A handle is 53 bits: place
// index (20) and generation (33), so that it is exact in a JavaScript number and is never given out
// twice. Generations start at a number that differs between applications: another client's handle
// does not name anything here.
//
// find takes no lock. reserve takes one that is held for a few instructions, and gives up instead
// of waiting when it may not wait. Places are never freed, so a look-up with any number may come at
// any time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace strongroom::frame {

// What every place has. `native` is the module's handle.
struct Place {
  std::atomic<std::uint64_t> handle{0};  // 0: free, or reserved and not published
  std::atomic<std::uint64_t> native{0};
  std::uint64_t next_generation = 0;  // written only by whoever holds the place
  std::atomic<std::uint32_t> returned_next{0};
};

template <class P>
class HandleTable {
 public:
  static constexpr unsigned kIndexBits = 20;
  static constexpr unsigned kGenerationBits = 33;

  explicit HandleTable(std::uint64_t first_generation) : first_generation_(first_generation) {}
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;
  ~HandleTable() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  // A place for a thing that is about to be made. Null: the table is full, or somebody else holds
  // it and the caller may not wait (*busy is set).
  P* reserve(bool wait, bool* busy) {
    *busy = false;
    std::unique_lock lock(mutex_, std::defer_lock);
    if (wait) {
      lock.lock();
    } else if (!lock.try_lock()) {
      *busy = true;
      return nullptr;
    }
    if (free_.empty()) {
      for (std::uint32_t index = returned_.exchange(0, std::memory_order_acquire); index != 0;) {
        free_.push_back(index - 1);
        index = at(index - 1)->returned_next.load(std::memory_order_relaxed);
      }
    }
    if (!free_.empty()) {
      P* place = at(free_.back());
      free_.pop_back();
      return place;
    }
    const std::uint32_t index = count_.load(std::memory_order_relaxed);
    if (index == kPlaces) return nullptr;
    auto& chunk = chunks_[index / kChunkPlaces];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
      auto* fresh = new (std::nothrow) Chunk;
      if (fresh == nullptr) return nullptr;
      for (std::uint32_t i = 0; i < kChunkPlaces; ++i) {
        (*fresh)[i].index = index + i;
        (*fresh)[i].next_generation = first_generation_;
      }
      chunk.store(fresh, std::memory_order_release);
    }
    count_.store(index + 1, std::memory_order_release);
    return at(index);
  }

  // Publishes a reserved place and returns its handle. Other fields of the place are set before.
  std::uint64_t publish(P* place, std::uint64_t native) {
    place->next_generation =
        (place->next_generation + 1) & ((std::uint64_t{1} << kGenerationBits) - 1);
    if (place->next_generation == 0) place->next_generation = 1;
    const std::uint64_t handle = place->next_generation << kIndexBits | index_of(place);
    place->native.store(native, std::memory_order_release);
    place->handle.store(handle, std::memory_order_release);
    return handle;
  }

  // Gives back a place that was reserved and not published.
  void give_back(P* place) {
    const std::uint32_t index = index_of(place) + 1;
    std::uint32_t head = returned_.load(std::memory_order_relaxed);
    do {
      place->returned_next.store(head, std::memory_order_relaxed);
    } while (!returned_.compare_exchange_weak(head, index, std::memory_order_release,
                                              std::memory_order_relaxed));
  }

  // Makes a handle void and gives its place back. False: somebody else did already.
  bool retire(P* place, std::uint64_t handle) {
    if (!place->handle.compare_exchange_strong(handle, 0, std::memory_order_acq_rel)) return false;
    give_back(place);
    return true;
  }

  // The place a live handle names, else null. The place may be given back by another thread at any
  // time: what is read from it counts only if its handle is still the same afterwards.
  P* find(std::uint64_t handle) const {
    const auto index = static_cast<std::uint32_t>(handle & (kPlaces - 1));
    if (handle == 0 || index >= count_.load(std::memory_order_acquire)) return nullptr;
    P* place = at(index);
    return place->handle.load(std::memory_order_acquire) == handle ? place : nullptr;
  }

  // The module's handle behind one of ours; false when it names nothing.
  bool native(std::uint64_t handle, std::uint64_t* native) const {
    const P* place = find(handle);
    if (place == nullptr) return false;
    *native = place->native.load(std::memory_order_acquire);
    return place->handle.load(std::memory_order_relaxed) == handle;
  }

  // visit(place, handle) for every live place. Takes no lock: what comes and goes meanwhile may be
  // missed.
  template <class F>
  void for_each(F&& visit) const {
    const std::uint32_t count = count_.load(std::memory_order_acquire);
    for (std::uint32_t index = 0; index < count; ++index) {
      P* place = at(index);
      const std::uint64_t handle = place->handle.load(std::memory_order_acquire);
      if (handle != 0) visit(*place, handle);
    }
  }

 private:
  static constexpr std::uint32_t kPlaces = 1U << kIndexBits;
  static constexpr std::uint32_t kChunkPlaces = 1024;
  struct Indexed : P {
    std::uint32_t index = 0;
  };
  using Chunk = std::array<Indexed, kChunkPlaces>;

  static std::uint32_t index_of(const P* place) {
    return static_cast<const Indexed*>(place)->index;
  }
  Indexed* at(std::uint32_t index) const {
    return &(*chunks_[index / kChunkPlaces].load(std::memory_order_acquire))[index % kChunkPlaces];
  }

  const std::uint64_t first_generation_;
  std::array<std::atomic<Chunk*>, kPlaces / kChunkPlaces> chunks_{};
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint32_t> returned_{
      0};  // stack of places given back, index + 1; emptied as a whole by reserve
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
};

}  // namespace strongroom::frame
