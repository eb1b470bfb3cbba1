// vendor.cc: the "Strongroom" interface (vendor.h).
#include "cryptoki/vendor.h"

#include <cstring>

#include "cryptoki/entry.h"
#include "token/operations/operations.h"
#include "token/self_test/self_test.h"

namespace strongroom::cryptoki {
namespace {

token::Library& library() { return token::Library::instance(); }

CK_RV open_device(const SR_DEVICE_CONFIG* config, SR_DEVICE* device) {
  return contained([&]() -> CK_RV {
    if (!config || !device) return CKR_ARGUMENTS_BAD;
    SR_DEVICE_CONFIG copy;
    std::memcpy(&copy, config, sizeof(copy));
    return copy.ulSize == sizeof(copy) ? library().open_device(copy, device) : CKR_ARGUMENTS_BAD;
  });
}

CK_RV close_device(SR_DEVICE device) {
  return contained([&] { return library().close_device(device); });
}

CK_RV get_device_status(SR_DEVICE number, SR_DEVICE_STATUS* status) {
  return contained([&]() -> CK_RV {
    if (!status || status->ulSize != sizeof(*status)) return CKR_ARGUMENTS_BAD;
    const auto device = library().device(number);
    if (!device) return CKR_ARGUMENTS_BAD;
    device->close_idle_sessions();
    SR_DEVICE_STATUS now{};
    now.ulSize = sizeof(now);
    now.bErrorState = self_test::in_error_state() ? CK_TRUE : CK_FALSE;
    const std::string failed = self_test::failed_test();
    std::memset(now.failedSelfTest, ' ', sizeof(now.failedSelfTest));
    std::memcpy(now.failedSelfTest, failed.data(),
                std::min(failed.size(), sizeof(now.failedSelfTest)));
    for (const auto& application : library().applications(*device)) {
      ++now.ulApplicationCount;
      now.ulSessionCount += application->session_count();
      now.ulSessionObjectCount += application->session_object_count();
    }
    for (std::size_t i = 0; i < device->slot_count(); ++i)
      now.ulTokenObjectCount += device->slot(i).token_object_count();
    now.ulFlashBytes = device->flash().size_bytes();
    now.arena = arena_range();
    now.secureHeap = secure_heap_range();
    now.bMemoryLocked = secure_memory_locked() ? CK_TRUE : CK_FALSE;
    *status = now;
    return CKR_OK;
  });
}

CK_RV open_application(SR_DEVICE device, CK_BYTE_PTR pAttachId, SR_APPLICATION* application) {
  return contained([&]() -> CK_RV {
    return pAttachId && application ? library().open_application(device, pAttachId, application)
                                    : CKR_ARGUMENTS_BAD;
  });
}

CK_RV attach_application(CK_BYTE_PTR pAttachId, SR_APPLICATION* application) {
  return contained([&]() -> CK_RV {
    return pAttachId && application ? library().attach_application(pAttachId, application)
                                    : CKR_ARGUMENTS_BAD;
  });
}

CK_RV close_application(SR_APPLICATION application) {
  return contained([&] { return library().close_application(application); });
}

CK_RV get_slot_list(SR_APPLICATION number, CK_BBOOL, CK_SLOT_ID_PTR pSlotList,
                    CK_ULONG_PTR pulCount) {
  return contained([&]() -> CK_RV {
    const auto application = library().application(number);
    if (!application || !pulCount) return CKR_ARGUMENTS_BAD;
    const CK_ULONG room = *pulCount;
    const CK_ULONG count = application->device->slot_count();
    *pulCount = count;
    if (!pSlotList) return CKR_OK;
    if (room < count) return CKR_BUFFER_TOO_SMALL;
    for (CK_ULONG i = 0; i < count; ++i) pSlotList[i] = application->device->slot(i).id;
    return CKR_OK;
  });
}

CK_RV with_application_slot(SR_APPLICATION number, CK_SLOT_ID slotID, auto body) {
  return contained([&]() -> CK_RV {
    const auto application = library().application(number);
    if (!application) return CKR_ARGUMENTS_BAD;
    const std::size_t index = slotID & 0xFF;
    if (slotID >> 8 != application->device->number || index >= application->device->slot_count())
      return CKR_SLOT_ID_INVALID;
    return body(*application, index);
  });
}

CK_RV open_session(SR_APPLICATION number, CK_SLOT_ID slotID, CK_FLAGS flags,
                   CK_SESSION_HANDLE_PTR phSession) {
  return with_application_slot(
      number, slotID, [&](token::Application& application, std::size_t index) -> CK_RV {
        return phSession ? application.open_session(index, flags, phSession) : CKR_ARGUMENTS_BAD;
      });
}

CK_RV close_all_sessions(SR_APPLICATION number, CK_SLOT_ID slotID) {
  return with_application_slot(number, slotID,
                               [](token::Application& application, std::size_t index) -> CK_RV {
                                 application.close_all_sessions(index);
                                 return CKR_OK;
                               });
}

void set_no_wait(CK_BBOOL value) { no_wait = value != CK_FALSE; }

CK_RV mark_trusted(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pUniqueId, CK_ULONG ulUniqueIdLen) {
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    return pUniqueId ? session.slot.mark_trusted(session, {pUniqueId, ulUniqueIdLen})
                     : CKR_ARGUMENTS_BAD;
  });
}

