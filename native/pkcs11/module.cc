// module.cc: C_Initialize and C_Finalize of libstrongroom-pkcs11.so, for programs that know
// Cryptoki and nothing else. The device is the one the user's configuration names
// (configuration.h), made where there is none. All processes that have it through this library
// share it; a server has it alone.
#include <openssl/crypto.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "cryptoki/initialize.h"
#include "pkcs11/configuration.h"
#include "token/self_test/self_test.h"

using namespace strongroom;
using namespace strongroom::cryptoki;
using namespace strongroom::pkcs11;

namespace {

// Return values say what, this says why: for the person in front of a program that shows a number.
CK_RV refused(CK_RV rv, const std::string& cause) {
  const char* const wanted = secure_getenv("STRONGROOM_PKCS11_VERBOSE");
  if (wanted != nullptr && *wanted != '\0')
    static_cast<void>(std::fprintf(stderr, "strongroom-pkcs11: %s\n", cause.c_str()));
  return rv;
}

std::string why(CK_RV rv, const std::string& directory) {
  switch (rv) {
    case CKR_STRONGROOM_FLASH_IN_USE:
      return directory + ": a server has this token open, which shares it with nobody";
    case CKR_STRONGROOM_FLASH_INTEGRITY:
      return directory + ": cut, altered, rolled back or of another device";
    case CKR_STRONGROOM_FLASH_VERSION:
      return directory + ": written by a newer version";
    case CKR_FIPS_SELF_TEST_FAILED:
      return "a self-test failed: " + self_test::failed_test();
    case CKR_DEVICE_ERROR:
      return directory + ": cannot be read or written, or root/ is damaged";
    default:
      return directory + ": the device cannot be opened";
  }
}

// This library's OpenSSL is its own: nobody's openssl.cnf configures it, and it is not torn down at
// exit, when other threads may still be inside.
void own_openssl() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
}

// CLOCK_MONOTONIC, which stands still while the machine sleeps.
CK_ULONG monotonic_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<CK_ULONG>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

CK_RV open_device() {
  auto& library = token::Library::instance();
  if (library.initialized()) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  Configuration configuration;
  std::string cause;
  if (!read_configuration(&configuration, &cause)) return refused(CKR_FUNCTION_FAILED, cause);
  const std::string& directory = configuration.directory;
  if (!make_directory(directory))
    return refused(CKR_FUNCTION_FAILED, directory + ": " + std::generic_category().message(errno));
  const std::string flash = directory + "/flash";
  const std::string root = directory + "/root";
  const SR_DEVICE_CONFIG config{
      .ulSize = sizeof(SR_DEVICE_CONFIG),
      .pFlashDirectory = flash.c_str(),
      .pRootDirectory = root.c_str(),
      .ulSlotCount = configuration.slots,
      .ulPinIterations = 0,
      .ulMaxSessionCount = configuration.sessions_max,
      .bCreate = CK_TRUE,
      .ulMaxRwSessionCount = configuration.read_write_sessions_max,
      .ulSessionIdleSeconds = configuration.session_idle_seconds,
      .pMonotonicMs = monotonic_ms,
      .bShared = CK_TRUE,
  };
  const CK_RV rv = library.initialize(&config);
  if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) return rv;
  return rv == CKR_OK ? rv : refused(rv, why(rv, directory));
}

}  // namespace

CK_RV C_Initialize(CK_VOID_PTR pInitArgs) {
  own_openssl();
  return initializing(pInitArgs, [](CK_VOID_PTR reserved) -> CK_RV {
    return reserved ? CKR_ARGUMENTS_BAD : open_device();
  });
}

CK_RV C_Finalize(CK_VOID_PTR pReserved) {
  return contained([&]() -> CK_RV {
    if (pReserved) return CKR_ARGUMENTS_BAD;
    return token::Library::instance().finalize();
  });
}
