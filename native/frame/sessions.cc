// Sessions, login and PINs: PKCS#11 v3.2 sections 5.5 (PINs) and 5.6.
#include "frame/call.h"

namespace strongroom::frame {

CK_RV init_pin(Call& call) {
  const Bytes pin = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  return invoke(call.list().C_InitPIN, call.native(), input(pin), pin.size());
}

CK_RV set_pin(Call& call) {
  const Bytes old_pin = call.in.bytes();
  const Bytes new_pin = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  return invoke(call.list().C_SetPIN, call.native(), input(old_pin), old_pin.size(), input(new_pin),
                new_pin.size());
}

CK_RV open_session(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  const CK_FLAGS flags = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  std::uint64_t handle = 0;
  const CK_RV rv = call.application.open_session(call.attachment, slot, flags, &handle);
  if (rv == CKR_OK) call.out.u64(handle);
  return rv;
}

CK_RV close_session(Call& call) {
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  return call.application.close_session(&call.session);
}

CK_RV close_all_sessions(Call& call) {
  const CK_SLOT_ID slot = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  const CK_RV rv = call.application.check_slot(slot);
  return rv == CKR_OK ? call.application.close_all_sessions(slot) : rv;
}

CK_RV get_session_info(Call& call) {
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_SESSION_INFO info{};
  const CK_RV rv = invoke(call.list().C_GetSessionInfo, call.native(), &info);
  if (rv != CKR_OK) return rv;
  call.out.u64(info.slotID);
  call.out.u64(info.state);
  call.out.u64(info.flags);
  call.out.u64(info.ulDeviceError);
  return CKR_OK;
}

CK_RV login(Call& call) {
  const CK_USER_TYPE user = call.in.u32();
  const Bytes pin = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  return invoke(call.list().C_Login, call.native(), user, input(pin), pin.size());
}

CK_RV logout(Call& call) {
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  return invoke(call.list().C_Logout, call.native());
}

}  // namespace strongroom::frame
