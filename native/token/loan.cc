#include "token/loan.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <utility>

namespace strongroom::token {
namespace {

bool membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

const bool Loan::everybody_passes_barriers_ = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);

void Loan::barrier() {
  if (everybody_passes_barriers_) {
    // Registered, also in a forked child: it fails only where somebody has forbidden it since, and
    // then nobody can know what is in use.
    if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) std::abort();
  } else {
    static std::atomic<unsigned> passed{0};
    passed.fetch_add(1, std::memory_order_seq_cst);
  }
}

Loan* Loan::counted(std::shared_ptr<const void> thing) {
  Loan* const loan = new Loan;
  loan->counted_ = true;
  loan->kept_ = std::move(thing);
  loan->keeping_.store(true, std::memory_order_relaxed);
  return loan;
}

void Loan::keep_if_lent(const std::shared_ptr<const void>& thing) {
  if (lent_.load(std::memory_order_seq_cst) != thing.get()) return;
  std::shared_ptr<const void> before = thing;
  {
    std::lock_guard lock(lock_);
    kept_.swap(before);  // what was kept of an earlier loan is over by now
    keeping_.store(true, std::memory_order_seq_cst);
  }
  barrier();
  // The loan may have ended before it could see that something is kept.
  if (lent_.load(std::memory_order_seq_cst) != thing.get()) take_back(thing.get());
}

void Loan::take_back(const void* thing) {
  std::shared_ptr<const void> gone;
  std::lock_guard lock(lock_);
  if (kept_.get() != thing) return;
  gone = std::move(kept_);
  keeping_.store(false, std::memory_order_relaxed);
}

void Loan::let_go() {
  if (counted_) {
    delete this;
    return;
  }
  std::shared_ptr<const void> gone;
  std::lock_guard lock(lock_);
  gone = std::move(kept_);
  keeping_.store(false, std::memory_order_relaxed);
}

}  // namespace strongroom::token
