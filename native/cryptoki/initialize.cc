#include <cstring>

#include "cryptoki/initialize.h"

namespace strongroom::cryptoki {

CK_RV check_initialize_arguments(CK_VOID_PTR pInitArgs, CK_VOID_PTR* reserved) {
  *reserved = nullptr;
  if (!pInitArgs) return CKR_OK;
  CK_C_INITIALIZE_ARGS args;
  std::memcpy(&args, pInitArgs, sizeof(args));
  const int callbacks =
      !!args.CreateMutex + !!args.DestroyMutex + !!args.LockMutex + !!args.UnlockMutex;
  if (callbacks != 0 && callbacks != 4) return CKR_ARGUMENTS_BAD;
  if (callbacks == 4 && !(args.flags & CKF_OS_LOCKING_OK)) return CKR_CANT_LOCK;
  *reserved = args.pReserved;
  return CKR_OK;
}

}  // namespace strongroom::cryptoki
