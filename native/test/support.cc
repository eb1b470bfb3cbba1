#include "test/support.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

// LeakSanitizer must look into the two ranges it does not know: OpenSSL keeps DRBG states in its
// secure heap, and those point at ordinary memory. Weak: absent without AddressSanitizer.
extern "C" __attribute__((weak)) void __lsan_register_root_region(const void* start,
                                                                  std::size_t length);

namespace strongroom::test {
namespace {

[[maybe_unused]] const bool roots_registered = [] {
  if (!initialise_secure_memory() || __lsan_register_root_region == nullptr) return false;
  for (const SR_MEMORY_RANGE range : {arena_range(), secure_heap_range()})
    __lsan_register_root_region(range.pStart, range.ulLength);
  return true;
}();

struct Mapping {
  std::uintptr_t start;
  std::uintptr_t end;
  std::string line;
};

// All of them before the scan begins, so that the scan's own memory does not move the list.
std::vector<Mapping> readable_mappings() {
  std::vector<Mapping> mappings;
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  char line[1024];
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    Mapping mapping{0, 0, line};
    char permissions[8];
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &mapping.start, &mapping.end,
                    permissions) == 3 &&
        permissions[0] == 'r')
      mappings.push_back(mapping);
  }
  if (maps != nullptr) std::fclose(maps);
  return mappings;
}

bool inside(const Mapping& mapping, SR_MEMORY_RANGE range) {
  const auto start = reinterpret_cast<std::uintptr_t>(range.pStart);
  return mapping.start >= start && mapping.end <= start + range.ulLength;
}

}  // namespace

Needle::Needle(Bytes secret) {
  masked_.reserve(secret.size());
  for (const std::uint8_t byte : secret) masked_.push_back(byte ^ kMask);
}

bool Needle::at(const std::uint8_t* data) const {
  for (std::size_t i = 0; i < masked_.size(); ++i)
    if ((data[i] ^ kMask) != masked_[i]) return false;
  return true;
}

std::vector<std::string> find_in_memory(const Needle& needle, std::size_t* scanned) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  // Sanitizers reserve terabytes of shadow; none of the program's own mappings comes near this.
  constexpr std::size_t kLargest = std::size_t{1} << 32;
  const std::vector<Mapping> mappings = readable_mappings();
  Buffer chunk(kChunk + needle.size());
  std::vector<std::string> found;
  *scanned = 0;
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (memory < 0) return {"/proc/self/mem cannot be opened"};
  for (const Mapping& mapping : mappings) {
    if (mapping.end - mapping.start > kLargest || inside(mapping, arena_range()) ||
        inside(mapping, secure_heap_range()))
      continue;
    for (std::uintptr_t at = mapping.start; at < mapping.end; at += kChunk) {
      const std::size_t wanted = std::min<std::size_t>(chunk.size(), mapping.end - at);
      const ssize_t got = pread(memory, chunk.data(), wanted, static_cast<off_t>(at));
      if (got < static_cast<ssize_t>(needle.size())) continue;
      *scanned += static_cast<std::size_t>(got);
      const std::uint8_t* const last = chunk.data() + got - needle.size();
      for (const std::uint8_t* p = chunk.data(); p <= last; ++p) {
        p = static_cast<const std::uint8_t*>(
            std::memchr(p, needle.first(), static_cast<std::size_t>(last - p) + 1));
        if (p == nullptr) break;
        // The chunk may hold copies of itself from the heap; only what is not in it counts.
        const std::uintptr_t address = at + static_cast<std::uintptr_t>(p - chunk.data());
        const auto own = reinterpret_cast<std::uintptr_t>(chunk.data());
        if (needle.at(p) && (address < own || address >= own + chunk.size()))
          found.push_back(mapping.line);
      }
    }
    wipe(chunk.data(), chunk.size());
  }
  close(memory);
  return found;
}

}  // namespace strongroom::test
