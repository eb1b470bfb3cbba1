// flash_passphrase_test.cc: a root secret under a passphrase.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "test/flash_support.h"
#include "test/recording_file_system.h"
#include "token/flash/flash.h"

namespace strongroom::flash {
namespace {

TEST(FlashPassphrase, OpensTheRootSecretAndNoOtherDoes) {
  test::RecordingFileSystem disk(1);
  const std::array<std::uint8_t, 4> one{'o', 'n', 'e', '!'};
  const std::array<std::uint8_t, 3> two{'t', 'w', 'o'};
  const auto opening = [&](Bytes passphrase) {
    std::unique_ptr<Flash> flash;
    const CK_RV rv =
        Flash::open(disk, "/flash", file_root_secret(disk, "/root", passphrase), false, &flash);
    if (rv == CKR_OK) {
      EXPECT_EQ(contents(*flash), (Values{{1, {7}}}));
    }
    return rv;
  };
  {
    const auto opened = open_on(disk);
    ASSERT_EQ(put(*opened.flash, 1, {7}), CKR_OK);
    EXPECT_EQ(change_root_passphrase(disk, "/root", {}, one), CKR_STRONGROOM_FLASH_IN_USE);
  }
  EXPECT_EQ(opening(one), CKR_PIN_INVALID);  // there is none
  EXPECT_EQ(change_root_passphrase(disk, "/root", two, one), CKR_PIN_INVALID);
  EXPECT_EQ(opening({}), CKR_OK);
  const auto open_file = disk.read("/root/root-secret");
  ASSERT_EQ(change_root_passphrase(disk, "/root", {}, one), CKR_OK);
  const auto sealed = disk.read("/root/root-secret");
  const auto secret = open_file.begin() + 16;
  EXPECT_EQ(std::search(sealed.begin(), sealed.end(), secret, secret + 32), sealed.end());
  EXPECT_EQ(opening({}), CKR_PIN_INVALID);
  EXPECT_EQ(opening(two), CKR_PIN_INVALID);
  EXPECT_EQ(opening(one), CKR_OK);
  EXPECT_EQ(change_root_passphrase(disk, "/root", two, {}), CKR_PIN_INVALID);
  ASSERT_EQ(change_root_passphrase(disk, "/root", one, two), CKR_OK);
  EXPECT_EQ(opening(one), CKR_PIN_INVALID);
  EXPECT_EQ(opening(two), CKR_OK);
  ASSERT_EQ(change_root_passphrase(disk, "/root", two, {}), CKR_OK);
  EXPECT_EQ(opening({}), CKR_OK);
}

}  // namespace
}  // namespace strongroom::flash
