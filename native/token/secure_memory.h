// secure_memory.h: where key material lives. One arena per process: locked, excluded from core
// dumps, wiped in a forked child. The token keeps no raw key outside it. What OpenSSL makes of one
// lies in OpenSSL's heap while a context lives: AES schedules (which hold the key's words), the
// hash states of an HMAC key (which do not), and the numbers of an RSA private key, for which its
// providers have no other place. EC private keys lie in its secure heap.
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

// renew_secure_memory, in a forked child: a new arena, locked for this process. The parent's stays
// mapped, empty, for what still points into it. Library::begin_anew calls it last of all, since
// forked() is false from then on.
bool renew_secure_memory();

// Moves with renew_secure_memory: what a thread has kept from before belongs to another process.
unsigned process_generation();

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
