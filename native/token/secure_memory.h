// secure_memory.h: where key material lives. One arena per process: locked, excluded from core
// dumps, wiped in a forked child. The token keeps no raw key outside it. What OpenSSL derives from
// one lies in OpenSSL's heap while a context lives: AES schedules (which hold the key's words) and
// the SHA-256 states of an HMAC key (which do not).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cryptoki/vendor.h"

namespace strongroom {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// initialise_secure_memory makes the arena and initialises OpenSSL's secure heap (unless the host
// already has). Idempotent, thread-safe. False: no memory at all. Not being lockable is not a
// failure.
bool initialise_secure_memory();
SR_MEMORY_RANGE arena_range();
SR_MEMORY_RANGE secure_heap_range();
bool secure_memory_locked();

// True in a process forked from the one that initialised (a canary on a wipe-on-fork page is zero).
bool forked();

// wipe overwrites length bytes; the compiler cannot remove it.
void wipe(void* data, std::size_t length);

// Secret: a byte string in the arena, wiped when released. Move-only. Empty after a failed
// allocation: check operator bool where length > 0.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t length);
  explicit Secret(Bytes source);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  explicit operator bool() const { return data_ != nullptr; }
  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return length_; }
  Bytes bytes() const { return {data_, length_}; }
  MutableBytes mutable_bytes() { return {data_, length_}; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t length_ = 0;
};

}  // namespace strongroom
