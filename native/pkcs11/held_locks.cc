#include "pkcs11/held_locks.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>

namespace strongroom::pkcs11 {
namespace {

constexpr int kNone = -1;
std::array<std::atomic<int>, 2> held = {kNone, kNone};

// In the child, where only what is async-signal-safe may be called.
void close_in_child() {
  for (auto& each : held) {
    const int descriptor = each.exchange(kNone);
    if (descriptor != kNone) close(descriptor);
  }
}

// This process's descriptor of a file; kNone if it has none, or none can be told.
int descriptor_of(const std::string& path) {
  struct stat wanted {};
  if (stat(path.c_str(), &wanted) != 0) return kNone;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(opendir("/proc/self/fd"), closedir);
  if (list == nullptr) return kNone;
  // The stream is this call's own.
  while (const dirent* const entry = readdir(list.get())) {  // NOLINT(concurrency-mt-unsafe)
    char* end = nullptr;
    const long number = std::strtol(entry->d_name, &end, 10);
    struct stat status {};
    if (*end == '\0' && fstat(static_cast<int>(number), &status) == 0 &&
        status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino) {
      return static_cast<int>(number);
    }
  }
  return kNone;
}

}  // namespace

void note_held_locks(const std::string& flash_directory, const std::string& root_directory) {
  static const bool registered = pthread_atfork(nullptr, nullptr, close_in_child) == 0;
  if (!registered) return;
  held[0] = descriptor_of(flash_directory + "/lock");
  held[1] = descriptor_of(root_directory + "/lock");
}

void forget_held_locks() {
  for (auto& each : held) each = kNone;
}

}  // namespace strongroom::pkcs11
