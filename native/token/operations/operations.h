// operations.h: the work behind the C_* functions that use a session, one function each, same order
// of checks: error state, session state, arguments, mechanism, key, template, rights; then the
// work. Pointers and lengths are the caller's, read once. Where PKCS#11 asks (5.2), a null output
// asks for the length and CKR_BUFFER_TOO_SMALL tells it.
#pragma once

#include "token/session.h"

namespace strongroom::token::operations {

// encryption.cc (5.8, 5.10).
CK_RV encrypt_init(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);
CK_RV encrypt(Session&, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len);
CK_RV decrypt_init(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);
CK_RV decrypt(Session&, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len);
// In parts. Ciphertext is given out as it is made, plaintext of an authenticated message once its
// tag was checked.
CK_RV encrypt_update(Session&, const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out,
                     CK_ULONG* out_len);
CK_RV encrypt_final(Session&, CK_BYTE* out, CK_ULONG* out_len);
CK_RV decrypt_update(Session&, const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out,
                     CK_ULONG* out_len);
CK_RV decrypt_final(Session&, CK_BYTE* out, CK_ULONG* out_len);
// Init and single part in one, leaving no operation active: SR_Encrypt, SR_Decrypt.
CK_RV encrypt_once(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE, const CK_BYTE* data,
                   CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len);
CK_RV decrypt_once(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE, const CK_BYTE* data,
                   CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len);

// message.cc (5.9, 5.11).
CK_RV message_encrypt_init(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);
CK_RV encrypt_message(Session&, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                      CK_ULONG aad_len, const CK_BYTE* plaintext, CK_ULONG plaintext_len,
                      CK_BYTE* ciphertext, CK_ULONG* ciphertext_len);
// In parts: begin, next as often as wanted; the last next has CKF_END_OF_MESSAGE among its flags.
CK_RV encrypt_message_begin(Session&, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                            CK_ULONG aad_len);
CK_RV encrypt_message_next(Session&, void* parameter, CK_ULONG parameter_len, const CK_BYTE* part,
                           CK_ULONG part_len, CK_BYTE* out, CK_ULONG* out_len, CK_FLAGS flags);
CK_RV message_encrypt_final(Session&);
CK_RV message_decrypt_init(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);
CK_RV decrypt_message(Session&, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                      CK_ULONG aad_len, const CK_BYTE* ciphertext, CK_ULONG ciphertext_len,
                      CK_BYTE* plaintext, CK_ULONG* plaintext_len);
CK_RV decrypt_message_begin(Session&, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                            CK_ULONG aad_len);
CK_RV decrypt_message_next(Session&, void* parameter, CK_ULONG parameter_len, const CK_BYTE* part,
                           CK_ULONG part_len, CK_BYTE* out, CK_ULONG* out_len, CK_FLAGS flags);
CK_RV message_decrypt_final(Session&);
CK_RV seal_random(Session&, CK_OBJECT_HANDLE, const SR_SEAL_PARAMS*, const CK_BYTE* aad,
                  CK_ULONG aad_len, CK_ULONG length, CK_BYTE* plaintext, CK_BYTE* ciphertext);

// digesting.cc (5.12).
CK_RV digest_init(Session&, const CK_MECHANISM*);
CK_RV digest(Session&, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len);
CK_RV digest_update(Session&, const CK_BYTE* part, CK_ULONG part_len);
CK_RV digest_key(Session&, CK_OBJECT_HANDLE);
CK_RV digest_final(Session&, CK_BYTE* out, CK_ULONG* out_len);

// signing.cc (5.13, 5.15).
CK_RV sign_init(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);
CK_RV sign(Session&, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
           CK_ULONG* signature_len);
CK_RV verify_init(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE);
CK_RV verify(Session&, const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
             CK_ULONG signature_len);
// In parts. They are gathered and signed at the end, so a message has to fit in memory.
CK_RV sign_update(Session&, const CK_BYTE* part, CK_ULONG part_len);
CK_RV sign_final(Session&, CK_BYTE* signature, CK_ULONG* signature_len);
CK_RV verify_update(Session&, const CK_BYTE* part, CK_ULONG part_len);
CK_RV verify_final(Session&, const CK_BYTE* signature, CK_ULONG signature_len);
// Init and single part in one, leaving no operation active: SR_Sign, SR_Verify.
CK_RV sign_once(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE, const CK_BYTE* data,
                CK_ULONG data_len, CK_BYTE* signature, CK_ULONG* signature_len);
CK_RV verify_once(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE, const CK_BYTE* data,
                  CK_ULONG data_len, const CK_BYTE* signature, CK_ULONG signature_len);

// key_pairs.cc (5.18) and SR_SealKeyPair.
struct KeyPairTemplates {
  const CK_ATTRIBUTE* public_attributes;
  CK_ULONG public_count;
  const CK_ATTRIBUTE* private_attributes;
  CK_ULONG private_count;
};
CK_RV generate_key_pair(Session&, const CK_MECHANISM*, const KeyPairTemplates&,
                        CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key);
CK_RV seal_key_pair(Session&, const CK_MECHANISM*, const CK_ATTRIBUTE*, CK_ULONG,
                    CK_OBJECT_HANDLE key, const CK_BYTE* aad, CK_ULONG aad_len,
                    const SR_SEALED_KEY_PAIR*);

// re_encryption.cc: SR_ReEncrypt.
CK_RV re_encrypt(Session&, const SR_CIPHER_KEY* source, const CK_BYTE* ciphertext,
                 CK_ULONG ciphertext_len, const SR_CIPHER_KEY* destination, CK_BYTE* out,
                 CK_ULONG* out_len);

// keys.cc (5.18).
CK_RV generate_key(Session&, const CK_MECHANISM*, const CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*);
CK_RV derive_key(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE base, const CK_ATTRIBUTE*,
                 CK_ULONG, CK_OBJECT_HANDLE*);

// wrapping.cc (5.18). aad: null for the functions that have none.
struct AdditionalData {
  const CK_BYTE* data;
  CK_ULONG length;
};
CK_RV wrap_key(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
               const AdditionalData* aad, CK_BYTE* wrapped, CK_ULONG* wrapped_len);
CK_RV unwrap_key(Session&, const CK_MECHANISM*, CK_OBJECT_HANDLE unwrapping, const CK_BYTE* wrapped,
                 CK_ULONG wrapped_len, const CK_ATTRIBUTE*, CK_ULONG, const AdditionalData* aad,
                 CK_OBJECT_HANDLE* key);
// SR_BuryWrapped.
CK_RV bury_wrapped(Session&, const SR_BURIAL*, CK_ULONG count);
// rewrapping.cc: SR_RewrapKey. aad: of the source.
CK_RV rewrap_key(Session&, const SR_REWRAP_KEY* source, const CK_BYTE* wrapped,
                 CK_ULONG wrapped_len, const AdditionalData& aad, const SR_REWRAP_KEY* destination,
                 CK_BYTE* rewrapped, CK_ULONG* rewrapped_len);

// objects.cc (5.7).
CK_RV create_object(Session&, const CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*);
CK_RV copy_object(Session&, CK_OBJECT_HANDLE source, const CK_ATTRIBUTE*, CK_ULONG,
                  CK_OBJECT_HANDLE*);
CK_RV destroy_object(Session&, CK_OBJECT_HANDLE);
// Bytes of its attributes and its value.
CK_RV get_object_size(Session&, CK_OBJECT_HANDLE, CK_ULONG* size);
CK_RV get_attribute_value(Session&, CK_OBJECT_HANDLE, CK_ATTRIBUTE*, CK_ULONG);
CK_RV set_attribute_value(Session&, CK_OBJECT_HANDLE, const CK_ATTRIBUTE*, CK_ULONG);
CK_RV find_objects_init(Session&, const CK_ATTRIBUTE*, CK_ULONG);
CK_RV find_objects(Session&, CK_OBJECT_HANDLE* handles, CK_ULONG max, CK_ULONG* count);
CK_RV find_objects_final(Session&);

// random.cc (5.20).
CK_RV seed_random(const CK_BYTE* seed, CK_ULONG seed_len);
CK_RV generate_random(CK_BYTE* out, CK_ULONG length);

// session_cancel (5.6.7): flags as in CK_MECHANISM_INFO.
CK_RV session_cancel(Session&, CK_FLAGS flags);

}  // namespace strongroom::token::operations
