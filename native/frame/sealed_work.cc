// Work whose inner values never leave the token: sealed key pairs, re-encryption and wrapping anew
// (vendor.h).
#include <array>

#include "frame/call.h"

namespace strongroom::frame {
namespace {

// PKCS#8 of the longest key a token makes here, RSA of 4,096 bits, has about 2,400 bytes.
constexpr std::size_t kPrivateKeyBytesMax = 4096;
constexpr std::size_t kPublicKeyBytesMax = 1024;

template <std::size_t N>
struct Wiped {
  std::array<CK_BYTE, N> bytes;
  ~Wiped() { wipe(bytes.data(), bytes.size()); }
};

}  // namespace

CK_RV seal_key_pair(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  Template attributes;
  attributes.read(call.in);
  const std::uint64_t key_handle = call.in.u64();
  const Bytes additional_data = call.in.bytes();
  const std::uint32_t reveal = call.in.u32();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  if (reveal > 1) return CKR_ARGUMENTS_BAD;
  const SR_FUNCTION_LIST* vendor = call.module.sealed_work();
  if (vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;

  constexpr std::size_t prefix = SR_SEAL_NONCE_BYTES + SR_SEAL_TAG_BYTES;
  std::array<CK_BYTE, kPublicKeyBytesMax> info;
  std::array<CK_BYTE, prefix + kPrivateKeyBytesMax> sealed;
  Wiped<kPrivateKeyBytesMax> plaintext;
  CK_ULONG info_length = info.size();
  CK_ULONG length = kPrivateKeyBytesMax;
  SR_SEALED_KEY_PAIR made{};
  made.pPublicKeyInfo = info.data();
  made.pulPublicKeyInfoLen = &info_length;
  made.seal = {sealed.data(), sealed.data() + SR_SEAL_NONCE_BYTES};
  made.pCiphertext = sealed.data() + prefix;
  made.pulCiphertextLen = &length;
  made.pPrivateKeyInfo = reveal != 0 ? plaintext.bytes.data() : nullptr;
  const CK_RV rv =
      vendor->SR_SealKeyPair(call.native(), mechanism.get(), attributes.data(), attributes.count(),
                             key, input(additional_data), additional_data.size(), &made);
  if (rv != CKR_OK) return rv;
  call.out.bytes({info.data(), info_length});
  call.out.bytes({sealed.data(), prefix + length});
  call.out.bytes({plaintext.bytes.data(), reveal != 0 ? length : 0});
  return CKR_OK;
}

CK_RV re_encrypt(Call& call) {
  Mechanism source;
  const CK_RV source_parameter = source.read(call.in, Form::kMessageDecrypt);
  const std::uint64_t source_handle = call.in.u64();
  const Bytes source_aad = call.in.bytes();
  const Bytes ciphertext = call.in.data();
  Mechanism destination;
  const CK_RV destination_parameter = destination.read(call.in, Form::kMessageEncrypt);
  const std::uint64_t destination_handle = call.in.u64();
  const Bytes destination_aad = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (source_parameter != CKR_OK) return source_parameter;
  if (destination_parameter != CKR_OK) return destination_parameter;
  const SR_FUNCTION_LIST* vendor = call.module.sealed_work();
  if (vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  SR_CIPHER_KEY from{source.get(), 0, input(source_aad), source_aad.size()};
  SR_CIPHER_KEY to{destination.get(), 0, input(destination_aad), destination_aad.size()};
  if (!call.application.object(source_handle, &from.hKey) ||
      !call.application.object(destination_handle, &to.hKey))
    return CKR_KEY_HANDLE_INVALID;

  // What the destination's mechanism makes beside the ciphertext comes first.
  const std::size_t nonce_length = destination.iv().size();
  const std::size_t prefix = nonce_length + destination.tag().size();
  const MutableBytes area = call.output();
  if (area.size() < prefix) return call.too_small(prefix + ciphertext.size());
  CK_ULONG length = area.size() - prefix;
  const CK_RV rv = vendor->SR_ReEncrypt(call.native(), &from, input(ciphertext), ciphertext.size(),
                                        &to, area.data() + prefix, &length);
  if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(prefix + length);
  if (rv != CKR_OK) return rv;
  if (prefix != 0) {
    std::memcpy(area.data(), destination.iv().data(), nonce_length);
    std::memcpy(area.data() + nonce_length, destination.tag().data(), prefix - nonce_length);
  }
  call.produced(prefix + length);
  return CKR_OK;
}

CK_RV rewrap_key(Call& call) {
  Mechanism unwrap;
  const CK_RV unwrap_parameter = unwrap.read(call.in, Form::kWrap);
  const std::uint64_t unwrapping_handle = call.in.u64();
  const Bytes wrapped = call.in.data();
  const Bytes additional_data = call.in.bytes();
  Mechanism wrap;
  const CK_RV wrap_parameter = wrap.read(call.in, Form::kWrap);
  const std::uint64_t wrapping_handle = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (unwrap_parameter != CKR_OK) return unwrap_parameter;
  if (wrap_parameter != CKR_OK) return wrap_parameter;
  const SR_FUNCTION_LIST* vendor = call.module.rewraps();
  if (vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  SR_REWRAP_KEY from{unwrap.get(), 0};
  SR_REWRAP_KEY to{wrap.get(), 0};
  if (!call.application.object(unwrapping_handle, &from.hKey))
    return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  if (!call.application.object(wrapping_handle, &to.hKey)) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  const std::size_t prefix = wrap.iv().size();
  const MutableBytes area = call.output();
  if (area.size() < prefix) return call.too_small(prefix + wrapped.size());
  CK_ULONG length = area.size() - prefix;
  const CK_RV rv = vendor->SR_RewrapKey(call.native(), &from, input(wrapped), wrapped.size(),
                                        input(additional_data), additional_data.size(), &to,
                                        area.data() + prefix, &length);
  if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(prefix + length);
  if (rv != CKR_OK) return rv;
  if (prefix != 0) std::memcpy(area.data(), wrap.iv().data(), prefix);
  call.produced(prefix + length);
  return CKR_OK;
}

}  // namespace strongroom::frame
