// Slots and tokens: PKCS#11 v3.2 section 5.5.
#include "frame/call.h"

namespace strongroom::frame {
namespace {

std::uint32_t version_word(const CK_VERSION& version) {
  return std::uint32_t{version.major} << 8 | version.minor;
}

template <std::size_t N>
Bytes text(const CK_UTF8CHAR (&field)[N]) {
  return {field, N};
}

}  // namespace

CK_RV hello(Call& call) {
  const std::uint32_t version_min = call.in.u32();
  const std::uint32_t version_max = call.in.u32();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (version_min > kVersion || version_max < kVersion) return CKR_FUNCTION_NOT_SUPPORTED;
  std::uint32_t capabilities = 0;
  if (call.module.vendor != nullptr) capabilities |= kCapabilityVendor;
  if (call.list().C_MessageEncryptInit != nullptr) capabilities |= kCapabilityMessage;
  if (call.list().C_WrapKeyAuthenticated != nullptr) capabilities |= kCapabilityWrapAuthenticated;
  if (call.module.sealed_work() != nullptr) capabilities |= kCapabilitySealedWork;
  if (call.module.burials() != nullptr) capabilities |= kCapabilityBurials;
  if (call.module.rewraps() != nullptr) capabilities |= kCapabilityRewrap;
  call.out.u32(kVersion);
  call.out.u32(capabilities);
  call.out.u32(kFrameBytesMax);
  call.out.u32(call.list().version.major);
  call.out.u32(call.list().version.minor);
  return CKR_OK;
}

CK_RV get_slot_list(Call& call) {
  const bool token_present = call.in.u32() != 0;
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  std::vector<CK_SLOT_ID> slots;
  const CK_RV rv = call.application.slots(token_present, &slots);
  if (rv != CKR_OK) return rv;
  call.out.u32(static_cast<std::uint32_t>(slots.size()));
  for (const CK_SLOT_ID slot : slots) call.out.u64(slot);
  return CKR_OK;
}

CK_RV get_slot_info(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_SLOT_INFO info{};
  CK_RV rv = call.application.check_slot(slot);
  if (rv == CKR_OK) rv = invoke(call.list().C_GetSlotInfo, slot, &info);
  if (rv != CKR_OK) return rv;
  call.out.bytes(text(info.slotDescription));
  call.out.bytes(text(info.manufacturerID));
  call.out.u64(info.flags);
  call.out.u32(version_word(info.hardwareVersion));
  call.out.u32(version_word(info.firmwareVersion));
  return CKR_OK;
}

CK_RV get_token_info(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_TOKEN_INFO info{};
  CK_RV rv = call.application.check_slot(slot);
  if (rv == CKR_OK) rv = invoke(call.list().C_GetTokenInfo, slot, &info);
  if (rv != CKR_OK) return rv;
  call.out.bytes(text(info.label));
  call.out.bytes(text(info.manufacturerID));
  call.out.bytes(text(info.model));
  call.out.bytes(text(info.serialNumber));
  for (const CK_ULONG value :
       {info.flags, info.ulMaxSessionCount, info.ulSessionCount, info.ulMaxRwSessionCount,
        info.ulRwSessionCount, info.ulMaxPinLen, info.ulMinPinLen, info.ulTotalPublicMemory,
        info.ulFreePublicMemory, info.ulTotalPrivateMemory, info.ulFreePrivateMemory}) {
    call.out.u64(value);
  }
  call.out.u32(version_word(info.hardwareVersion));
  call.out.u32(version_word(info.firmwareVersion));
  call.out.bytes(text(info.utcTime));
  return CKR_OK;
}

CK_RV get_mechanism_list(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_RV rv = call.application.check_slot(slot);
  if (rv != CKR_OK) return rv;
  CK_ULONG count = 0;
  rv = invoke(call.list().C_GetMechanismList, slot, nullptr, &count);
  if (rv != CKR_OK) return rv;
  std::vector<CK_MECHANISM_TYPE> mechanisms(count);
  if (count != 0) rv = invoke(call.list().C_GetMechanismList, slot, mechanisms.data(), &count);
  if (rv != CKR_OK) return rv;
  call.out.u32(static_cast<std::uint32_t>(count));
  for (CK_ULONG i = 0; i < count; ++i) call.out.u64(mechanisms[i]);
  return CKR_OK;
}

CK_RV get_mechanism_info(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  const CK_MECHANISM_TYPE mechanism = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_MECHANISM_INFO info{};
  CK_RV rv = call.application.check_slot(slot);
  if (rv == CKR_OK) rv = invoke(call.list().C_GetMechanismInfo, slot, mechanism, &info);
  if (rv != CKR_OK) return rv;
  call.out.u64(info.ulMinKeySize);
  call.out.u64(info.ulMaxKeySize);
  call.out.u64(info.flags);
  return CKR_OK;
}

CK_RV init_token(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  const Bytes pin = call.in.bytes();
  const Bytes label = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_UTF8CHAR padded_label[sizeof(CK_TOKEN_INFO::label)];
  if (label.size() > sizeof padded_label) return CKR_ARGUMENTS_BAD;
  std::memset(padded_label, ' ', sizeof padded_label);
  if (!label.empty()) std::memcpy(padded_label, label.data(), label.size());
  const CK_RV rv = call.application.check_slot(slot);
  if (rv != CKR_OK) return rv;
  return invoke(call.list().C_InitToken, slot, input(pin), pin.size(),
                static_cast<CK_UTF8CHAR*>(padded_label));
}

}  // namespace strongroom::frame
