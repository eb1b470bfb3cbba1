// objects.cc: object and key management functions (PKCS#11 v3.2, 5.7 and 5.18).
#include "cryptoki/entry.h"

using namespace strongroom;
using namespace strongroom::cryptoki;
namespace operations = strongroom::token::operations;

CK_RV C_CreateObject(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                     CK_OBJECT_HANDLE_PTR phObject) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::create_object(session, pTemplate, ulCount, phObject);
  });
}

CK_RV C_CopyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate,
                   CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phNewObject) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::copy_object(session, hObject, pTemplate, ulCount, phNewObject);
  });
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::get_object_size(session, hObject, pulSize);
  });
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::destroy_object(session, hObject);
  });
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::get_attribute_value(session, hObject, pTemplate, ulCount);
  });
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                          CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::set_attribute_value(session, hObject, pTemplate, ulCount);
  });
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::find_objects_init(session, pTemplate, ulCount);
  });
}

CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE_PTR phObject, CK_ULONG ulMax,
                    CK_ULONG_PTR pulCount) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::find_objects(session, phObject, ulMax, pulCount);
  });
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession) {
  return in_session(
      hSession, [](token::Session& session) { return operations::find_objects_final(session); });
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                    CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phKey) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::generate_key(session, pMechanism, pTemplate, ulCount, phKey);
  });
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                        CK_ATTRIBUTE_PTR pPublicKeyTemplate, CK_ULONG ulPublicKeyAttributeCount,
                        CK_ATTRIBUTE_PTR pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount,
                        CK_OBJECT_HANDLE_PTR phPublicKey, CK_OBJECT_HANDLE_PTR phPrivateKey) {
  return in_session(hSession, [&](token::Session& session) {
    const operations::KeyPairTemplates templates{pPublicKeyTemplate, ulPublicKeyAttributeCount,
                                                 pPrivateKeyTemplate, ulPrivateKeyAttributeCount};
    return operations::generate_key_pair(session, pMechanism, templates, phPublicKey, phPrivateKey);
  });
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                  CK_OBJECT_HANDLE hBaseKey, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                  CK_OBJECT_HANDLE_PTR phKey) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::derive_key(session, pMechanism, hBaseKey, pTemplate, ulCount, phKey);
  });
}

CK_RV C_WrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pWrappedKey,
                CK_ULONG_PTR pulWrappedKeyLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::wrap_key(session, pMechanism, hWrappingKey, hKey, nullptr, pWrappedKey,
                                pulWrappedKeyLen);
  });
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                  CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE_PTR pWrappedKey,
                  CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                  CK_OBJECT_HANDLE_PTR phKey) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::unwrap_key(session, pMechanism, hUnwrappingKey, pWrappedKey, ulWrappedKeyLen,
                                  pTemplate, ulCount, nullptr, phKey);
  });
}

CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                             CK_OBJECT_HANDLE hWrappingKey, CK_OBJECT_HANDLE hKey,
                             CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen,
                             CK_BYTE_PTR pWrappedKey, CK_ULONG_PTR pulWrappedKeyLen) {
  return in_session(hSession, [&](token::Session& session) {
    const operations::AdditionalData aad{pAssociatedData, ulAssociatedDataLen};
    return operations::wrap_key(session, pMechanism, hWrappingKey, hKey, &aad, pWrappedKey,
                                pulWrappedKeyLen);
  });
}

CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                               CK_OBJECT_HANDLE hUnwrappingKey, CK_BYTE_PTR pWrappedKey,
                               CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate,
                               CK_ULONG ulCount, CK_BYTE_PTR pAssociatedData,
                               CK_ULONG ulAssociatedDataLen, CK_OBJECT_HANDLE_PTR phKey) {
  return in_session(hSession, [&](token::Session& session) {
    const operations::AdditionalData aad{pAssociatedData, ulAssociatedDataLen};
    return operations::unwrap_key(session, pMechanism, hUnwrappingKey, pWrappedKey, ulWrappedKeyLen,
                                  pTemplate, ulCount, &aad, phKey);
  });
}
