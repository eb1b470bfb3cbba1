// spin_lock.h: a one-byte lock for sections of a few instructions (copying a reference). Never held
// across anything that can wait, so that a no-wait thread may take it.
#pragma once

#include <atomic>
#include <thread>

namespace strongroom::token {

class SpinLock {
 public:
  void lock() {
    unsigned tries = 0;
    while (held_.exchange(true, std::memory_order_acquire)) {
      // The holder may have lost its processor: let it run instead of burning this one.
      while (held_.load(std::memory_order_relaxed)) {
        if (++tries % 64 == 0) std::this_thread::yield();
      }
    }
  }
  bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

}  // namespace strongroom::token
