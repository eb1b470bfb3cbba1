// parts.cc: message digesting (PKCS#11 v3.2, 5.12), and signing and verification in parts
// (5.13, 5.15).
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
