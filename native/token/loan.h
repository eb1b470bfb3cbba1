// loan.h: using a shared thing without counting a reference. A thread writes down, where everybody
// can see it, which thing it is about to use, and then looks whether the thing is still there.
// Whoever takes a thing away looks afterwards who uses it, and leaves a reference with each. So
// nothing in use goes away, and what was taken away goes with its last use and no later.
//
// Both sides write first and then read what the other wrote, which processors turn round. The one
// who takes away, which is rare, makes every thread of the process pass a barrier (membarrier(2)),
// and the other side needs none. Where the system has no such call, both pay for their own.
#pragma once

#include <atomic>
#include <memory>

#include "token/spin_lock.h"

namespace strongroom::token {

// Loan: what one thread uses. Begun and ended by that thread alone.
class alignas(64) Loan {  // a cache line: what other threads write does not slow this one down
 public:
  // One of its own for a reference that is counted; goes with its end.
  static Loan* counted(std::shared_ptr<const void> thing);

  bool begun() const { return lent_.load(std::memory_order_relaxed) != nullptr; }
  // The thing may be used from here on if it can still be found after this call; else end at once.
  void begin(const void* thing) { lend(thing); }
  void end() {
    lend(nullptr);
    if (keeping_.load(std::memory_order_seq_cst)) let_go();
  }
  // Of a thing that can no longer be found: if this is a loan of it, it stays until the end. After
  // barrier(), from any thread.
  void keep_if_lent(const std::shared_ptr<const void>& thing);

  // What this thread has written is seen by, and what it reads from here on is not older than, each
  // begin and end that is over.
  static void barrier();

 private:
  void lend(const void* thing) {
    if (everybody_passes_barriers_) {
      lent_.store(thing, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler keeps the order, too
    } else {
      lent_.exchange(thing, std::memory_order_seq_cst);
    }
  }
  void let_go();
  void take_back(const void* thing);

  static const bool everybody_passes_barriers_;

  std::atomic<const void*> lent_{nullptr};
  std::atomic<bool> keeping_{false};
  SpinLock lock_;
  bool counted_ = false;
  std::shared_ptr<const void> kept_;  // guarded by lock_
};

}  // namespace strongroom::token
