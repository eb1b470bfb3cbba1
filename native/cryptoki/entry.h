// entry.h: what every C_* function does before its own work: no entry in a forked child or before
// anything is open, and no exception leaves (STYLE: the boundary is C).
#pragma once

#include <new>

#include "token/library.h"
#include "token/operations/operations.h"

namespace strongroom::cryptoki {

// guarded: no exception leaves; contained: and not in a forked child; entered: and only when
// something is open.
template <class Body>
CK_RV guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (...) {
    return CKR_GENERAL_ERROR;
  }
}

template <class Body>
CK_RV contained(Body body) noexcept {
  return guarded([&]() -> CK_RV { return forked() ? CKR_CRYPTOKI_NOT_INITIALIZED : body(); });
}

template <class Body>
CK_RV entered(Body body) noexcept {
  return contained([&]() -> CK_RV {
    return token::Library::instance().in_use() ? body() : CKR_CRYPTOKI_NOT_INITIALIZED;
  });
}

// current: what other processes did is taken over first; and again, where it turns out that one of
// them was faster and nothing has been done.
template <class Body>
CK_RV current(token::Slot& slot, Body body) {
  CK_RV rv = CKR_OK;
  do {
    rv = slot.follow();
    if (rv == CKR_OK) rv = body();
  } while (rv == flash::kChangedElsewhere);
  return rv;
}

template <class Body>
CK_RV in_session(CK_SESSION_HANDLE handle, Body body) noexcept {
  return entered([&]() -> CK_RV {
    // The loan keeps session, application and device alive for the length of the call.
    const auto session =
        token::Library::instance().sessions.borrow(handle, [&](const token::Session& found) {
          return found.handle == handle;  // bits above a handle's own belong to object handles
        });
    if (!session) return CKR_SESSION_HANDLE_INVALID;
    const token::SessionUse use(*session);
    return use ? current(session->slot, [&] { return body(*session); })
               : CKR_SESSION_HANDLE_INVALID;
  });
}

template <class Body>
CK_RV with_slot(CK_SLOT_ID id, Body body) noexcept {
  return entered([&]() -> CK_RV {
    std::shared_ptr<token::Device> device;
    token::Slot* slot = token::Library::instance().slot(id, &device);
    return slot ? current(*slot, [&] { return body(*slot); }) : CKR_SLOT_ID_INVALID;
  });
}

}  // namespace strongroom::cryptoki
