// file_system.h: the token's only way to a disk. Tests put a recording layer here that loses, tears
// and reorders whatever was not synced.
//
// Every function that fails answers false or null and leaves the cause in errno (ENOSPC, EIO,
// ENOENT, ...).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "token/secure_memory.h"

namespace strongroom::flash {

class File {
 public:
  virtual ~File() = default;
  // *got < out.size(): the file ends there.
  virtual bool read_at(std::uint64_t offset, MutableBytes out, std::size_t* got) = 0;
  // All of data or failure; after a failure any part of it may be there.
  virtual bool write_at(std::uint64_t offset, Bytes data) = 0;
  virtual bool truncate(std::uint64_t length) = 0;
  virtual bool size(std::uint64_t* length) = 0;
  // sync: data and length are durable. site names the caller (sync_sites.h), so that a test can
  // leave each one out. After a failure nobody knows what is durable, and a second sync does not
  // tell.
  virtual bool sync(const char* site) = 0;
};

enum class LockMode { kShared, kExclusive };

// FileLock: of a file that is there for it. Many may hold it shared, or one exclusively: processes,
// and objects within one. It ends with the process, however that ends, and with the object; a
// forked child does not have it.
class FileLock {
 public:
  virtual ~FileLock() = default;
  // Without wait, false with errno EWOULDBLOCK: somebody else holds it otherwise. Not for a holder.
  virtual bool take(LockMode mode, bool wait) = 0;
  virtual void release() = 0;
};

// SharedWords: a few numbers that all who have the same file open see change at once. They outlive
// their processes, and mean nothing after a power failure.
class SharedWords {
 public:
  using Word = std::atomic<std::uint64_t>;
  static_assert(Word::is_always_lock_free);
  static constexpr std::size_t kCount = 8;

  virtual ~SharedWords() = default;
  virtual std::array<Word, kCount>& words() = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Files are made with mode 0600, directories 0700.
  virtual std::unique_ptr<File> open(const std::string& path, bool create, bool exclusive) = 0;
  // False only if the path is certainly not there: what cannot be looked at exists.
  virtual bool exists(const std::string& path) = 0;
  // Names (not paths) in a directory, in no order, without "." and "..".
  virtual bool list(const std::string& directory, std::vector<std::string>* names) = 0;
  virtual bool rename(const std::string& from, const std::string& to) = 0;
  virtual bool remove(const std::string& path) = 0;
  // One level. True if the directory is there already.
  virtual bool make_directory(const std::string& path) = 0;
  // Names made, renamed and removed in the directory are durable.
  virtual bool sync_directory(const std::string& path, const char* site) = 0;
  // Both make the file. A lock is not taken yet; words of a new file are 0.
  virtual std::unique_ptr<FileLock> lock_file(const std::string& path) = 0;
  virtual std::unique_ptr<SharedWords> share(const std::string& path) = 0;
};

// The directory that holds path: everything before the last '/', "." if there is none.
std::string parent_directory(const std::string& path);

FileSystem& posix_file_system();
// Empty and without a disk: for a device that lives in memory. Contents are wiped when they go.
std::unique_ptr<FileSystem> memory_file_system();

}  // namespace strongroom::flash
