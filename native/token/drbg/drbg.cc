// A tree of two levels (SP 800-90C: an RBG chain): one root seeded from the operating system, and
// an instance per thread seeded from the root. Only the root ever takes system entropy, and only on
// a thread that may wait. Threads that refill meet at the root's own lock inside OpenSSL, which is
// held for a few microseconds and never across a wait.
//
// The root's seed is what EVP's SEED-SRC reads from the system, plus 48 bytes that this module
// reads itself and puts through its health tests; either alone carries the full strength.
#include "token/drbg/drbg.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <string_view>

#include "token/drbg/ctr_drbg.h"
#include "token/drbg/entropy.h"
#include "token/no_wait.h"
#include "token/per_thread.h"
#include "token/self_test/self_test.h"

namespace strongroom::drbg {
namespace {

constexpr std::size_t kBufferBytes = 4096;
constexpr std::size_t kSeedBytes = 48;  // 256 bits of entropy and as a nonce 128 more
// Requests of 4 KiB: of one instance between two seeds from the root; of all together between two
// seeds of the root; and for threads that must not wait and so cannot reseed it. SP 800-90A allows
// 2^48.
constexpr unsigned kInstanceRequests = 1U << 12;
constexpr std::uint64_t kRootRequests = std::uint64_t{1} << 16;
constexpr std::uint64_t kRootRequestsNoWait = std::uint64_t{1} << 24;

Bytes text(std::string_view value) {
  return {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
}

class Root {
 public:
  // CKR_OK: seeded, and not due for more.
  CK_RV ensure_seeded();
  bool mix_in(Bytes entropy);
  EVP_RAND_CTX* as_parent() { return drbg_.as_parent(); }

  void request_reseed() {
    wants_entropy_.store(true, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_release);
  }
  void count_requests(std::uint64_t count) {
    requests_.fetch_add(count, std::memory_order_relaxed);
  }
  // Moves with every reseed: what was buffered before is not used after.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

 private:
  bool seed();

  std::mutex mutex_;  // held while seeding; a no-wait thread never takes it
  std::atomic<bool> wants_entropy_{true};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> epoch_{1};
  EntropySource entropy_;
  EVP_RAND_CTX* system_ = nullptr;
  CtrDrbg drbg_;
};

std::atomic<Root*>& current_root() {
  static std::atomic<Root*> instance{new Root};  // never destroyed
  return instance;
}
Root& root() { return *current_root().load(std::memory_order_acquire); }

CK_RV Root::ensure_seeded() {
  const bool wanted = wants_entropy_.load(std::memory_order_acquire);
  const std::uint64_t requests = requests_.load(std::memory_order_relaxed);
  if (!wanted && requests < kRootRequests) return CKR_OK;
  if (no_wait) return !wanted && requests < kRootRequestsNoWait ? CKR_OK : CKR_STRONGROOM_BUSY;

  const std::lock_guard lock(mutex_);
  if (!wants_entropy_.load(std::memory_order_relaxed) &&
      requests_.load(std::memory_order_relaxed) < kRootRequests)
    return CKR_OK;  // another thread did it
  if (!seed()) return CKR_RANDOM_NO_RNG;
  requests_.store(0, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  wants_entropy_.store(false, std::memory_order_release);
  return CKR_OK;
}

bool Root::seed() {
  if (algorithms::library() == nullptr) return false;
  Secret entropy(kSeedBytes);
  if (!entropy || !entropy_.take(entropy.mutable_bytes())) return false;
  if (system_ == nullptr) {
    system_ = EVP_RAND_CTX_new(algorithms::library()->seed_source, nullptr);
    if (system_ == nullptr) return false;
  }
  if (!drbg_.instantiated()) {
    if (EVP_RAND_get_state(system_) != EVP_RAND_STATE_READY &&
        EVP_RAND_instantiate(system_, 0, 0, nullptr, 0, nullptr) != 1)
      return false;
    if (!drbg_.instantiate(system_, text("Strongroom root"), 0) || !drbg_.enable_locking())
      return false;
  }
  return drbg_.reseed(entropy.bytes(), {});
}

bool Root::mix_in(Bytes entropy) {
  Secret output(kSeedBytes);  // made only because additional input comes with a request
  return output && drbg_.generate(output.mutable_bytes(), entropy);
}

// One thread's instance and the bytes it has in stock: the last `available_` bytes of the buffer.
class Stream {
 public:
  // Ready to generate: instantiated, and nothing in stock from before the root's last seed.
  CK_RV prepare();
  CK_RV generate(MutableBytes out);
  CK_RV reseed_from_root();

 private:
  CK_RV refill();
  void drop() {
    wipe(buffer_.data(), buffer_.size());
    available_ = 0;
  }

  Secret buffer_{kBufferBytes};
  std::size_t available_ = 0;
  std::uint64_t epoch_ = 0;
  CtrDrbg drbg_;
};

CK_RV Stream::prepare() {
  if (epoch_ == root().epoch()) return CKR_OK;
  drop();
  if (const CK_RV rv = root().ensure_seeded(); rv != CKR_OK) return rv;
  const std::uint64_t epoch = root().epoch();
  if (!buffer_) return CKR_HOST_MEMORY;
  if (!drbg_.instantiated() &&
      !drbg_.instantiate(root().as_parent(), text("Strongroom thread"), kInstanceRequests))
    return CKR_HOST_MEMORY;
  epoch_ = epoch;
  return CKR_OK;
}

CK_RV Stream::refill() {
  if (const CK_RV rv = root().ensure_seeded(); rv != CKR_OK) return rv;
  root().count_requests(1);
  // An instance that finds its parent reseeded reseeds from it before it generates.
  if (!drbg_.generate(buffer_.mutable_bytes(), {})) {
    drop();
    return CKR_RANDOM_NO_RNG;
  }
  available_ = kBufferBytes;
  return CKR_OK;
}

CK_RV Stream::generate(MutableBytes out) {
  if (out.size() > kBufferBytes) {
    if (const CK_RV rv = root().ensure_seeded(); rv != CKR_OK) return rv;
    root().count_requests(out.size() / kBufferBytes);
    return drbg_.generate(out, {}) ? CKR_OK : CKR_RANDOM_NO_RNG;
  }
  while (!out.empty()) {
    if (available_ == 0)
      if (const CK_RV rv = refill(); rv != CKR_OK) return rv;
    const std::size_t count = std::min(out.size(), available_);
    std::uint8_t* const stock = buffer_.data() + kBufferBytes - available_;
    std::memcpy(out.data(), stock, count);
    wipe(stock, count);
    available_ -= count;
    out = out.subspan(count);
  }
  return CKR_OK;
}

CK_RV Stream::reseed_from_root() {
  drop();
  return drbg_.reseed({}, {}) ? CKR_OK : CKR_RANDOM_NO_RNG;
}

constinit PerThread<Stream> streams;

// The calling thread's stream, ready; null with the reason in *rv.
Stream* ready_stream(CK_RV* rv) {
  *rv = self_test::require(self_test::Algorithm::kCtrDrbg);
  if (*rv != CKR_OK) return nullptr;
  Stream* const stream = streams.get();
  *rv = stream != nullptr ? stream->prepare() : CKR_HOST_MEMORY;
  return *rv == CKR_OK ? stream : nullptr;
}

}  // namespace

CK_RV generate(MutableBytes out) {
  CK_RV rv = CKR_OK;
  Stream* const stream = ready_stream(&rv);
  if (stream != nullptr) rv = stream->generate(out);
  if (rv != CKR_OK) wipe(out.data(), out.size());
  return rv;
}

CK_RV mix_in(Bytes entropy) {
  CK_RV rv = CKR_OK;
  Stream* const stream = ready_stream(&rv);
  if (stream == nullptr) return rv;
  if (!root().mix_in(entropy)) return CKR_RANDOM_NO_RNG;
  return stream->reseed_from_root();
}

void request_reseed() { root().request_reseed(); }

// The threads' streams follow by their generation.
void begin_anew() { current_root().store(new Root, std::memory_order_release); }

}  // namespace strongroom::drbg
