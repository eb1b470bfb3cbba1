// in_process_lock.h: FileLock for file systems that are not the operating system's.
#pragma once

#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "token/flash/file_system.h"

namespace strongroom::flash {

class InProcessLock final : public FileLock {
 public:
  // State: one file's. Every object that locks the file shares it.
  struct State {
    std::mutex mutex;
    std::condition_variable released;
    std::size_t sharing = 0;
    bool exclusive = false;
  };

  explicit InProcessLock(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~InProcessLock() override { release(); }
  InProcessLock(const InProcessLock&) = delete;
  InProcessLock& operator=(const InProcessLock&) = delete;

  bool take(LockMode mode, bool wait) override {
    std::unique_lock lock(state_->mutex);
    const auto free = [&] {
      return !state_->exclusive && (mode == LockMode::kShared || state_->sharing == 0);
    };
    if (wait) state_->released.wait(lock, free);
    if (!free()) {
      errno = EWOULDBLOCK;
      return false;
    }
    mode_ = mode;
    held_ = true;
    if (mode == LockMode::kShared) {
      ++state_->sharing;
    } else {
      state_->exclusive = true;
    }
    return true;
  }

  void release() override {
    if (!held_) return;
    held_ = false;
    const std::lock_guard lock(state_->mutex);
    if (mode_ == LockMode::kShared) {
      --state_->sharing;
    } else {
      state_->exclusive = false;
    }
    state_->released.notify_all();
  }

 private:
  const std::shared_ptr<State> state_;
  LockMode mode_ = LockMode::kShared;
  bool held_ = false;
};

}  // namespace strongroom::flash
