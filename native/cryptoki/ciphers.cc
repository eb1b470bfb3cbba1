// ciphers.cc: encryption, decryption, message-based encryption, signing and verification (PKCS#11
// v3.2, 5.8 to 5.15).
#include "cryptoki/entry.h"

using namespace strongroom;
using namespace strongroom::cryptoki;
namespace operations = strongroom::token::operations;

namespace {

using Init = CK_RV (*)(token::Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);

CK_RV init(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey,
           Init body) {
  return in_session(hSession,
                    [&](token::Session& session) { return body(session, pMechanism, hKey); });
}

}  // namespace

CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                    CK_OBJECT_HANDLE hKey) {
  return init(hSession, pMechanism, hKey, operations::encrypt_init);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                CK_BYTE_PTR pEncrypted, CK_ULONG_PTR pulEncryptedLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::encrypt(session, pData, ulDataLen, pEncrypted, pulEncryptedLen);
  });
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                    CK_OBJECT_HANDLE hKey) {
  return init(hSession, pMechanism, hKey, operations::decrypt_init);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncrypted, CK_ULONG ulEncryptedLen,
                CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::decrypt(session, pEncrypted, ulEncryptedLen, pData, pulDataLen);
  });
}

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey) {
  return init(hSession, pMechanism, hKey, operations::sign_init);
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
             CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::sign(session, pData, ulDataLen, pSignature, pulSignatureLen);
  });
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey) {
  return init(hSession, pMechanism, hKey, operations::verify_init);
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
               CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::verify(session, pData, ulDataLen, pSignature, ulSignatureLen);
  });
}

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                           CK_OBJECT_HANDLE hKey) {
  return init(hSession, pMechanism, hKey, operations::message_encrypt_init);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                       CK_BYTE_PTR pAad, CK_ULONG ulAadLen, CK_BYTE_PTR pPlaintext,
                       CK_ULONG ulPlaintextLen, CK_BYTE_PTR pCiphertext,
                       CK_ULONG_PTR pulCiphertextLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::encrypt_message(session, pParameter, ulParameterLen, pAad, ulAadLen,
                                       pPlaintext, ulPlaintextLen, pCiphertext, pulCiphertextLen);
  });
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                            CK_ULONG ulParameterLen, CK_BYTE_PTR pAad, CK_ULONG ulAadLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::encrypt_message_begin(session, pParameter, ulParameterLen, pAad, ulAadLen);
  });
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                           CK_ULONG ulParameterLen, CK_BYTE_PTR pPlaintextPart,
                           CK_ULONG ulPlaintextPartLen, CK_BYTE_PTR pCiphertextPart,
                           CK_ULONG_PTR pulCiphertextPartLen, CK_FLAGS flags) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::encrypt_message_next(session, pParameter, ulParameterLen, pPlaintextPart,
                                            ulPlaintextPartLen, pCiphertextPart,
                                            pulCiphertextPartLen, flags);
  });
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE hSession) {
  return in_session(
      hSession, [](token::Session& session) { return operations::message_encrypt_final(session); });
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                           CK_OBJECT_HANDLE hKey) {
  return init(hSession, pMechanism, hKey, operations::message_decrypt_init);
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                       CK_BYTE_PTR pAad, CK_ULONG ulAadLen, CK_BYTE_PTR pCiphertext,
                       CK_ULONG ulCiphertextLen, CK_BYTE_PTR pPlaintext,
                       CK_ULONG_PTR pulPlaintextLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::decrypt_message(session, pParameter, ulParameterLen, pAad, ulAadLen,
                                       pCiphertext, ulCiphertextLen, pPlaintext, pulPlaintextLen);
  });
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                            CK_ULONG ulParameterLen, CK_BYTE_PTR pAad, CK_ULONG ulAadLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::decrypt_message_begin(session, pParameter, ulParameterLen, pAad, ulAadLen);
  });
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter,
                           CK_ULONG ulParameterLen, CK_BYTE_PTR pCiphertextPart,
                           CK_ULONG ulCiphertextPartLen, CK_BYTE_PTR pPlaintextPart,
                           CK_ULONG_PTR pulPlaintextPartLen, CK_FLAGS flags) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::decrypt_message_next(session, pParameter, ulParameterLen, pCiphertextPart,
                                            ulCiphertextPartLen, pPlaintextPart,
                                            pulPlaintextPartLen, flags);
  });
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE hSession) {
  return in_session(
      hSession, [](token::Session& session) { return operations::message_decrypt_final(session); });
}
