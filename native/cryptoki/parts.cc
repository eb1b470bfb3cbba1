// parts.cc: message digesting (PKCS#11 v3.2, 5.12), and encryption, decryption, signing and
// verification in parts (5.8, 5.10, 5.13, 5.15).
#include "cryptoki/entry.h"

using namespace strongroom;
using namespace strongroom::cryptoki;
namespace operations = strongroom::token::operations;

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::digest_init(session, pMechanism);
  });
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
               CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::digest(session, pData, ulDataLen, pDigest, pulDigestLen);
  });
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::digest_update(session, pPart, ulPartLen);
  });
}

CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey) {
  return in_session(hSession,
                    [&](token::Session& session) { return operations::digest_key(session, hKey); });
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::digest_final(session, pDigest, pulDigestLen);
  });
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::sign_update(session, pPart, ulPartLen);
  });
}

CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature,
                  CK_ULONG_PTR pulSignatureLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::sign_final(session, pSignature, pulSignatureLen);
  });
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::verify_update(session, pPart, ulPartLen);
  });
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::verify_final(session, pSignature, ulSignatureLen);
  });
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen,
                      CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::encrypt_update(session, pPart, ulPartLen, pEncryptedPart,
                                      pulEncryptedPartLen);
  });
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastEncryptedPart,
                     CK_ULONG_PTR pulLastEncryptedPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::encrypt_final(session, pLastEncryptedPart, pulLastEncryptedPartLen);
  });
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart,
                      CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::decrypt_update(session, pEncryptedPart, ulEncryptedPartLen, pPart,
                                      pulPartLen);
  });
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastPart,
                     CK_ULONG_PTR pulLastPartLen) {
  return in_session(hSession, [&](token::Session& session) {
    return operations::decrypt_final(session, pLastPart, pulLastPartLen);
  });
}
