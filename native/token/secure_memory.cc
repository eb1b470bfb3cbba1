#include "token/secure_memory.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace strongroom {
namespace {

// The arena and the secure heap share the 8 MiB that RLIMIT_MEMLOCK usually allows.
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kArenaPages = 1024;
constexpr std::size_t kCanaryBytes = kPageBytes;
constexpr std::size_t kArenaBytes = kArenaPages * kPageBytes + kCanaryBytes;
constexpr std::size_t kSecureHeapBytes = std::size_t{1} << 20;
constexpr std::size_t kSecureHeapMinimum = 32;
constexpr std::uint32_t kCanary = 0x5372c0de;

// Blocks below a page: a page holds blocks of one class. Everything larger takes whole pages in a
// row. 1344 is for RSA-2048 keys: three to a page.
constexpr std::array<std::uint16_t, 13> kClassBytes = {16,  32,  48,  64,   96,   128, 192,
                                                       256, 384, 512, 1024, 1344, 2048};
constexpr std::uint16_t kNone = 0xffff;

enum class PageUse : std::uint8_t { kFree, kBlocks, kRunStart, kRunRest };

// The book about one arena page. Kept outside the arena, which holds secrets and nothing else.
struct Page {
  PageUse use;
  std::uint8_t size_class;
  std::uint16_t used;   // blocks handed out
  std::uint16_t fresh;  // blocks from this index on were never handed out
  std::uint16_t
      free_head;       // index of the first released block; its first two bytes name the next one
  std::uint16_t next;  // pages of one class with room, as a list
  std::uint16_t previous;
  std::uint16_t run_pages;  // kRunStart: pages in the run
};

class Arena {
 public:
  bool map();
  bool locked() const { return locked_; }
  SR_MEMORY_RANGE range() const { return {base_, base_ ? kArenaBytes : 0}; }
  bool wiped_by_fork() const {
    return base_ != nullptr && canary()->load(std::memory_order_relaxed) != kCanary;
  }

  // Zeroed memory, or null when the arena is full.
  std::uint8_t* allocate(std::size_t length);
  // Takes back memory whose bytes the caller has wiped.
  void release(std::uint8_t* data);

 private:
  std::atomic<std::uint32_t>* canary() const {
    return reinterpret_cast<std::atomic<std::uint32_t>*>(base_);
  }
  std::uint8_t* page_data(std::size_t page) const {
    return base_ + kCanaryBytes + page * kPageBytes;
  }
  std::uint16_t take_run(std::size_t pages);
  void give_run(std::uint16_t first);
  std::uint8_t* take_block(std::uint8_t size_class);
  void give_block(std::uint16_t page, std::uint8_t* data);
  void link(std::uint16_t page);
  void unlink(std::uint16_t page);

