// The suite is built against what it runs with: headers of one OpenSSL and the library of another
// would agree on most calls and differ on the rest.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

TEST(Toolchain, OpenSslHeadersAndLibraryAreOfOneVersion) {
  EXPECT_EQ(OpenSSL_version_num() >> 20, static_cast<unsigned long>(OPENSSL_VERSION_NUMBER) >> 20);
}

TEST(Toolchain, OpenSslIsAtLeastTheOldestSupported) {
  EXPECT_GE(OpenSSL_version_num(), 0x30000000UL);
}
