#include "token/self_test/integrity.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "token/algorithms/unchecked.h"

namespace strongroom::self_test {
namespace {

// The same text stands in scripts/write-integrity.mjs.
constexpr std::string_view kIntegrityKey = "Strongroom module integrity, version 1";

using Digest = std::array<std::uint8_t, algorithms::unchecked::kSha256Bytes>;

// A file mapped for reading; empty when it cannot be.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    struct stat status {};
    if (fstat(descriptor, &status) == 0 && status.st_size > 0) {
      const auto length = static_cast<std::size_t>(status.st_size);
      void* const data = mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (data != MAP_FAILED) bytes_ = {static_cast<const std::uint8_t*>(data), length};
    }
    close(descriptor);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (!bytes_.empty()) munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
  }
  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// The loaded object that holds this code.
struct Module {
  bool found = false;
  std::string name;  // empty for the program itself
  std::uintptr_t base = 0;
  const ElfW(Phdr) * headers = nullptr;
  std::size_t header_count = 0;
};

int look_at(dl_phdr_info* info, std::size_t, void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(&look_at);
  for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type != PT_LOAD || address < start || address >= start + header.p_memsz) continue;
    *static_cast<Module*>(data) = {true, info->dlpi_name, info->dlpi_addr, info->dlpi_phdr,
                                   info->dlpi_phnum};
    return 1;
  }
  return 0;
}

Module this_module() {
  Module module;
  dl_iterate_phdr(look_at, &module);
  return module;
}

int nibble(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// 64 lower-case hexadecimal digits and a line end.
bool parse(Bytes text, Digest& digest) {
  if (text.size() != 2 * digest.size() + 1 || text.back() != '\n') return false;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = nibble(static_cast<char>(text[2 * i]));
    const int low = nibble(static_cast<char>(text[2 * i + 1]));
    if (high < 0 || low < 0) return false;
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

// Plain comparison of all bytes. Not memcmp: a sanitizer's red zones between constants are part of
// the module too, and reading them here is no error.
__attribute__((no_sanitize("address"))) bool equal_bytes(const std::uint8_t* a,
                                                         const std::uint8_t* b,
                                                         std::size_t length) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < length; ++i)
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

// Segments that are not writable are mapped as they are in the file: relocations touch only
// writable ones.
bool memory_matches(const Module& module, Bytes file) {
  bool code_seen = false;
  for (std::size_t i = 0; i < module.header_count; ++i) {
    const ElfW(Phdr)& header = module.headers[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    if (header.p_offset > file.size() || header.p_filesz > file.size() - header.p_offset)
      return false;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers
    const auto* const loaded = reinterpret_cast<const std::uint8_t*>(module.base + header.p_vaddr);
    if (!equal_bytes(loaded, file.data() + header.p_offset, header.p_filesz)) return false;
    code_seen = code_seen || (header.p_flags & PF_X) != 0;
  }
  return code_seen;
}

}  // namespace

std::string module_file() {
  const Module module = this_module();
  if (!module.found) return {};
  const char* const name = module.name.empty() ? "/proc/self/exe" : module.name.c_str();
  const std::unique_ptr<char, decltype(&std::free)> path(realpath(name, nullptr), std::free);
  return path != nullptr ? path.get() : std::string();
}

bool module_is_intact(const std::string& file, const std::string& digest_file, bool corrupt) {
  const MappedFile module(file);
  const MappedFile text(digest_file);
  Digest expected{};
  Digest computed{};
  if (module.bytes().empty() || !parse(text.bytes(), expected)) return false;
  const auto key = algorithms::Key::make(Secret(
      Bytes(reinterpret_cast<const std::uint8_t*>(kIntegrityKey.data()), kIntegrityKey.size())));
  if (key == nullptr ||
      algorithms::unchecked::hmac_sha256(*key, {module.bytes()}, computed) != CKR_OK)
    return false;
  if (corrupt) computed[0] ^= 1;
  return algorithms::equal_constant_time(computed, expected) &&
         memory_matches(this_module(), module.bytes());
}

}  // namespace strongroom::self_test
