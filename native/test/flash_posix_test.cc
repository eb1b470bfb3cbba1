// flash_posix_test.cc: the flash on the operating system's files.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "test/flash_support.h"
#include "token/flash/file_system.h"

namespace strongroom::flash {
namespace {

class PosixFlashTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "strongroom-flash-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static mode_t mode(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }

  std::string directory_;
  FileSystem& files_ = posix_file_system();
};

TEST_F(PosixFlashTest, KeepsRecordsWithNarrowModes) {
  const std::string flash = directory_ + "/flash", root = directory_ + "/root";
  Values expected;
  {
    const auto opened = open_at(files_, flash, root, true, {.compaction_threshold_bytes = 2000});
    ASSERT_EQ(opened.rv, CKR_OK) << opened.cause;
    EXPECT_EQ(open_at(files_, flash, root).rv, CKR_STRONGROOM_FLASH_IN_USE);
    for (std::uint8_t i = 1; i < 60; ++i) {
      expected[1 + i % 7] = Value(50, i);
      ASSERT_EQ(put(*opened.flash, 1 + i % 7, Value(50, i)), CKR_OK);
    }
    ASSERT_EQ(opened.flash->set_failed_tries(1, PinRole::kUser, 3), CKR_OK);
    EXPECT_LT(opened.flash->size_bytes(), 5000u);
  }
  const auto opened = open_at(files_, flash, root, false);
  ASSERT_EQ(opened.rv, CKR_OK) << opened.cause;
  EXPECT_EQ(contents(*opened.flash), expected);
  EXPECT_EQ(opened.flash->failed_tries(1, PinRole::kUser), 3u);
  EXPECT_EQ(mode(flash), 0700u);
  EXPECT_EQ(mode(root), 0700u);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(mode(entry.path()), 0600u) << entry.path();
  }
}

TEST_F(PosixFlashTest, FilesDoWhatTheySay) {
  const std::string path = directory_ + "/file";
  EXPECT_EQ(files_.open(path, false, false), nullptr);
  EXPECT_EQ(errno, ENOENT);
  const auto file = files_.open(path, true, true);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(files_.open(path, true, true), nullptr);
  EXPECT_EQ(errno, EEXIST);
  const Value data(100'000, 0x42);
  ASSERT_TRUE(file->write_at(10, data));
  Value back(200'000);
  std::size_t got = 0;
  ASSERT_TRUE(file->read_at(0, back, &got));
  EXPECT_EQ(got, data.size() + 10);
  EXPECT_EQ(back[9], 0);
  EXPECT_EQ(back[10], 0x42);
  ASSERT_TRUE(file->truncate(5));
  std::uint64_t length = 0;
  ASSERT_TRUE(file->size(&length));
  EXPECT_EQ(length, 5u);
  EXPECT_TRUE(file->sync("test"));
  EXPECT_TRUE(files_.rename(path, path + "2"));
  EXPECT_TRUE(files_.sync_directory(directory_, "test"));
  EXPECT_FALSE(files_.exists(path));
  EXPECT_FALSE(files_.make_directory(path + "2"));
  EXPECT_EQ(errno, ENOTDIR);
  EXPECT_FALSE(files_.make_directory(path + "/below"));
  EXPECT_TRUE(files_.make_directory(path));
  EXPECT_TRUE(files_.make_directory(path));
  EXPECT_TRUE(files_.remove(path + "2"));
  EXPECT_FALSE(files_.remove(path + "2"));
  EXPECT_FALSE(files_.sync_directory(path + "2", "test"));
}

TEST_F(PosixFlashTest, DescriptorsDoNotPassToPrograms) {
  const auto opened = open_at(files_, directory_ + "/flash", directory_ + "/root");
  ASSERT_EQ(opened.rv, CKR_OK);
  std::size_t ours = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    if (error || !target.string().starts_with(directory_)) continue;
    ++ours;
    EXPECT_TRUE(::fcntl(std::atoi(entry.path().filename().c_str()), F_GETFD) & FD_CLOEXEC)
        << target;
  }
  EXPECT_EQ(ours, 4u);  // two locks, journal, anchor
}

TEST_F(PosixFlashTest, AFullDiskIsReported) {
  const auto file = files_.open("/dev/full", false, false);
  if (file == nullptr) GTEST_SKIP() << "no /dev/full here";
  EXPECT_FALSE(file->write_at(0, Value(10)));
  EXPECT_EQ(errno, ENOSPC);
}

TEST(FlashPaths, ParentDirectory) {
  EXPECT_EQ(parent_directory("/a/b"), "/a");
  EXPECT_EQ(parent_directory("/a/b/"), "/a");
  EXPECT_EQ(parent_directory("/a//b"), "/a");
  EXPECT_EQ(parent_directory("/a"), "/");
  EXPECT_EQ(parent_directory("/"), "/");
  EXPECT_EQ(parent_directory("a"), ".");
  EXPECT_EQ(parent_directory("a/b"), "a");
  EXPECT_EQ(parent_directory(""), ".");
}

}  // namespace
}  // namespace strongroom::flash
