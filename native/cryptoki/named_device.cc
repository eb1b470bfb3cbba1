// named_device.cc: C_Initialize and C_Finalize for programs that name the device themselves: in
// pReserved, or through SR_OpenDevice.
#include "cryptoki/initialize.h"

#include <cstring>

using namespace strongroom;
using namespace strongroom::cryptoki;

CK_RV C_Initialize(CK_VOID_PTR pInitArgs) {
  return initializing(pInitArgs, [](CK_VOID_PTR reserved) -> CK_RV {
    if (!reserved) return token::Library::instance().initialize(nullptr);
    SR_DEVICE_CONFIG config;
    std::memcpy(&config, reserved, sizeof(config));
    if (config.ulSize != sizeof(config)) return CKR_ARGUMENTS_BAD;
    return token::Library::instance().initialize(&config);
  });
}

CK_RV C_Finalize(CK_VOID_PTR pReserved) {
  return contained([&]() -> CK_RV {
    return pReserved ? CKR_ARGUMENTS_BAD : token::Library::instance().finalize();
  });
}