CK_RV seal_random(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey, SR_SEAL_PARAMS* parameters,
                  CK_BYTE_PTR pAad, CK_ULONG ulAadLen, CK_ULONG ulLength, CK_BYTE_PTR pPlaintext,
                  CK_BYTE_PTR pCiphertext) {
  return in_session(hSession, [&](token::Session& session) {
    return token::operations::seal_random(session, hKey, parameters, pAad, ulAadLen, ulLength,
                                          pPlaintext, pCiphertext);
  });
}

template <auto operation>
CK_RV once(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE hKey,
           CK_BYTE_PTR pIn, CK_ULONG ulInLen, CK_BYTE_PTR pOut, CK_ULONG_PTR pulOutLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operation(session, mechanism, hKey, pIn, ulInLen, pOut, pulOutLen);
  });
}

CK_RV verify_once(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE hKey,
                  CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                  CK_ULONG ulSignatureLen) {
  return in_session(hSession, [&](token::Session& session) {
    return token::operations::verify_once(session, mechanism, hKey, pData, ulDataLen, pSignature,
                                          ulSignatureLen);
  });
}

CK_RV seal_key_pair(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR mechanism,
                    CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE hKey,
                    CK_BYTE_PTR pAad, CK_ULONG ulAadLen, SR_SEALED_KEY_PAIR* out) {
  return in_session(hSession, [&](token::Session& session) {
    return token::operations::seal_key_pair(session, mechanism, pTemplate, ulCount, hKey, pAad,
                                            ulAadLen, out);
  });
}

CK_RV re_encrypt(CK_SESSION_HANDLE hSession, SR_CIPHER_KEY* source, CK_BYTE_PTR pCiphertext,
                 CK_ULONG ulCiphertextLen, SR_CIPHER_KEY* destination, CK_BYTE_PTR pOutput,
                 CK_ULONG_PTR pulOutputLen) {
  return in_session(hSession, [&](token::Session& session) {
    return token::operations::re_encrypt(session, source, pCiphertext, ulCiphertextLen, destination,
                                         pOutput, pulOutputLen);
  });
}

CK_RV bury_wrapped(CK_SESSION_HANDLE hSession, const SR_BURIAL* pBurials, CK_ULONG ulCount) {
  return in_session(hSession, [&](token::Session& session) {
    return token::operations::bury_wrapped(session, pBurials, ulCount);
  });
}

