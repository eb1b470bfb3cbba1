// Ceremonies, burials, status and self-tests: the vendor interface (cryptoki/vendor.h).
#include <string>
#include <vector>

#include "frame/call.h"

namespace strongroom::frame {

CK_RV mark_trusted(Call& call) {
  const Bytes unique_id = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (call.module.vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  return call.module.vendor->SR_MarkTrusted(call.native(), input(unique_id), unique_id.size());
}

CK_RV bury_wrapped(Call& call) {
  const std::uint32_t count = call.in.u32();
  if (count > SR_BURIALS_MAX) return CKR_STRONGROOM_FRAME_INVALID;
  std::vector<std::uint64_t> keys(count);
  for (std::uint64_t& key : keys) key = call.in.u64();
  const std::uint32_t length_count = call.in.u32();
  if (length_count > SR_BURIALS_MAX) return CKR_STRONGROOM_FRAME_INVALID;
  std::vector<std::uint32_t> lengths(length_count);
  for (std::uint32_t& length : lengths) length = call.in.u32();
  Bytes additional_data = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (length_count != count) return CKR_ARGUMENTS_BAD;
  const SR_FUNCTION_LIST* vendor = call.module.burials();
  if (vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  std::vector<SR_BURIAL> burials(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (lengths[i] > additional_data.size()) return CKR_ARGUMENTS_BAD;
    const Bytes aad = additional_data.first(lengths[i]);
    additional_data = additional_data.subspan(lengths[i]);
    burials[i] = {0, input(aad), aad.size()};
    if (!call.application.object(keys[i], &burials[i].hKey))
      return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  }
  if (!additional_data.empty()) return CKR_ARGUMENTS_BAD;
  return vendor->SR_BuryWrapped(call.native(), burials.data(), count);
}

CK_RV get_device_status(Call& call) {
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (call.module.vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  SR_DEVICE_STATUS status{};
  status.ulSize = sizeof status;
  const CK_RV rv = call.module.vendor->SR_GetDeviceStatus(call.application.device(), &status);
  if (rv != CKR_OK) return rv;
  call.out.u32(status.bErrorState);
  call.out.u32(status.bMemoryLocked);
  call.out.bytes({status.failedSelfTest, sizeof status.failedSelfTest});
  for (const CK_ULONG count :
       {status.ulApplicationCount, status.ulSessionCount, status.ulSessionObjectCount,
        status.ulTokenObjectCount, status.ulFlashBytes}) {
    call.out.u64(count);
  }
  return CKR_OK;
}

CK_RV get_self_tests(Call& call) {
  const bool run = call.in.u32() != 0;
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (call.module.vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  if (run) {
    const CK_RV ran = call.module.vendor->SR_RunSelfTests();
    if (ran != CKR_OK && ran != CKR_FIPS_SELF_TEST_FAILED) return ran;  // what failed is reported
  }
  std::vector<CK_UTF8CHAR> text;
  CK_RV rv;
  CK_ULONG length = 0;
  do {  // the report changes when a test runs meanwhile
    rv = call.module.vendor->SR_GetSelfTests(nullptr, &length);
    if (rv != CKR_OK) return rv;
    text.resize(length + 1);
    length = text.size();
    rv = call.module.vendor->SR_GetSelfTests(text.data(), &length);
  } while (rv == CKR_BUFFER_TOO_SMALL);
  if (rv == CKR_OK) call.out.bytes({text.data(), length});
  return rv;
}

CK_RV reset_device(Call& call) {
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  const SR_FUNCTION_LIST* vendor = call.module.resets();
  if (vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  const CK_RV rv = vendor->SR_ResetDevice(call.application.device());
  if (rv == CKR_OK) Application::forget_sessions(call.module, call.application.device());
  return rv;
}

CK_RV fail_self_test(Call& call) {
  const Bytes name = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (call.module.vendor == nullptr) return CKR_FUNCTION_NOT_SUPPORTED;
  if (name.empty()) return call.module.vendor->SR_FailSelfTest(nullptr);
  const std::string text(reinterpret_cast<const char*>(name.data()), name.size());
  return call.module.vendor->SR_FailSelfTest(text.c_str());
}

}  // namespace strongroom::frame