  std::uint8_t* base_ = nullptr;
  bool locked_ = false;
  std::mutex mutex_;  // held for some tens of nanoseconds; wiping happens outside it
  std::array<Page, kArenaPages> pages_{};
  std::array<std::uint16_t, kClassBytes.size()> with_room_{};
};

bool Arena::map() {
  with_room_.fill(kNone);
  void* memory =
      mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  // Without wipe-on-fork (Linux before 4.14) a forked child would keep keys and not know that it is
  // one.
  if (madvise(memory, kArenaBytes, MADV_DONTDUMP) != 0 ||
      madvise(memory, kArenaBytes, MADV_WIPEONFORK) != 0) {
    munmap(memory, kArenaBytes);
    return false;
  }
  // The lowest pages are used first: where not all can be locked, lock as many of those as the
  // limit allows.
  for (std::size_t length = kArenaBytes; length >= kPageBytes * 2; length /= 2) {
    if (mlock(memory, length) != 0) continue;
    locked_ = length == kArenaBytes;
    break;
  }
  base_ = static_cast<std::uint8_t*>(memory);
  canary()->store(kCanary, std::memory_order_relaxed);
  return true;
}

std::uint8_t* Arena::allocate(std::size_t length) {
  if (base_ == nullptr || length > kArenaPages * kPageBytes) return nullptr;
  std::uint8_t* data = nullptr;
  if (length <= kClassBytes.back()) {
    const auto found = std::lower_bound(kClassBytes.begin(), kClassBytes.end(), length);
    const std::lock_guard lock(mutex_);
    data = take_block(static_cast<std::uint8_t>(found - kClassBytes.begin()));
  } else {
    const std::lock_guard lock(mutex_);
    const std::uint16_t first = take_run((length + kPageBytes - 1) / kPageBytes);
    if (first == kNone) return nullptr;
    pages_[first].use = PageUse::kRunStart;
    data = page_data(first);
  }
  return data;
}

void Arena::release(std::uint8_t* data) {
  // From the arena of a parent process.
  const std::less<const std::uint8_t*> before;
  if (before(data, base_) || !before(data, base_ + kArenaBytes)) return;
  const auto page =
      static_cast<std::uint16_t>(static_cast<std::size_t>(data - page_data(0)) / kPageBytes);
  const std::lock_guard lock(mutex_);
  if (pages_[page].use == PageUse::kBlocks)
    give_block(page, data);
  else
    give_run(page);
}

std::uint16_t Arena::take_run(std::size_t pages) {
  std::size_t length = 0;
  for (std::size_t page = 0; page < kArenaPages; ++page) {
    length = pages_[page].use == PageUse::kFree ? length + 1 : 0;
    if (length < pages) continue;
    const std::size_t first = page + 1 - pages;
    for (std::size_t i = first; i <= page; ++i) pages_[i].use = PageUse::kRunRest;
    pages_[first].run_pages = static_cast<std::uint16_t>(pages);
    return static_cast<std::uint16_t>(first);
  }
  return kNone;
}

void Arena::give_run(std::uint16_t first) {
  const std::size_t end = first + std::size_t{pages_[first].run_pages};
  for (std::size_t page = first; page < end; ++page) pages_[page].use = PageUse::kFree;
}

std::uint8_t* Arena::take_block(std::uint8_t size_class) {
  const std::size_t block_bytes = kClassBytes[size_class];
  std::uint16_t page = with_room_[size_class];
  if (page == kNone) {
    page = take_run(1);
    if (page == kNone) return nullptr;
    pages_[page] = {PageUse::kBlocks, size_class, 0, 0, kNone, kNone, kNone, 1};
    link(page);
  }
  Page& book = pages_[page];
  std::uint8_t* data = nullptr;
  if (book.free_head != kNone) {
    data = page_data(page) + book.free_head * block_bytes;
    std::memcpy(&book.free_head, data, sizeof book.free_head);
    std::memset(data, 0, sizeof book.free_head);
  } else {
    data = page_data(page) + book.fresh++ * block_bytes;
  }
  if (++book.used == kPageBytes / block_bytes) unlink(page);
  return data;
}

void Arena::give_block(std::uint16_t page, std::uint8_t* data) {
  Page& book = pages_[page];
  const std::size_t block_bytes = kClassBytes[book.size_class];
  if (book.used-- == kPageBytes / block_bytes) link(page);
  // A class keeps its last page, so that one secret coming and going does not take and give a page
  // each time.
  const bool only_page = book.next == kNone && book.previous == kNone;
  if (book.used == 0 && !only_page) {
    std::memset(page_data(page), 0, kPageBytes);  // the list links; the secrets are wiped already
    unlink(page);
    give_run(page);
    return;
  }
  std::memcpy(data, &book.free_head, sizeof book.free_head);
  book.free_head =
      static_cast<std::uint16_t>(static_cast<std::size_t>(data - page_data(page)) / block_bytes);
}

void Arena::link(std::uint16_t page) {
  std::uint16_t& head = with_room_[pages_[page].size_class];
  pages_[page].previous = kNone;
  pages_[page].next = head;
  if (head != kNone) pages_[head].previous = page;
  head = page;
}

void Arena::unlink(std::uint16_t page) {
  Page& book = pages_[page];
  if (book.previous != kNone)
    pages_[book.previous].next = book.next;
  else
    with_room_[book.size_class] = book.next;
  if (book.next != kNone) pages_[book.next].previous = book.previous;
  book.next = book.previous = kNone;
}

// The mapping that holds address, from the kernel's list. OpenSSL puts guard pages on both sides of
// its secure heap, so that mapping is the heap and nothing else.
SR_MEMORY_RANGE mapping_of(const void* address) {
  SR_MEMORY_RANGE range{nullptr, 0};
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return range;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    void* start = nullptr;
    void* end = nullptr;
    if (std::sscanf(line, "%p-%p", &start, &end) != 2 || std::less<>{}(address, start) ||
        !std::less<>{}(address, end))
      continue;
    range = {start, static_cast<CK_ULONG>(static_cast<char*>(end) - static_cast<char*>(start))};
    break;
  }
  static_cast<void>(std::fclose(maps));
  return range;
}

