// recording_file_system.cc: the disk of the crash tests. Long because the whole model of what a
// crash may leave (lost, torn, reordered; files and directories) stands in one place, to be judged
// as one.

#include "test/recording_file_system.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "token/flash/sync_sites.h"

namespace strongroom::test {
namespace {

constexpr std::size_t kSectorBytes = 512;

bool fail(int cause) {
  errno = cause;
  return false;
}

std::string last_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

class RecordingFileSystem::OpenFile final : public flash::File {
 public:
  OpenFile(RecordingFileSystem& disk, std::shared_ptr<Node> node)
      : disk_(disk), node_(std::move(node)) {}

  bool read_at(std::uint64_t offset, MutableBytes out, std::size_t* got) override {
    const std::lock_guard guard(disk_.mutex_);
    if (disk_.operations_left_ == 0) return fail(EIO);
    const auto& seen = node_->seen;
    const std::size_t start = std::min<std::size_t>(offset, seen.size());
    *got = std::min(out.size(), seen.size() - start);
    std::copy_n(seen.begin() + static_cast<std::ptrdiff_t>(start), *got, out.begin());
    return true;
  }

  bool write_at(std::uint64_t offset, Bytes data) override {
    bool done = false;
    {
      const std::lock_guard guard(disk_.mutex_);
      done = disk_.change_file(*node_, Write{offset, {data.begin(), data.end()}});
    }
    const int cause = errno;
    disk_.after();
    errno = cause;
    return done;
  }

  bool truncate(std::uint64_t length) override {
    bool done = false;
    {
      const std::lock_guard guard(disk_.mutex_);
      done = disk_.change_file(*node_, Truncate{length});
    }
    disk_.after();
    return done;
  }

  bool size(std::uint64_t* length) override {
    const std::lock_guard guard(disk_.mutex_);
    if (disk_.operations_left_ == 0) return fail(EIO);
    *length = node_->seen.size();
    return true;
  }

  bool sync(const char* site) override {
    bool done = false;
    {
      const std::lock_guard guard(disk_.mutex_);
      done = disk_.sync_node(*node_, site);
    }
    disk_.after();
    return done;
  }

