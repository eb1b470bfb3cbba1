// wiped_buffer.h: bytes of no known number that may be secret but are no keys: on the ordinary
// heap, and wiped wherever they have been.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "token/secure_memory.h"

namespace strongroom::token {

class WipedBuffer {
 public:
  WipedBuffer() = default;
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  ~WipedBuffer() { wipe(bytes_.get(), size_); }

  Bytes bytes() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }

  // False: out of memory, and nothing has changed.
  bool append(Bytes more) {
    if (more.size() > room_ - size_ && !grow(size_ + more.size())) return false;
    if (!more.empty()) std::memcpy(bytes_.get() + size_, more.data(), more.size());
    size_ += more.size();
    return true;
  }

  // Empties it; its room stays for the next message, but not that of a rare long one.
  void clear() {
    constexpr std::size_t kKept = 65536;
    wipe(bytes_.get(), size_);
    size_ = 0;
    if (room_ <= kKept) return;
    bytes_.reset();
    room_ = 0;
  }

 private:
  bool grow(std::size_t least) {
    const std::size_t room = std::max(least, 2 * room_);
    std::unique_ptr<std::uint8_t[]> fresh(new (std::nothrow) std::uint8_t[room]);
    if (fresh == nullptr) return false;
    if (size_ != 0) std::memcpy(fresh.get(), bytes_.get(), size_);
    wipe(bytes_.get(), size_);
    bytes_ = std::move(fresh);
    room_ = room;
    return true;
  }

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace strongroom::token
