// general.cc: general-purpose, slot and token management functions (PKCS#11 v3.2, 5.4 and 5.5).
#include <cstring>
#include <string_view>

#include "cryptoki/entry.h"
#include "token/mechanisms.h"

using namespace strongroom;
using namespace strongroom::cryptoki;

namespace {

constexpr CK_VERSION kLibraryVersion{0, 1};

void blank_padded(CK_UTF8CHAR* out, std::size_t length, std::string_view text) {
  std::memset(out, ' ', length);
  std::memcpy(out, text.data(), text.size());
}

// A list of CK_ULONG in the standard's way: null asks for the count.
CK_RV give_list(const std::vector<CK_ULONG>& list, CK_ULONG* out, CK_ULONG* count) {
  const CK_ULONG room = *count;
  *count = list.size();
  if (!out) return CKR_OK;
  if (room < list.size()) return CKR_BUFFER_TOO_SMALL;
  if (!list.empty()) std::memcpy(out, list.data(), list.size() * sizeof(CK_ULONG));
  return CKR_OK;
}

}  // namespace

CK_RV C_GetInfo(CK_INFO_PTR pInfo) {
  return entered([&]() -> CK_RV {
    if (!pInfo) return CKR_ARGUMENTS_BAD;
    *pInfo = {};
    pInfo->cryptokiVersion = {3, 2};
    blank_padded(pInfo->manufacturerID, sizeof(pInfo->manufacturerID), "Strongroom");
    blank_padded(pInfo->libraryDescription, sizeof(pInfo->libraryDescription), "Strongroom token");
    pInfo->libraryVersion = kLibraryVersion;
    return CKR_OK;
  });
}

CK_RV C_GetSlotList(CK_BBOOL, CK_SLOT_ID_PTR pSlotList, CK_ULONG_PTR pulCount) {
  // A token is present in every slot, so tokenPresent makes no difference.
  return entered([&]() -> CK_RV {
    if (!pulCount) return CKR_ARGUMENTS_BAD;
    std::vector<CK_ULONG> list;
    if (const auto application = token::Library::instance().default_application()) {
      for (std::size_t i = 0; i < application->device->slot_count(); ++i)
        list.push_back(application->device->slot(i).id);
    }
    return give_list(list, pSlotList, pulCount);
  });
}

// Slots neither come nor go, and no token leaves one: there is nothing to wait for but C_Finalize.
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR pSlot, CK_VOID_PTR pReserved) {
  return entered([&]() -> CK_RV {
    if (!pSlot || pReserved) return CKR_ARGUMENTS_BAD;
    auto& library = token::Library::instance();
    if (flags & CKF_DONT_BLOCK)
      return library.initialized() ? CKR_NO_EVENT : CKR_CRYPTOKI_NOT_INITIALIZED;
    if (no_wait) return CKR_STRONGROOM_BUSY;
    library.wait_for_finalize();
    return CKR_CRYPTOKI_NOT_INITIALIZED;
  });
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO_PTR pInfo) {
  return with_slot(slotID, [&](token::Slot&) -> CK_RV {
    if (!pInfo) return CKR_ARGUMENTS_BAD;
    *pInfo = {};
    blank_padded(pInfo->slotDescription, sizeof(pInfo->slotDescription), "Strongroom slot");
    blank_padded(pInfo->manufacturerID, sizeof(pInfo->manufacturerID), "Strongroom");
    pInfo->flags = CKF_TOKEN_PRESENT;
    pInfo->hardwareVersion = kLibraryVersion;
    pInfo->firmwareVersion = kLibraryVersion;
    return CKR_OK;
  });
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO_PTR pInfo) {
  return with_slot(slotID, [&](token::Slot& slot) -> CK_RV {
    if (!pInfo) return CKR_ARGUMENTS_BAD;
    slot.info(pInfo);
    return CKR_OK;
  });
}

CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE_PTR pMechanismList,
                         CK_ULONG_PTR pulCount) {
  return with_slot(slotID, [&](token::Slot&) -> CK_RV {
    if (!pulCount) return CKR_ARGUMENTS_BAD;
    std::vector<CK_ULONG> list;
    for (const auto& row : token::mechanism_rows()) list.push_back(row.type);
    return give_list(list, pMechanismList, pulCount);
  });
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR pInfo) {
  return with_slot(slotID, [&](token::Slot&) -> CK_RV {
    if (!pInfo) return CKR_ARGUMENTS_BAD;
    const token::MechanismRow* row = token::mechanism_row(type);
    if (!row) return CKR_MECHANISM_INVALID;
    *pInfo = row->info;
    return CKR_OK;
  });
}

CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen,
                  CK_UTF8CHAR_PTR pLabel) {
  return with_slot(slotID, [&](token::Slot& slot) -> CK_RV {
    if (!pPin || !pLabel) return CKR_ARGUMENTS_BAD;
    return slot.init_token({pPin, ulPinLen}, {pLabel, sizeof(CK_TOKEN_INFO::label)});
  });
}

CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen) {
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    return pPin ? session.slot.init_pin(session, {pPin, ulPinLen}) : CKR_ARGUMENTS_BAD;
  });
}

CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pOldPin, CK_ULONG ulOldLen,
               CK_UTF8CHAR_PTR pNewPin, CK_ULONG ulNewLen) {
  return in_session(hSession, [&](token::Session& session) -> CK_RV {
    if (!pOldPin || !pNewPin) return CKR_ARGUMENTS_BAD;
    return session.slot.set_pin(session, {pOldPin, ulOldLen}, {pNewPin, ulNewLen});
  });
}