 private:
  RecordingFileSystem& disk_;
  std::shared_ptr<Node> node_;
};

class RecordingFileSystem::OpenWords final : public flash::SharedWords {
 public:
  explicit OpenWords(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::array<Word, kCount>& words() override { return node_->words; }

 private:
  std::shared_ptr<Node> node_;
};

RecordingFileSystem::RecordingFileSystem(std::uint64_t seed)
    : random_(seed), root_(std::make_shared<Node>()) {
  root_->is_directory = true;
  all_.push_back(root_);
}

RecordingFileSystem::~RecordingFileSystem() = default;

// --- what a program does ---

std::shared_ptr<RecordingFileSystem::Node> RecordingFileSystem::find(const std::string& path) {
  if (path == "/") return root_;
  const auto parent = find(flash::parent_directory(path));
  if (parent == nullptr || !parent->is_directory) return nullptr;
  const auto found = parent->names_seen.find(last_name(path));
  return found == parent->names_seen.end() ? nullptr : found->second;
}

void RecordingFileSystem::apply(Names* names, const NameOperation& operation) {
  if (!operation.from.empty()) names->erase(operation.from);
  if (!operation.to.empty()) (*names)[operation.to] = operation.node;
}

void RecordingFileSystem::change_names(Node& directory, NameOperation operation) {
  apply(&directory.names_seen, operation);
  directory.names_pending.push_back(std::move(operation));
}

std::shared_ptr<RecordingFileSystem::Node> RecordingFileSystem::add(const std::string& path,
                                                                    bool is_directory) {
  const auto parent = find(flash::parent_directory(path));
  if (parent == nullptr || !parent->is_directory) {
    errno = ENOENT;
    return nullptr;
  }
  auto node = std::make_shared<Node>();
  node->is_directory = is_directory;
  all_.push_back(node);
  change_names(*parent, {"", last_name(path), node});
  return node;
}

std::shared_ptr<RecordingFileSystem::Node> RecordingFileSystem::open_node(const std::string& path,
                                                                          bool create,
                                                                          bool exclusive) {
  auto node = find(path);
  if (node != nullptr) {
    if (!create || !exclusive) return node;
    errno = EEXIST;
    return nullptr;
  }
  errno = ENOENT;
  if (!create || !step()) return nullptr;
  return add(path, false);
}

std::unique_ptr<flash::File> RecordingFileSystem::open(const std::string& path, bool create,
                                                       bool exclusive) {
  std::shared_ptr<Node> node;
  {
    const std::lock_guard guard(mutex_);
    if (operations_left_ == 0) {
      errno = EIO;
      return nullptr;
    }
    node = open_node(path, create, exclusive);
    if (node == nullptr) return nullptr;
  }
  after();
  return std::make_unique<OpenFile>(*this, node);
}

std::shared_ptr<RecordingFileSystem::Node> RecordingFileSystem::make_node(const std::string& path) {
  std::shared_ptr<Node> node;
  {
    const std::lock_guard guard(mutex_);
    node = open_node(path, true, false);
  }
  if (node != nullptr) after();
  return node;
}

std::unique_ptr<flash::FileLock> RecordingFileSystem::lock_file(const std::string& path) {
  const auto node = make_node(path);
  return node == nullptr ? nullptr : std::make_unique<flash::InProcessLock>(node->lock);
}

std::unique_ptr<flash::SharedWords> RecordingFileSystem::share(const std::string& path) {
  const auto node = make_node(path);
  return node == nullptr ? nullptr : std::make_unique<OpenWords>(node);
}

bool RecordingFileSystem::exists(const std::string& path) {
  const std::lock_guard guard(mutex_);
  return find(path) != nullptr;
}

bool RecordingFileSystem::list(const std::string& directory, std::vector<std::string>* names) {
  const std::lock_guard guard(mutex_);
  names->clear();
  const auto node = find(directory);
  if (operations_left_ == 0) return fail(EIO);
  if (node == nullptr) return fail(ENOENT);
  for (const auto& [name, child] : node->names_seen) names->push_back(name);
  return true;
}

bool RecordingFileSystem::rename(const std::string& from, const std::string& to) {
  {
    const std::lock_guard guard(mutex_);
    const auto node = find(from);
    const auto parent = find(flash::parent_directory(from));
    if (node == nullptr) return fail(ENOENT);
    if (flash::parent_directory(from) != flash::parent_directory(to)) return fail(EXDEV);
    if (!step()) return false;
    change_names(*parent, {last_name(from), last_name(to), node});
  }
  after();
  return true;
}

bool RecordingFileSystem::remove(const std::string& path) {
  {
    const std::lock_guard guard(mutex_);
    if (find(path) == nullptr) return fail(ENOENT);
    if (!step()) return false;
    change_names(*find(flash::parent_directory(path)), {last_name(path), "", nullptr});
  }
  after();
  return true;
}

bool RecordingFileSystem::make_directory(const std::string& path) {
  {
    const std::lock_guard guard(mutex_);
    const auto node = find(path);
    if (node != nullptr) return node->is_directory || fail(ENOTDIR);
    if (!step() || add(path, true) == nullptr) return false;
  }
  after();
  return true;
}

bool RecordingFileSystem::sync_directory(const std::string& path, const char* site) {
  bool done = false;
  {
    const std::lock_guard guard(mutex_);
    const auto node = find(path);
    if (node == nullptr) return fail(ENOENT);
    done = sync_node(*node, site);
  }
  after();
  return done;
}

void RecordingFileSystem::apply(std::vector<std::uint8_t>* content,
                                const FileOperation& operation) {
  if (const auto* write = std::get_if<Write>(&operation)) {
    const std::size_t end = write->offset + write->data.size();
    if (content->size() < end) content->resize(end);
    std::copy(write->data.begin(), write->data.end(),
              content->begin() + static_cast<std::ptrdiff_t>(write->offset));
  } else {
    content->resize(std::get<Truncate>(operation).length);
  }
}

bool RecordingFileSystem::change_file(Node& node, FileOperation operation) {
  auto* const write = std::get_if<Write>(&operation);
  const bool last = operations_left_ == 1;
  if (!step()) {
    // The write in which the process was killed.
    if (!last || write == nullptr) return false;
    write->data.resize(random_() % (write->data.size() + 1));
    apply(&node.seen, operation);
    node.pending.push_back(std::move(operation));
    return fail(EIO);
  }
  bool done = true;
  if (write != nullptr && write_failure_ != 0) {
    done = fail(write_failure_);
    write_failure_ = 0;
    if (chance(70)) write->data.resize(random_() % (write->data.size() + 1));
    apply(&node.seen, operation);
    node.pending.push_back(std::move(operation));
    return done;
  }
  apply(&node.seen, operation);
  node.pending.push_back(std::move(operation));
  return done;
}

bool RecordingFileSystem::sync_node(Node& node, const char* site) {
  const auto& table = flash::sync_site::kAll;
  if (std::none_of(table.begin(), table.end(),
                   [&](std::string_view name) { return name == site; })) {
    return fail(ENOSYS);
  }
  if (site == death_site_) operations_left_ = 0;
  if (!step()) return false;
  ++sync_counts_[site];
  if (site == left_out_) return true;
  if (site == sync_failure_) {
    sync_failure_.clear();
    if (!node.is_directory) {
      node.durable = survive(node, Luck::kAnything);
      node.pending.clear();
    }
    return fail(EIO);
  }
  for (const FileOperation& operation : node.pending) apply(&node.durable, operation);
  node.pending.clear();
  for (const NameOperation& operation : node.names_pending) apply(&node.names_durable, operation);
  node.names_pending.clear();
  return true;
}

// --- what the test does ---

bool RecordingFileSystem::step() {
  if (operations_left_ == 0) return fail(EIO);
  if (operations_left_ != SIZE_MAX && --operations_left_ == 0) return fail(EIO);
  return true;
}

void RecordingFileSystem::after() {
  std::function<void()> hook;
  {
    const std::lock_guard guard(mutex_);
    if (operations_left_ == 0) return;
    hook = hook_;
  }
  if (hook) hook();
}

void RecordingFileSystem::on_operation(std::function<void()> hook) {
  const std::lock_guard guard(mutex_);
  hook_ = std::move(hook);
}

void RecordingFileSystem::leave_out(const std::string& site) {
  const std::lock_guard guard(mutex_);
  left_out_ = site;
}

std::size_t RecordingFileSystem::unsynced() {
  const std::lock_guard guard(mutex_);
  std::size_t count = 0;
  for (const auto& node : all_) count += node->pending.size() + node->names_pending.size();
  return count;
}

void RecordingFileSystem::die_after(std::size_t operations) {
  const std::lock_guard guard(mutex_);
  operations_left_ = operations + 1;
}

void RecordingFileSystem::die_at(const std::string& site) {
  const std::lock_guard guard(mutex_);
  death_site_ = site;
}

void RecordingFileSystem::revive() {
  const std::lock_guard guard(mutex_);
  death_site_.clear();
  operations_left_ = SIZE_MAX;
  write_failure_ = 0;
  sync_failure_.clear();
}

bool RecordingFileSystem::dead() {
  const std::lock_guard guard(mutex_);
  return operations_left_ == 0;
}

void RecordingFileSystem::fail_next_write(int cause) {
  const std::lock_guard guard(mutex_);
  write_failure_ = cause;
}

void RecordingFileSystem::fail_next_sync(const std::string& site) {
  const std::lock_guard guard(mutex_);
  sync_failure_ = site;
}

std::map<std::string, std::size_t> RecordingFileSystem::sync_counts() {
  const std::lock_guard guard(mutex_);
  return sync_counts_;
}

bool RecordingFileSystem::durable_contains(Bytes needle) {
  const std::lock_guard guard(mutex_);
  return std::any_of(all_.begin(), all_.end(), [&](const auto& node) {
    return std::search(node->durable.begin(), node->durable.end(), needle.begin(), needle.end()) !=
           node->durable.end();
  });
}

std::vector<std::uint8_t> RecordingFileSystem::read(const std::string& path) {
  const std::lock_guard guard(mutex_);
  const auto node = find(path);
  return node == nullptr ? std::vector<std::uint8_t>() : node->seen;
}

void RecordingFileSystem::replace(const std::string& path,
                                  const std::vector<std::uint8_t>& content) {
  const std::lock_guard guard(mutex_);
  auto node = find(path);
  if (node == nullptr) node = add(path, false);
  node->seen = node->durable = content;
  node->pending.clear();
}

// --- crash images ---

void RecordingFileSystem::tear(std::vector<std::uint8_t>* content, const Write& write) {
  const std::size_t end = write.offset + write.data.size();
  const std::size_t length_before = content->size();
  if (content->size() < end) {
    // Blocks the file got and no data reached: zeros, or what they held before.
    const bool garbage = chance(30);
    while (content->size() < end) {
      content->push_back(garbage ? static_cast<std::uint8_t>(random_()) : std::uint8_t{0});
    }
  }
  const auto keep = [&](std::size_t from, std::size_t to) {
    std::copy(write.data.begin() + static_cast<std::ptrdiff_t>(from - write.offset),
              write.data.begin() + static_cast<std::ptrdiff_t>(to - write.offset),
              content->begin() + static_cast<std::ptrdiff_t>(from));
  };
  if (chance(50)) {
    for (std::size_t at = write.offset; at < end;) {
      const std::size_t next = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
      if (chance(50)) keep(at, next);
      at = next;
    }
  } else {
    const std::size_t first = write.offset + (chance(50) ? 0 : random_() % (write.data.size() + 1));
    const std::size_t last = first + random_() % (end - first + 1);
    keep(first, last);
    // A file that grew can also end in the middle of a torn write.
    if (chance(30) && end == content->size()) content->resize(std::max(last, length_before));
  }
}

std::vector<std::uint8_t> RecordingFileSystem::survive(const Node& node, Luck luck) {
  std::vector<std::uint8_t> content = node.durable;
  if (luck == Luck::kNothing) return content;
  std::vector<const FileOperation*> operations;
  for (const FileOperation& operation : node.pending) operations.push_back(&operation);
  if (luck == Luck::kAnything && chance(50))
    std::shuffle(operations.begin(), operations.end(), random_);
  for (const FileOperation* operation : operations) {
    const unsigned fate = luck == Luck::kEverything ? 0 : static_cast<unsigned>(random_() % 3);
    const auto* const write = std::get_if<Write>(operation);
    if (fate == 0) {
      apply(&content, *operation);
    } else if (fate == 1 && write != nullptr && !write->data.empty()) {
      tear(&content, *write);
    }
  }
  return content;
}

std::shared_ptr<RecordingFileSystem::Node> RecordingFileSystem::image_of(const Node& node,
                                                                         Luck luck, Image* made) {
  auto& image = (*made)[&node];
  if (image != nullptr) return image;
  auto result = image = std::make_shared<Node>();
  result->is_directory = node.is_directory;
  result->seen = result->durable = survive(node, luck);
  for (auto& word : result->words) word = random_() % 4;
  Names names = node.names_durable;
  for (const NameOperation& operation : node.names_pending) {
    if (luck == Luck::kEverything || (luck == Luck::kAnything && chance(50)))
      apply(&names, operation);
  }
  for (const auto& [name, child] : names)
    result->names_durable[name] = image_of(*child, luck, made);
  result->names_seen = result->names_durable;
  return result;
}

std::unique_ptr<RecordingFileSystem> RecordingFileSystem::crash() {
  const std::lock_guard guard(mutex_);
  auto disk = std::make_unique<RecordingFileSystem>(random_());
  const unsigned roll = static_cast<unsigned>(random_() % 8);
  const Luck luck = roll == 0 ? Luck::kNothing : roll == 1 ? Luck::kEverything : Luck::kAnything;
  Image made;
  disk->root_ = image_of(*root_, luck, &made);
  disk->all_.clear();
  for (const auto& [node, image] : made) disk->all_.push_back(image);
  disk->left_out_ = left_out_;
  return disk;
}

std::shared_ptr<RecordingFileSystem::Node> RecordingFileSystem::copy_of(const Node& node,
                                                                        Image* made) {
  auto& copied = (*made)[&node];
  if (copied != nullptr) return copied;
  auto result = copied = std::make_shared<Node>();
  result->is_directory = node.is_directory;
  result->seen = result->durable = node.seen;
  for (const auto& [name, child] : node.names_seen)
    result->names_seen[name] = copy_of(*child, made);
  result->names_durable = result->names_seen;
  return result;
}

std::unique_ptr<RecordingFileSystem> RecordingFileSystem::copy() {
  const std::lock_guard guard(mutex_);
  auto disk = std::make_unique<RecordingFileSystem>(random_());
  Image made;
  disk->root_ = copy_of(*root_, &made);
  disk->all_.clear();
  for (const auto& [node, copied] : made) disk->all_.push_back(copied);
  return disk;
}

}  // namespace strongroom::test