struct SecureMemory {
  Arena arena;
  SR_MEMORY_RANGE heap{nullptr, 0};
  bool usable = false;
  bool locked = false;

  SecureMemory() {
    if (!arena.map()) return;
    if (CRYPTO_secure_malloc_initialized() == 0)
      CRYPTO_secure_malloc_init(kSecureHeapBytes, kSecureHeapMinimum);
    if (CRYPTO_secure_malloc_initialized() == 0) return;
    void* probe = OPENSSL_secure_malloc(kSecureHeapMinimum);
    if (probe == nullptr) return;
    heap = mapping_of(probe);
    OPENSSL_secure_free(probe);
    if (heap.pStart == nullptr) return;
    // Already locked memory counts once, so this asks (and, for a host's heap, makes sure).
    locked = arena.locked() && mlock(heap.pStart, heap.ulLength) == 0;
    usable = true;
  }
};

// Never destroyed: another thread may release a secret while the process exits.
std::atomic<SecureMemory*>& current() {
  static std::atomic<SecureMemory*> instance{new SecureMemory};
  return instance;
}
SecureMemory& memory() { return *current().load(std::memory_order_acquire); }

std::atomic<unsigned> generation{0};

}  // namespace

bool initialise_secure_memory() { return memory().usable; }
SR_MEMORY_RANGE arena_range() { return memory().arena.range(); }
SR_MEMORY_RANGE secure_heap_range() { return memory().heap; }
bool secure_memory_locked() { return memory().locked; }
bool forked() { return memory().arena.wiped_by_fork(); }

bool renew_secure_memory() {
  auto fresh = std::make_unique<SecureMemory>();
  if (!fresh->usable) return false;
  generation.fetch_add(1, std::memory_order_release);
  current().store(fresh.release(), std::memory_order_release);
  return true;
}

unsigned process_generation() { return generation.load(std::memory_order_acquire); }

void wipe(void* data, std::size_t length) {
  if (length == 0) return;
  std::memset(data, 0, length);
  // The barrier claims to read the bytes, so the writes above cannot be dropped as dead.
  __asm__ volatile("" : : "r"(data) : "memory");
}

Secret::Secret(std::size_t length) {
  if (length == 0 || !memory().usable) return;
  data_ = memory().arena.allocate(length);
  if (data_ != nullptr) length_ = length;
}

Secret::Secret(Bytes source) : Secret(source.size()) {
  if (data_ != nullptr) std::memcpy(data_, source.data(), source.size());
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), length_(std::exchange(other.length_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(length_, other.length_);
  return *this;
}

Secret::~Secret() {
  if (data_ == nullptr) return;
  wipe(data_, length_);
  memory().arena.release(data_);
}

}  // namespace strongroom
