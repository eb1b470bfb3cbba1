// vendor.h: the "Strongroom" interface beside the standard one. C_GetInterface("Strongroom", ...)
// answers an SR_FUNCTION_LIST. It carries what PKCS#11 has no word for: several devices in one
// process, applications as a property of a session, calls that never wait, and the ceremonies.
//
// All functions are thread-safe and answer CKR_* codes; CKR_ARGUMENTS_BAD for a null or malformed
// argument, CKR_CRYPTOKI_NOT_INITIALIZED in a forked child.
#pragma once

#include "cryptoki/cryptoki.h"

extern "C" {

typedef CK_ULONG SR_DEVICE;       // one simulated HSM: flash, root secret, slots
typedef CK_ULONG SR_APPLICATION;  // one client of a device: its sessions, objects and login

inline constexpr CK_ULONG SR_ATTACH_ID_BYTES = 16;
inline constexpr CK_ULONG SR_SEAL_NONCE_BYTES = 28;  // 16 bytes KDF context, 12 bytes GCM IV
inline constexpr CK_ULONG SR_SEAL_TAG_BYTES = 16;

// Parameter of CKM_STRONGROOM_DERIVE_AES_GCM (message-based only). Encrypt writes nonce and tag,
// decrypt reads them. The nonce is made inside: hedged, so a cloned machine does not repeat one.
struct SR_SEAL_PARAMS {
  CK_BYTE_PTR pNonce;  // SR_SEAL_NONCE_BYTES
  CK_BYTE_PTR pTag;    // SR_SEAL_TAG_BYTES
};

// CKM_AES_GCM for C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated, beside the standard's
// CK_GCM_MESSAGE_PARAMS: the tag is appended to the wrapped key. The IV is made by the token.
struct SR_GCM_WRAP_PARAMS {
  CK_BYTE_PTR pIv;
  CK_ULONG ulIvLen;
  CK_ULONG ulIvFixedBits;
  CK_GENERATOR_FUNCTION ivGenerator;
  CK_ULONG ulTagBits;
};

// A clock that never goes back, in milliseconds from whenever it likes. The token has none of its
// own.
typedef CK_ULONG (*SR_MONOTONIC_CLOCK)(void);

struct SR_DEVICE_CONFIG {
  CK_ULONG ulSize;              // sizeof(SR_DEVICE_CONFIG), so that fields can be added
  const char* pFlashDirectory;  // sealed journal; null: the device lives in memory only
  const char* pRootDirectory;  // root secret, PIN counters, journal head (plays battery-backed RAM)
  CK_ULONG ulSlotCount;        // 1 to 64
  CK_ULONG ulPinIterations;    // PBKDF2, for new PINs; 0: the default; as few as 1 in memory only
  CK_ULONG ulMaxSessionCount;  // per slot; 0: the default
  CK_BBOOL bCreate;            // make an empty device where none is; else CKR_TOKEN_NOT_PRESENT
  CK_ULONG ulMaxRwSessionCount;  // of those, R/W ones; 0: all of them
  // A session that no call has used for so long is closed, up to a year; 0: never. It is over when
  // it is next used, or when sessions of the device are next opened or counted.
  CK_ULONG ulSessionIdleSeconds;
  SR_MONOTONIC_CLOCK pMonotonicMs;  // only for the idle limit, and then not null
  CK_BBOOL bShared;  // other processes may have it open as well, if they share it too
  // What the root secret is sealed under; null: it lies in its file as it is. Not for a device in
  // memory.
  const CK_UTF8CHAR* pRootPassphrase = nullptr;
  CK_ULONG ulRootPassphraseLen = 0;
};

struct SR_MEMORY_RANGE {
  const void* pStart;
  CK_ULONG ulLength;  // bytes
};

struct SR_DEVICE_STATUS {
  CK_ULONG ulSize;
  CK_BBOOL bErrorState;  // a self-test failed: every crypto call answers CKR_FIPS_SELF_TEST_FAILED
  CK_UTF8CHAR failedSelfTest[64];  // its name, blank padded
  CK_ULONG ulApplicationCount;
  CK_ULONG ulSessionCount;
  CK_ULONG ulSessionObjectCount;
  CK_ULONG ulTokenObjectCount;
  CK_ULONG ulFlashBytes;
  SR_MEMORY_RANGE arena;       // raw keys live here, locked, not dumped, wiped on fork
  SR_MEMORY_RANGE secureHeap;  // OpenSSL's secure heap, initialised by the core
  CK_BBOOL bMemoryLocked;      // false: the memory lock limit was too small for one of the two
};

// What SR_SealKeyPair gives. Each length is the buffer's room before, the bytes written after; with
// CKR_BUFFER_TOO_SMALL the three say how much is needed, and the key pair is gone.
struct SR_SEALED_KEY_PAIR {
  CK_BYTE_PTR pPublicKeyInfo;  // SubjectPublicKeyInfo, DER (RFC 5280)
  CK_ULONG_PTR pulPublicKeyInfoLen;
  SR_SEAL_PARAMS seal;      // nonce and tag
  CK_BYTE_PTR pCiphertext;  // of the PrivateKeyInfo, DER (RFC 5208)
  CK_ULONG_PTR pulCiphertextLen;
  CK_BYTE_PTR pPrivateKeyInfo;  // the same in the clear; null: it never leaves the token
};

// One side of SR_ReEncrypt. CKM_STRONGROOM_DERIVE_AES_GCM (its parameter: SR_SEAL_PARAMS, read on
// the source's side, written on the destination's) or CKM_RSA_PKCS_OAEP (without additional data).
struct SR_CIPHER_KEY {
  CK_MECHANISM_PTR pMechanism;
  CK_OBJECT_HANDLE hKey;
  CK_BYTE_PTR pAad;
  CK_ULONG ulAadLen;
};

// One wrapped key for SR_BuryWrapped: not its bytes, but what they open with.
struct SR_BURIAL {
  CK_OBJECT_HANDLE hKey;  // unwraps: a token object
  CK_BYTE_PTR pAad;
  CK_ULONG ulAadLen;
};
inline constexpr CK_ULONG SR_BURIALS_MAX = 1024;  // of one call

// One side of SR_RewrapKey: CKM_AES_GCM with SR_GCM_WRAP_PARAMS, as of the function of that side.
struct SR_REWRAP_KEY {
  CK_MECHANISM_PTR pMechanism;
  CK_OBJECT_HANDLE hKey;
};

struct SR_FUNCTION_LIST {
  CK_VERSION version;

  // Opens (or makes) a device. CKR_STRONGROOM_FLASH_IN_USE, _FLASH_VERSION, _FLASH_INTEGRITY,
  // CKR_DEVICE_ERROR (file system), CKR_TOKEN_NOT_PRESENT (nothing there and bCreate is false),
  // CKR_PIN_INVALID (the root secret's passphrase is another one, missing, or there is none).
  CK_RV (*SR_OpenDevice)(const SR_DEVICE_CONFIG*, SR_DEVICE*);
  // Closes all applications of the device and zeroises what it held in memory.
  CK_RV (*SR_CloseDevice)(SR_DEVICE);
  CK_RV (*SR_GetDeviceStatus)(SR_DEVICE, SR_DEVICE_STATUS*);

  // A new application; attach id (SR_ATTACH_ID_BYTES, unguessable) lets other threads join it.
  CK_RV (*SR_OpenApplication)(SR_DEVICE, CK_BYTE_PTR pAttachId, SR_APPLICATION*);
  CK_RV (*SR_AttachApplication)(CK_BYTE_PTR pAttachId, SR_APPLICATION*);
  // Drops one reference; the last one closes every session of the application.
  CK_RV (*SR_CloseApplication)(SR_APPLICATION);

  // The standard calls, for one application and the slots of its device.
  CK_RV (*SR_GetSlotList)(SR_APPLICATION, CK_BBOOL tokenPresent, CK_SLOT_ID_PTR, CK_ULONG_PTR);
  CK_RV (*SR_OpenSession)(SR_APPLICATION, CK_SLOT_ID, CK_FLAGS, CK_SESSION_HANDLE_PTR);
  CK_RV (*SR_CloseAllSessions)(SR_APPLICATION, CK_SLOT_ID);

  // For the calling thread: true = any call that would wait for a lock, take entropy from the
  // system or write flash answers CKR_STRONGROOM_BUSY and has changed nothing.
  void (*SR_SetNoWait)(CK_BBOOL);

  // SO session: sets CKA_TRUSTED on the user's private key object with this CKA_UNIQUE_ID. Only for
  // a LOCAL, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE secret key that may WRAP/UNWRAP, may not ENCRYPT,
  // DECRYPT, SIGN or DERIVE, and carries an unwrap template that names the class and makes keys
  // that stay inside; else CKR_KEY_FUNCTION_NOT_PERMITTED.
  CK_RV (*SR_MarkTrusted)(CK_SESSION_HANDLE, CK_UTF8CHAR_PTR pUniqueId, CK_ULONG ulUniqueIdLen);

  // Draws ulLength random bytes inside and seals them under hKey with
  // CKM_STRONGROOM_DERIVE_AES_GCM. pPlaintext: null keeps them inside for good. pCiphertext takes
  // ulLength bytes.
  CK_RV(*SR_SealRandom)
  (CK_SESSION_HANDLE, CK_OBJECT_HANDLE hKey, SR_SEAL_PARAMS*, CK_BYTE_PTR pAad, CK_ULONG ulAadLen,
   CK_ULONG ulLength, CK_BYTE_PTR pPlaintext, CK_BYTE_PTR pCiphertext);

  // Makes the named self-test fail the next time it runs (null: none). Names: SR_GetSelfTests.
  CK_RV (*SR_FailSelfTest)(const char* name);
  // Names of all self-tests, newline separated, with their standard reference and whether each has
  // run.
  CK_RV (*SR_GetSelfTests)(CK_UTF8CHAR_PTR pText, CK_ULONG_PTR pulLen);

  // From version 1.1. C_*Init and the single part after it as one call: the same checks in the same
  // order, the same results and CKR_* codes, but no operation is left active, whatever it answers.
  CK_RV(*SR_Encrypt)
  (CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pData,
   CK_ULONG ulDataLen, CK_BYTE_PTR pEncrypted, CK_ULONG_PTR pulEncryptedLen);
  CK_RV(*SR_Decrypt)
  (CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pEncrypted,
   CK_ULONG ulEncryptedLen, CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen);
  CK_RV(*SR_Sign)
  (CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pData,
   CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen);
  CK_RV(*SR_Verify)
  (CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pData,
   CK_ULONG ulDataLen, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen);

  // From version 1.2. Makes a key pair that never becomes an object: its private half is sealed
  // under hKey with CKM_STRONGROOM_DERIVE_AES_GCM. The template is C_GenerateKeyPair's for the
  // public key: CKA_MODULUS_BITS or CKA_EC_PARAMS.
  CK_RV(*SR_SealKeyPair)
  (CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
   CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pAad, CK_ULONG ulAadLen, SR_SEALED_KEY_PAIR*);

  // Decrypts with the source's key and encrypts with the destination's; the plaintext stays inside.
  // Each key needs the right it would need for that half alone. CKR_AEAD_DECRYPT_FAILED and
  // CKR_ENCRYPTED_DATA_INVALID speak of the source, CKR_DATA_LEN_RANGE of the destination.
  CK_RV(*SR_ReEncrypt)
  (CK_SESSION_HANDLE, SR_CIPHER_KEY* pSource, CK_BYTE_PTR pCiphertext, CK_ULONG ulCiphertextLen,
   SR_CIPHER_KEY* pDestination, CK_BYTE_PTR pOutput, CK_ULONG_PTR pulOutputLen);

  // From version 1.3. From now on, whatever a key wrapped with these additional data,
  // C_UnwrapKeyAuthenticated answers CKR_WRAPPED_KEY_INVALID for it, for good: it is in flash, all
  // of one call or nothing, when this answers CKR_OK. Burying again changes nothing. What was
  // unwrapped before stays. Read/write session of the user (CKR_USER_NOT_LOGGED_IN,
  // CKR_SESSION_READ_ONLY); keys on the token that may unwrap with CKM_AES_GCM
  // (CKR_UNWRAPPING_KEY_HANDLE_INVALID, _TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED).
  // C_InitToken forgets burials with the keys that they speak of.
  CK_RV (*SR_BuryWrapped)(CK_SESSION_HANDLE, const SR_BURIAL*, CK_ULONG ulCount);

  // From version 1.4. Runs again, now, every self-test that can be asked for: the integrity of the
  // code and the known answers (ISO/IEC 19790 7.10.3.8). CKR_FIPS_SELF_TEST_FAILED: one failed, now
  // or before.
  CK_RV (*SR_RunSelfTests)(void);

  // From version 1.5. Wraps with CKM_AES_GCM under one key what was wrapped under another, for a
  // key that is being replaced; what is wrapped stays inside, whatever it is. The additional data
  // of the source hold its key's CKA_ID once; those of the result are the same with the
  // destination's CKA_ID, which is as long, in its place, so that nothing else of them changes.
  // CKR_ARGUMENTS_BAD: they do not. CKR_KEY_FUNCTION_NOT_PERMITTED: the two keys are not
  // CKA_TRUSTED, or differ in CKA_LABEL or, but for mechanisms, in wrap or unwrap template.
  // CKR_WRAPPED_KEY_INVALID as of C_UnwrapKeyAuthenticated.
  CK_RV(*SR_RewrapKey)
  (CK_SESSION_HANDLE, SR_REWRAP_KEY* pSource, CK_BYTE_PTR pWrapped, CK_ULONG ulWrappedLen,
   CK_BYTE_PTR pAad, CK_ULONG ulAadLen, SR_REWRAP_KEY* pDestination, CK_BYTE_PTR pRewrapped,
   CK_ULONG_PTR pulRewrappedLen);

  // From version 1.6. The device starts anew, as after its reset button was pushed: every session
  // of every application is closed, with its session objects and the login. What is under way on a
  // session ends as it can. Applications stay, and flash and PIN counters are untouched.
  CK_RV (*SR_ResetDevice)(SR_DEVICE);

  // From version 1.7. Seals the root secret of a device that nobody has open under another
  // passphrase; a length of 0: none, before or afterwards. Answers as SR_OpenDevice; after any
  // failure but CKR_DEVICE_ERROR nothing has changed, and after that either one opens it.
  CK_RV(*SR_ChangeRootPassphrase)
  (const char* pRootDirectory, const CK_UTF8CHAR* pPassphrase, CK_ULONG ulPassphraseLen,
   const CK_UTF8CHAR* pNewPassphrase, CK_ULONG ulNewPassphraseLen);
};

}  // extern "C"

namespace strongroom::cryptoki {
inline constexpr char kVendorInterfaceName[] = "Strongroom";
// The token's function lists. Static, valid for the life of the process.
CK_FUNCTION_LIST_3_2* function_list();
SR_FUNCTION_LIST* vendor_list();
}  // namespace strongroom::cryptoki