CK_RV rewrap_key(CK_SESSION_HANDLE hSession, SR_REWRAP_KEY* source, CK_BYTE_PTR pWrapped,
                 CK_ULONG ulWrappedLen, CK_BYTE_PTR pAad, CK_ULONG ulAadLen,
                 SR_REWRAP_KEY* destination, CK_BYTE_PTR pRewrapped, CK_ULONG_PTR pulRewrappedLen) {
  return in_session(hSession, [&](token::Session& session) {
    return token::operations::rewrap_key(session, source, pWrapped, ulWrappedLen, {pAad, ulAadLen},
                                         destination, pRewrapped, pulRewrappedLen);
  });
}

CK_RV reset_device(SR_DEVICE number) {
  return contained([&]() -> CK_RV {
    const auto device = library().device(number);
    if (!device) return CKR_ARGUMENTS_BAD;
    for (const auto& application : library().applications(*device)) {
      for (std::size_t i = 0; i < device->slot_count(); ++i) application->close_all_sessions(i);
    }
    return CKR_OK;
  });
}

CK_RV change_root_passphrase(const char* directory, const CK_UTF8CHAR* passphrase, CK_ULONG length,
                             const CK_UTF8CHAR* new_passphrase, CK_ULONG new_length) {
  return contained([&]() -> CK_RV {
    if (!directory || (!passphrase && length != 0) || (!new_passphrase && new_length != 0))
      return CKR_ARGUMENTS_BAD;
    return token::Device::change_root_passphrase(directory, {passphrase, length},
                                                 {new_passphrase, new_length});
  });
}

CK_RV fail_self_test(const char* name) {
  return contained([&]() -> CK_RV {
    self_test::fail_next(name);
    return CKR_OK;
  });
}

CK_RV run_self_tests() {
  return contained([] { return self_test::run_all(); });
}

CK_RV get_self_tests(CK_UTF8CHAR_PTR pText, CK_ULONG_PTR pulLen) {
  return contained([&]() -> CK_RV {
    if (!pulLen) return CKR_ARGUMENTS_BAD;
    const std::string text = self_test::report();
    const CK_ULONG room = *pulLen;
    *pulLen = text.size();
    if (!pText) return CKR_OK;
    if (room < text.size()) return CKR_BUFFER_TOO_SMALL;
    std::memcpy(pText, text.data(), text.size());
    return CKR_OK;
  });
}

SR_FUNCTION_LIST list = {
    .version = {1, 7},
    .SR_OpenDevice = open_device,
    .SR_CloseDevice = close_device,
    .SR_GetDeviceStatus = get_device_status,
    .SR_OpenApplication = open_application,
    .SR_AttachApplication = attach_application,
    .SR_CloseApplication = close_application,
    .SR_GetSlotList = get_slot_list,
    .SR_OpenSession = open_session,
    .SR_CloseAllSessions = close_all_sessions,
    .SR_SetNoWait = set_no_wait,
    .SR_MarkTrusted = mark_trusted,
    .SR_SealRandom = seal_random,
    .SR_FailSelfTest = fail_self_test,
    .SR_GetSelfTests = get_self_tests,
    .SR_Encrypt = once<token::operations::encrypt_once>,
    .SR_Decrypt = once<token::operations::decrypt_once>,
    .SR_Sign = once<token::operations::sign_once>,
    .SR_Verify = verify_once,
    .SR_SealKeyPair = seal_key_pair,
    .SR_ReEncrypt = re_encrypt,
    .SR_BuryWrapped = bury_wrapped,
    .SR_RunSelfTests = run_self_tests,
    .SR_RewrapKey = rewrap_key,
    .SR_ResetDevice = reset_device,
    .SR_ChangeRootPassphrase = change_root_passphrase,
};

}  // namespace

SR_FUNCTION_LIST* vendor_list() { return &list; }

}  // namespace strongroom::cryptoki
