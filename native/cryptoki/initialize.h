// initialize.h: what C_Initialize does wherever the token is linked (PKCS#11 v3.2, 5.4.1). Which
// device it opens differs: named_device.cc here, native/pkcs11 for libstrongroom-pkcs11.so.
#pragma once

#include "cryptoki/entry.h"

namespace strongroom::cryptoki {

// CKR_ARGUMENTS_BAD: some callbacks and not all; CKR_CANT_LOCK: the token locks with the system's
// own mutexes and nothing else. reserved: the caller's pReserved.
CK_RV check_initialize_arguments(CK_VOID_PTR pInitArgs, CK_VOID_PTR* reserved);

// initializing: runs open(reserved). A forked child that calls C_Initialize leaves behind what its
// parent had open (6.6) and starts anew.
template <class Open>
CK_RV initializing(CK_VOID_PTR pInitArgs, Open open) noexcept {
  return guarded([&]() -> CK_RV {
    CK_VOID_PTR reserved = nullptr;
    if (const CK_RV rv = check_initialize_arguments(pInitArgs, &reserved); rv != CKR_OK) return rv;
    if (forked()) {
      if (const CK_RV rv = token::Library::begin_anew(); rv != CKR_OK) return rv;
    }
    return open(reserved);
  });
}

}  // namespace strongroom::cryptoki
