// recording_file_system.h: a disk for tests that keeps apart what a program sees and what would
// survive a power failure, and makes the second from the first at any moment: a crash image.
//
// Rules of the disk. A file's writes and truncations are durable after the file's sync, a
// directory's names after the directory's. Of everything else an image keeps a random part: writes
// are lost, torn at bytes or at 512-byte sectors, and reordered; names come and go one by one; a
// rename is atomic. A sync that fails keeps a random part and forgets the rest: a second sync does
// not bring it back, as on Linux. Shared words are gone after a crash: an image has any numbers in
// their place.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "token/flash/in_process_lock.h"

namespace strongroom::test {

using Random = std::mt19937_64;

class RecordingFileSystem final : public flash::FileSystem {
 public:
  explicit RecordingFileSystem(std::uint64_t seed);
  ~RecordingFileSystem() override;

  std::unique_ptr<flash::File> open(const std::string& path, bool create, bool exclusive) override;
  bool exists(const std::string& path) override;
  bool list(const std::string& directory, std::vector<std::string>* names) override;
  bool rename(const std::string& from, const std::string& to) override;
  bool remove(const std::string& path) override;
  bool make_directory(const std::string& path) override;
  bool sync_directory(const std::string& path, const char* site) override;
  std::unique_ptr<flash::FileLock> lock_file(const std::string& path) override;
  std::unique_ptr<flash::SharedWords> share(const std::string& path) override;

  // A new disk with what a power failure now might leave; everything on it is durable.
  std::unique_ptr<RecordingFileSystem> crash();

  // Called after every change and every sync, by the thread that made it, without a lock.
  void on_operation(std::function<void()> hook);
  // The site's syncs do nothing and say they did.
  void leave_out(const std::string& site);
  // The process dies after so many operations: the next one is done in part at most, and all later
  // ones fail. What was written so far is still seen after revive, and no more durable than it was.
  void die_after(std::size_t operations);
  // The same at the first sync of a site, which is not done any more.
  void die_at(const std::string& site);
  void revive();
  bool dead();
  // The next write is done in part, or even as a whole, and fails with cause.
  void fail_next_write(int cause);
  void fail_next_sync(const std::string& site);

  // Operations that no sync has made durable.
  std::size_t unsynced();
  // How often each site was synced or left out. Names that are not in the table fail the sync.
  std::map<std::string, std::size_t> sync_counts();
  // Whether the bytes are durable in any file, also a removed one.
  bool durable_contains(Bytes needle);

  // The content as a program sees it, for tests that damage files.
  std::vector<std::uint8_t> read(const std::string& path);
  void replace(const std::string& path, const std::vector<std::uint8_t>& content);
  // An equal disk, everything on it durable.
  std::unique_ptr<RecordingFileSystem> copy();

 private:
  struct Write {
    std::uint64_t offset;
    std::vector<std::uint8_t> data;
  };
  struct Truncate {
    std::uint64_t length;
  };
  using FileOperation = std::variant<Write, Truncate>;
  struct Node;
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  // Removes from (if any) and adds to (if any) at once.
  struct NameOperation {
    std::string from;
    std::string to;
    std::shared_ptr<Node> node;
  };
  struct Node {
    bool is_directory = false;
    std::shared_ptr<flash::InProcessLock::State> lock =
        std::make_shared<flash::InProcessLock::State>();
    std::array<flash::SharedWords::Word, flash::SharedWords::kCount> words{};
    std::vector<std::uint8_t> seen, durable;
    std::vector<FileOperation> pending;
    Names names_seen, names_durable;
    std::vector<NameOperation> names_pending;
  };
  class OpenFile;
  class OpenWords;
  using Image = std::map<const Node*, std::shared_ptr<Node>>;

  static void apply(std::vector<std::uint8_t>* content, const FileOperation& operation);
  static void apply(Names* names, const NameOperation& operation);
  std::shared_ptr<Node> find(const std::string& path);
  std::shared_ptr<Node> add(const std::string& path, bool is_directory);
  std::shared_ptr<Node> make_node(const std::string& path);
  std::shared_ptr<Node> open_node(const std::string& path, bool create, bool exclusive);
  void change_names(Node& directory, NameOperation operation);
  bool change_file(Node& node, FileOperation operation);
  bool sync_node(Node& node, const char* site);
  bool step();  // counts one operation; false: dead
  void after();
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  enum class Luck { kNothing, kEverything, kAnything };
  std::vector<std::uint8_t> survive(const Node& node, Luck luck);
  void tear(std::vector<std::uint8_t>* content, const Write& write);
  std::shared_ptr<Node> image_of(const Node& node, Luck luck, Image* made);
  std::shared_ptr<Node> copy_of(const Node& node, Image* made);

  std::mutex mutex_;
  Random random_;
  std::shared_ptr<Node> root_;
  std::vector<std::shared_ptr<Node>> all_;  // also removed ones
  std::function<void()> hook_;
  std::string left_out_;
  std::map<std::string, std::size_t> sync_counts_;
  std::size_t operations_left_ = SIZE_MAX;
  std::string death_site_;
  int write_failure_ = 0;
  std::string sync_failure_;
};

}  // namespace strongroom::test
