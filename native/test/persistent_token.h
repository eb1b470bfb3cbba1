// persistent_token.h: a device in a directory of its own with one initialised token, to be closed
// and opened again.
#pragma once

#include <unistd.h>

#include <filesystem>

#include "test/token_fixture.h"

namespace strongroom::test {

class TokenPersistenceTest : public TokenTest {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/strongroom-token-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory = pattern;
    flash_directory = directory + "/flash";
    root_directory = directory + "/root";
    open();
    initialise(slot, application);
  }
  void TearDown() override {
    TokenTest::TearDown();
    std::filesystem::remove_all(directory);
  }
  void open() {
    SR_DEVICE_CONFIG config{};
    config.ulSize = sizeof(config);
    config.pFlashDirectory = flash_directory.c_str();
    config.pRootDirectory = root_directory.c_str();
    config.ulSlotCount = 2;
    config.ulPinIterations = 1000;
    config.bCreate = CK_TRUE;
    ASSERT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &device));
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &application));
    CK_SLOT_ID slots[2];
    CK_ULONG count = 2;
    ASSERT_CKR(CKR_OK, sr().SR_GetSlotList(application, CK_TRUE, slots, &count));
    slot = slots[0];
    empty_slot = slots[1];
  }
  void close() {
    ASSERT_CKR(CKR_OK, sr().SR_CloseDevice(device));
    device = 0;
  }
  void reopen() {
    close();
    open();
  }
  std::string directory;
  std::string flash_directory;
  std::string root_directory;
};

}  // namespace strongroom::test
