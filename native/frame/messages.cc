// Message-based encryption: PKCS#11 v3.2 sections 5.9 and 5.11; and sealing of random bytes
// (vendor.h).
#include "frame/call.h"

namespace strongroom::frame {

CK_RV message_encrypt(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kMessageEncrypt);
  const std::uint64_t key_handle = call.in.u64();
  const Bytes additional_data = call.in.bytes();
  const Bytes plaintext = call.in.data();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  const std::size_t iv_length = mechanism.iv().size();
  const std::size_t prefix = iv_length + mechanism.tag().size();
  const MutableBytes area = call.output();
  if (area.size() < prefix + plaintext.size()) return call.too_small(prefix + plaintext.size());

  CK_RV rv = invoke(call.list().C_MessageEncryptInit, call.native(), mechanism.get(), key);
  if (rv != CKR_OK) return rv;
  CK_ULONG length = area.size() - prefix;
  rv = invoke(call.list().C_EncryptMessage, call.native(), mechanism.parameter(),
              mechanism.parameter_length(), input(additional_data), additional_data.size(),
              input(plaintext), plaintext.size(), area.data() + prefix, &length);
  const CK_RV final_rv = invoke(call.list().C_MessageEncryptFinal, call.native());
  if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(prefix + length);
  if (rv == CKR_OK) rv = final_rv;
  if (rv != CKR_OK) return rv;
  if (iv_length != 0) std::memcpy(area.data(), mechanism.iv().data(), iv_length);
  if (prefix != iv_length)
    std::memcpy(area.data() + iv_length, mechanism.tag().data(), prefix - iv_length);
  call.produced(prefix + length);
  return CKR_OK;
}

CK_RV message_decrypt(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kMessageDecrypt);
  const std::uint64_t key_handle = call.in.u64();
  const Bytes additional_data = call.in.bytes();
  const Bytes ciphertext = call.in.data();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  const MutableBytes area = call.output();
  if (area.size() < ciphertext.size()) return call.too_small(ciphertext.size());

  CK_RV rv = invoke(call.list().C_MessageDecryptInit, call.native(), mechanism.get(), key);
  if (rv != CKR_OK) return rv;
  CK_ULONG length = area.size();
  rv = invoke(call.list().C_DecryptMessage, call.native(), mechanism.parameter(),
              mechanism.parameter_length(), input(additional_data), additional_data.size(),
              input(ciphertext), ciphertext.size(), area.data(), &length);
  const CK_RV final_rv = invoke(call.list().C_MessageDecryptFinal, call.native());
  if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(length);
  if (rv == CKR_OK) rv = final_rv;
  if (rv != CKR_OK) return rv;
  call.produced(length);
  return CKR_OK;
}

CK_RV seal_random(Call& call) {
  const std::uint64_t key_handle = call.in.u64();
  const Bytes additional_data = call.in.bytes();
  const std::uint32_t length = call.in.u32();
  const std::uint32_t reveal = call.in.u32();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (reveal > 1) return CKR_ARGUMENTS_BAD;
  if (call.module.vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  constexpr std::size_t prefix = SR_SEAL_NONCE_BYTES + SR_SEAL_TAG_BYTES;
  const std::uint64_t needed = prefix + std::uint64_t{length} * (1 + reveal);
  const MutableBytes area = call.output();
  if (area.size() < needed) return call.too_small(needed);
  CK_BYTE nonce[SR_SEAL_NONCE_BYTES];
  CK_BYTE tag[SR_SEAL_TAG_BYTES];
  SR_SEAL_PARAMS parameter{nonce, tag};
  CK_BYTE* ciphertext = area.data() + prefix;
  const CK_RV rv = call.module.vendor->SR_SealRandom(
      call.native(), key, &parameter, input(additional_data), additional_data.size(), length,
      reveal != 0 ? ciphertext + length : nullptr, ciphertext);
  if (rv != CKR_OK) return rv;
  std::memcpy(area.data(), nonce, sizeof nonce);
  std::memcpy(area.data() + sizeof nonce, tag, sizeof tag);
  call.produced(needed);
  return CKR_OK;
}

}  // namespace strongroom::frame
