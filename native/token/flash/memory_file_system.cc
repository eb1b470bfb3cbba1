// memory_file_system.cc: FileSystem without a disk, for devices that live in memory only.

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>

#include "token/flash/in_process_lock.h"

namespace strongroom::flash {
namespace {

struct Content {
  std::mutex mutex;
  std::vector<std::uint8_t> bytes;
  InProcessLock::State lock;
  std::array<SharedWords::Word, SharedWords::kCount> words{};

  Content() = default;
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  ~Content() { wipe(bytes.data(), bytes.size()); }

  // Grows through a copy of its own, so that the old bytes are wiped before they are freed.
  void resize(std::size_t length) {
    if (length < bytes.size()) wipe(bytes.data() + length, bytes.size() - length);
    if (length > bytes.capacity()) {
      std::vector<std::uint8_t> larger;
      larger.reserve(std::max(length, 2 * bytes.capacity()));
      larger.assign(bytes.begin(), bytes.end());
      wipe(bytes.data(), bytes.size());
      bytes.swap(larger);
    }
    bytes.resize(length);
  }
};

class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::shared_ptr<Content> content) : content_(std::move(content)) {}

  bool read_at(std::uint64_t offset, MutableBytes out, std::size_t* got) override {
    const std::lock_guard guard(content_->mutex);
    const auto& bytes = content_->bytes;
    const std::size_t start = std::min<std::size_t>(offset, bytes.size());
    *got = std::min(out.size(), bytes.size() - start);
    std::copy_n(bytes.data() + start, *got, out.data());
    return true;
  }

  bool write_at(std::uint64_t offset, Bytes data) override {
    const std::lock_guard guard(content_->mutex);
    if (offset + data.size() > content_->bytes.size()) content_->resize(offset + data.size());
    std::copy(data.begin(), data.end(), content_->bytes.data() + offset);
    return true;
  }

  bool truncate(std::uint64_t length) override {
    const std::lock_guard guard(content_->mutex);
    content_->resize(length);
    return true;
  }

  bool size(std::uint64_t* length) override {
    const std::lock_guard guard(content_->mutex);
    *length = content_->bytes.size();
    return true;
  }

  bool sync(const char*) override { return true; }

 private:
  std::shared_ptr<Content> content_;
};

class MemorySharedWords final : public SharedWords {
 public:
  explicit MemorySharedWords(std::shared_ptr<Content> content) : content_(std::move(content)) {}
  std::array<Word, kCount>& words() override { return content_->words; }

 private:
  std::shared_ptr<Content> content_;
};

class MemoryFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, bool create, bool exclusive) override {
    auto content = find(path, create, exclusive);
    return content == nullptr ? nullptr : std::make_unique<MemoryFile>(std::move(content));
  }

  bool exists(const std::string& path) override {
    const std::lock_guard guard(mutex_);
    return files_.contains(path) || directories_.contains(path);
  }

  bool list(const std::string& directory, std::vector<std::string>* names) override {
    const std::lock_guard guard(mutex_);
    names->clear();
    if (!directories_.contains(directory)) return fail(ENOENT);
    for (const auto& [path, content] : files_) {
      if (parent_directory(path) == directory) names->push_back(path.substr(directory.size() + 1));
    }
    return true;
  }

  bool rename(const std::string& from, const std::string& to) override {
    const std::lock_guard guard(mutex_);
    const auto file = files_.find(from);
    if (file == files_.end()) return fail(ENOENT);
    auto content = std::move(file->second);
    files_.erase(file);
    files_[to] = std::move(content);
    return true;
  }

  bool remove(const std::string& path) override {
    const std::lock_guard guard(mutex_);
    return files_.erase(path) == 1 || fail(ENOENT);
  }

  bool make_directory(const std::string& path) override {
    const std::lock_guard guard(mutex_);
    directories_.insert(path);
    return true;
  }

  bool sync_directory(const std::string&, const char*) override { return true; }

  std::unique_ptr<FileLock> lock_file(const std::string& path) override {
    auto content = find(path, true, false);
    return std::make_unique<InProcessLock>(
        std::shared_ptr<InProcessLock::State>(content, &content->lock));
  }
  std::unique_ptr<SharedWords> share(const std::string& path) override {
    return std::make_unique<MemorySharedWords>(find(path, true, false));
  }

 private:
  static bool fail(int cause) {
    errno = cause;
    return false;
  }

  std::shared_ptr<Content> find(const std::string& path, bool create, bool exclusive) {
    const std::lock_guard guard(mutex_);
    auto file = files_.find(path);
    if (file == files_.end()) {
      if (!create) {
        errno = ENOENT;
        return nullptr;
      }
      file = files_.emplace(path, std::make_shared<Content>()).first;
    } else if (create && exclusive) {
      errno = EEXIST;
      return nullptr;
    }
    return file->second;
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_;
  std::set<std::string> directories_;
};

}  // namespace

std::unique_ptr<FileSystem> memory_file_system() { return std::make_unique<MemoryFileSystem>(); }

}  // namespace strongroom::flash
