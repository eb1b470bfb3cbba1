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
  void open() { SR_DEVICE_CONFIG config{}; }  // namespace strongroom::test
