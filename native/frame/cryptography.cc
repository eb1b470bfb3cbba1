// Encryption, signatures and random numbers in one frame each: PKCS#11 v3.2 sections 5.8 to 5.15
// and 5.19.
#include "frame/call.h"

namespace strongroom::frame {
namespace {

using Init = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
using Run = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
using Single = CK_RV (*SR_FUNCTION_LIST::*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE,
                                            CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);

// Ends an operation that an answer of CKR_BUFFER_TOO_SMALL or CKR_STRONGROOM_BUSY left active, so
// that a frame leaves no trace in its session. Modules before 3.0 cannot cancel: there the
// operation is finished and its output thrown away.
void end_operation(Call& call, CK_FLAGS operation, Run run, Bytes data, CK_ULONG needed) {
  if (invoke(call.list().C_SessionCancel, call.native(), operation) == CKR_OK ||
      needed > kFrameBytesMax)
    return;
  std::vector<std::uint8_t> discarded(needed + 1);
  CK_ULONG length = discarded.size();
  invoke(run, call.native(), input(data), data.size(), discarded.data(), &length);
  wipe(discarded.data(), discarded.size());
}

// The frames that are "initialise, then one part": mechanism, key, data in, output out. A module
// that has both in one call is asked for that.
CK_RV single_part(Call& call, Init init, Run run, Single single, CK_FLAGS operation) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  const std::uint64_t key_handle = call.in.u64();
  const Bytes data = call.in.data();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  const MutableBytes area = call.output();
  CK_ULONG length = area.size();
  CK_RV rv;
  if (const SR_FUNCTION_LIST* vendor = call.module.single_calls(); vendor != nullptr) {
    rv = (vendor->*single)(call.native(), mechanism.get(), key, input(data), data.size(),
                           area.data(), &length);
    if (rv == CKR_OK) call.produced(length);
    return rv == CKR_BUFFER_TOO_SMALL ? call.too_small(length) : rv;
  }
  rv = invoke(init, call.native(), mechanism.get(), key);
  if (rv != CKR_OK) return rv;
  rv = invoke(run, call.native(), input(data), data.size(), area.data(), &length);
  if (rv == CKR_OK) {
    call.produced(length);
  } else if (rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY) {
    end_operation(call, operation, run, data, length);
    if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(length);
  }
  return rv;
}

}  // namespace

CK_RV encrypt(Call& call) {
  return single_part(call, call.list().C_EncryptInit, call.list().C_Encrypt,
                     &SR_FUNCTION_LIST::SR_Encrypt, CKF_ENCRYPT);
}

CK_RV decrypt(Call& call) {
  return single_part(call, call.list().C_DecryptInit, call.list().C_Decrypt,
                     &SR_FUNCTION_LIST::SR_Decrypt, CKF_DECRYPT);
}

CK_RV sign(Call& call) {
  return single_part(call, call.list().C_SignInit, call.list().C_Sign, &SR_FUNCTION_LIST::SR_Sign,
                     CKF_SIGN);
}

CK_RV verify(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  const std::uint64_t key_handle = call.in.u64();
  const Bytes data = call.in.data();
  const Bytes signature = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  if (const SR_FUNCTION_LIST* vendor = call.module.single_calls(); vendor != nullptr) {
    return vendor->SR_Verify(call.native(), mechanism.get(), key, input(data), data.size(),
                             input(signature), signature.size());
  }
  CK_RV rv = invoke(call.list().C_VerifyInit, call.native(), mechanism.get(), key);
  if (rv != CKR_OK) return rv;
  rv = invoke(call.list().C_Verify, call.native(), input(data), data.size(), input(signature),
              signature.size());
  if (rv == CKR_STRONGROOM_BUSY)
    invoke(call.list().C_SessionCancel, call.native(), CK_FLAGS{CKF_VERIFY});
  return rv;
}

CK_RV generate_random(Call& call) {
  const std::uint32_t length = call.in.u32();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  const MutableBytes area = call.output();
  if (length > area.size()) return call.too_small(length);
  const CK_RV rv =
      invoke(call.list().C_GenerateRandom, call.native(), area.data(), CK_ULONG{length});
  if (rv == CKR_OK) call.produced(length);
  return rv;
}

CK_RV seed_random(Call& call) {
  const Bytes seed = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  return invoke(call.list().C_SeedRandom, call.native(), input(seed), seed.size());
}

}  // namespace strongroom::frame
