// sessions.cc: session management functions (PKCS#11 v3.2, 5.6) and random numbers (5.20).
#include "cryptoki/entry.h"

using namespace strongroom;
using namespace strongroom::cryptoki;
namespace operations = strongroom::token::operations;

namespace {

// Plain Cryptoki has one application per process: the default one. Its slots are those of its
// device.
CK_RV in_default_application(CK_SLOT_ID slotID, auto body) {
  return entered([&]() -> CK_RV {
    const auto application = token::Library::instance().default_application();
    const std::size_t index = slotID & 0xFF;
    if (!application || slotID >> 8 != application->device->number ||
        index >= application->device->slot_count()) {
      return CKR_SLOT_ID_INVALID;
    }
    return body(*application, index);
  });
}

}  // namespace

CK_RV C_OpenSession(CK_SLOT_ID slotID, CK_FLAGS flags, CK_VOID_PTR, CK_NOTIFY,
                    CK_SESSION_HANDLE_PTR phSession) {
  return in_default_application(
      slotID, [&](token::Application& application, std::size_t index) -> CK_RV {
        return phSession ? application.open_session(index, flags, phSession) : CKR_ARGUMENTS_BAD;
      });
}

CK_RV C_CloseSession(CK_SESSION_HANDLE hSession) {
  return in_session(hSession,
                    [](token::Session& session) { return token::close_session(session.handle); });
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slotID) {
  return in_default_application(slotID,
                                [](token::Application& application, std::size_t index) -> CK_RV {
                                  application.close_all_sessions(index);
                                  return CKR_OK;
                                });
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO_PTR pInfo) {
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    if (!pInfo) return CKR_ARGUMENTS_BAD;
    pInfo->slotID = session.slot.id;
    pInfo->state = session.state();
    pInfo->flags = CKF_SERIAL_SESSION | (session.read_write ? CKF_RW_SESSION : 0);
    pInfo->ulDeviceError = 0;
    return CKR_OK;
  });
}

// OpenSSL does not give out the state of what it is in the middle of, so none is saved, and none
// that is brought back was ever given (5.6.5, 5.6.6).
CK_RV C_GetOperationState(CK_SESSION_HANDLE hSession, CK_BYTE_PTR, CK_ULONG_PTR pulLen) {
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    if (!pulLen) return CKR_ARGUMENTS_BAD;
    token::OperationLock lock(session);
    if (!lock) return token::OperationLock::refusal();
    return session.operation.kind == token::Operation::Kind::kNone ? CKR_OPERATION_NOT_INITIALIZED
                                                                   : CKR_STATE_UNSAVEABLE;
  });
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pState, CK_ULONG,
                          CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
  return in_session(hSession, [&](token::Session&) -> CK_RV {
    return pState ? CKR_SAVED_STATE_INVALID : CKR_ARGUMENTS_BAD;
  });
}

// Nobody has validated this module, so no operation was one of a validated module's (5.6.14).
CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE hSession, CK_SESSION_VALIDATION_FLAGS_TYPE type,
                                  CK_FLAGS_PTR pFlags) {
  return in_session(hSession, [&](token::Session&) -> CK_RV {
    if (!pFlags || type != CKS_LAST_VALIDATION_OK) return CKR_ARGUMENTS_BAD;
    *pFlags = 0;
    return CKR_OK;
  });
}

CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::session_cancel(session, flags);
  });
}

CK_RV C_Login(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin,
              CK_ULONG ulPinLen) {
  // There is no protected authentication path, so there is a PIN.
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    return pPin ? session.slot.login(session, userType, {pPin, ulPinLen}) : CKR_ARGUMENTS_BAD;
  });
}

// The token's user and SO have no names: without one this is C_Login, and with one nobody is meant.
CK_RV C_LoginUser(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin,
                  CK_ULONG ulPinLen, CK_UTF8CHAR_PTR, CK_ULONG ulUsernameLen) {
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    if (!pPin || ulUsernameLen != 0) return CKR_ARGUMENTS_BAD;
    return session.slot.login(session, userType, {pPin, ulPinLen});
  });
}

CK_RV C_Logout(CK_SESSION_HANDLE hSession) {
  return in_session(hSession, [](token::Session& session) { return session.slot.logout(session); });
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed, CK_ULONG ulSeedLen) {
  return in_session(hSession,
                    [&](token::Session&) { return operations::seed_random(pSeed, ulSeedLen); });
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pRandomData, CK_ULONG ulRandomLen) {
  return in_session(hSession, [&](token::Session&) {
    return operations::generate_random(pRandomData, ulRandomLen);
  });
}
