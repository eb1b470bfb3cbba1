// posix_file_system.cc: FileSystem over the operating system's files.

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "token/flash/file_system.h"

namespace strongroom::flash {

std::string parent_directory(const std::string& path) {
  const std::size_t last = path.find_last_not_of('/');
  if (last == std::string::npos) return path.empty() ? "." : "/";
  const std::size_t slash = path.find_last_of('/', last);
  if (slash == std::string::npos) return ".";
  const std::size_t end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

namespace {

// Calls again while a signal interrupts.
template <class Call>
auto uninterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

class PosixFile final : public File {
 public:
  explicit PosixFile(int descriptor) : descriptor_(descriptor) {}
  // Not repeated on EINTR: on Linux the descriptor is gone either way.
  ~PosixFile() override { ::close(descriptor_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  bool read_at(std::uint64_t offset, MutableBytes out, std::size_t* got) override {
    *got = 0;
    while (*got < out.size()) {
      const ssize_t count = uninterrupted([&] {
        return ::pread(descriptor_, out.data() + *got, out.size() - *got,
                       static_cast<off_t>(offset + *got));
      });
      if (count < 0) return false;
      if (count == 0) break;
      *got += static_cast<std::size_t>(count);
    }
    return true;
  }

  bool write_at(std::uint64_t offset, Bytes data) override {
    std::size_t done = 0;
    while (done < data.size()) {
      const ssize_t count = uninterrupted([&] {
        return ::pwrite(descriptor_, data.data() + done, data.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (count < 0) return false;
      if (count == 0) {
        errno = EIO;
        return false;
      }
      done += static_cast<std::size_t>(count);
    }
    return true;
  }

  bool truncate(std::uint64_t length) override {
    return uninterrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(length)); }) == 0;
  }

  bool size(std::uint64_t* length) override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return false;
    *length = static_cast<std::uint64_t>(status.st_size);
    return true;
  }

  // fdatasync leaves out times only: a changed length is written.
  bool sync(const char*) override {
    return uninterrupted([&] { return ::fdatasync(descriptor_); }) == 0;
  }

 private:
  int descriptor_;
};

// The descriptors of this process's locks. A flock belongs to the open file, and a forked child has
// that file open too: as long as it lived the lock would stay taken, also when its parent has died.
// So the child closes them at once.
class LockDescriptors {
 public:
  // False: no place for another one.
  static bool note(int descriptor) {
    static const bool registered = ::pthread_atfork(nullptr, nullptr, close_in_child) == 0;
    if (!registered) return false;
    for (auto& place : places()) {
      int none = kNone;
      if (place.compare_exchange_strong(none, descriptor)) return true;
    }
    return false;
  }

  // Before the descriptor is closed: its number may then mean another file.
  static void forget(int descriptor) {
    for (auto& place : places()) {
      int noted = descriptor;
      if (place.compare_exchange_strong(noted, kNone)) return;
    }
  }

 private:
  static constexpr int kNone = 0;  // standard input is nobody's lock
  using Places = std::array<std::atomic<int>, 1024>;
  static Places& places() {
    static Places descriptors{};
    return descriptors;
  }
  // Only what is async-signal-safe may be called here.
  static void close_in_child() {
    for (auto& place : places()) {
      const int descriptor = place.exchange(kNone);
      if (descriptor != kNone) ::close(descriptor);
    }
  }
};

// flock, since its locks belong to the open file: POSIX record locks belong to the process, let a
// second opener inside it pass, and are dropped when any descriptor of the file is closed.
class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int descriptor)
      : descriptor_(descriptor), noted_(LockDescriptors::note(descriptor)) {}
  ~PosixLock() override {
    LockDescriptors::forget(descriptor_);
    ::close(descriptor_);
  }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

  bool noted() const { return noted_; }
  bool take(LockMode mode, bool wait) override {
    const int kind = (mode == LockMode::kShared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
    return uninterrupted([&] { return ::flock(descriptor_, kind); }) == 0;
  }
  void release() override { ::flock(descriptor_, LOCK_UN); }

 private:
  const int descriptor_;
  const bool noted_;
};

constexpr std::size_t kSharedBytes = 4096;

class PosixSharedWords final : public SharedWords {
 public:
  explicit PosixSharedWords(void* memory) : memory_(memory) {}
  ~PosixSharedWords() override { ::munmap(memory_, kSharedBytes); }
  PosixSharedWords(const PosixSharedWords&) = delete;
  PosixSharedWords& operator=(const PosixSharedWords&) = delete;

  std::array<Word, kCount>& words() override {
    return *static_cast<std::array<Word, kCount>*>(memory_);
  }

 private:
  void* const memory_;
};

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, bool create, bool exclusive) override {
    const int flags =
        O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0) | (create && exclusive ? O_EXCL : 0);
    const int descriptor = uninterrupted([&] { return ::open(path.c_str(), flags, 0600); });
    if (descriptor < 0) return nullptr;
    return std::make_unique<PosixFile>(descriptor);
  }

  bool exists(const std::string& path) override {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
  }

  bool list(const std::string& directory, std::vector<std::string>* names) override {
    names->clear();
    DIR* stream = ::opendir(directory.c_str());
    if (stream == nullptr) return false;
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(stream, ::closedir);
    for (;;) {
      errno = 0;
      // The stream is this call's own.
      const dirent* entry = ::readdir(stream);  // NOLINT(concurrency-mt-unsafe)
      if (entry == nullptr) return errno == 0;
      std::string name = entry->d_name;
      if (name != "." && name != "..") names->push_back(std::move(name));
    }
  }

  bool rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0;
  }

  bool remove(const std::string& path) override { return ::unlink(path.c_str()) == 0; }

  bool make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return true;
    if (errno != EEXIST) return false;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return false;
    if (S_ISDIR(status.st_mode)) return true;
    errno = ENOTDIR;
    return false;
  }

  // The whole fsync: a directory's names are its data, and what fdatasync owes them is not written
  // down.
  bool sync_directory(const std::string& path, const char*) override {
    const int descriptor =
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return false;
    const bool synced = uninterrupted([&] { return ::fsync(descriptor); }) == 0;
    const int cause = errno;
    ::close(descriptor);
    errno = cause;
    return synced;
  }

  std::unique_ptr<FileLock> lock_file(const std::string& path) override {
    const int descriptor =
        uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
    if (descriptor < 0) return nullptr;
    auto lock = std::make_unique<PosixLock>(descriptor);
    if (lock->noted()) return lock;
    errno = ENOLCK;
    return nullptr;
  }

  std::unique_ptr<SharedWords> share(const std::string& path) override {
    const int descriptor =
        uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
    if (descriptor < 0) return nullptr;
    PosixFile file(descriptor);
    // Blocks of its own, not a hole: a full disk is to be an error here, and no signal later.
    std::uint64_t length = 0;
    if (!file.size(&length)) return nullptr;
    if (length < kSharedBytes) {
      const std::vector<std::uint8_t> zeros(kSharedBytes - length);
      if (!file.write_at(length, zeros)) return nullptr;
    }
    void* const memory =
        ::mmap(nullptr, kSharedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? nullptr : std::make_unique<PosixSharedWords>(memory);
  }
};

}  // namespace

FileSystem& posix_file_system() {
  // Never destroyed: a device may be closed while the process exits.
  static FileSystem* const instance = new PosixFileSystem;
  return *instance;
}

}  // namespace strongroom::flash
