// write_gate.h: many may hold it shared, or one exclusively. The system's shared mutex lets whoever
// shares it pass one who waits to have it alone, and writers that never pause would keep it
// waiting; this one does not.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace strongroom::token {

class WriteGate {
 public:
  void lock() {
    const std::lock_guard first(turnstile_);
    gate_.lock();
  }
  void unlock() { gate_.unlock(); }
  void lock_shared() {
    const std::lock_guard first(turnstile_);
    gate_.lock_shared();
  }
  void unlock_shared() { gate_.unlock_shared(); }

 private:
  std::mutex turnstile_;  // held by whoever waits to have the gate alone
  std::shared_mutex gate_;
};

}  // namespace strongroom::token
