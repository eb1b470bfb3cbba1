// Key management: PKCS#11 v3.2 section 5.18.
#include "frame/call.h"
#include "frame/made_object.h"

namespace strongroom::frame {

CK_RV generate_key(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  Template attributes;
  attributes.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  MadeObject made(call, attributes, false);
  return made.make([&](CK_OBJECT_HANDLE* object) {
    return invoke(call.list().C_GenerateKey, call.native(), mechanism.get(), attributes.data(),
                  attributes.count(), object);
  });
}

CK_RV generate_key_pair(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  Template of_public;
  of_public.read(call.in);
  Template of_private;
  of_private.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  // Both names are reserved before, as MadeObject does for one.
  Application& application = call.application;
  ObjectPlace* public_place;
  ObjectPlace* private_place;
  if (const CK_RV rv = application.reserve_object(call.wait, &public_place); rv != CKR_OK)
    return rv;
  if (const CK_RV rv = application.reserve_object(call.wait, &private_place); rv != CKR_OK) {
    application.give_back(public_place);
    return rv;
  }
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  const CK_RV rv =
      invoke(call.list().C_GenerateKeyPair, call.native(), mechanism.get(), of_public.data(),
             of_public.count(), of_private.data(), of_private.count(), &public_key, &private_key);
  if (rv != CKR_OK) {
    application.give_back(public_place);
    application.give_back(private_place);
    return rv;
  }
  call.out.u64(application.name_object(public_place, public_key, call.session,
                                       MadeObject::is_token_object(of_public), false));
  call.out.u64(application.name_object(private_place, private_key, call.session,
                                       MadeObject::is_token_object(of_private), false));
  return CKR_OK;
}

CK_RV wrap_key(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  const std::uint64_t wrapping_handle = call.in.u64();
  const std::uint64_t key_handle = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE wrapping;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(wrapping_handle, &wrapping)) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  const MutableBytes area = call.output();
  CK_ULONG length = area.size();
  const CK_RV rv = invoke(call.list().C_WrapKey, call.native(), mechanism.get(), wrapping, key,
                          area.data(), &length);
  if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(length);
  if (rv == CKR_OK) call.produced(length);
  return rv;
}

CK_RV unwrap_key(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  const std::uint64_t unwrapping_handle = call.in.u64();
  const Bytes wrapped = call.in.data();
  Template attributes;
  attributes.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE unwrapping;
  if (!call.application.object(unwrapping_handle, &unwrapping))
    return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  MadeObject made(call, attributes, true);
  return made.make([&](CK_OBJECT_HANDLE* object) {
    return invoke(call.list().C_UnwrapKey, call.native(), mechanism.get(), unwrapping,
                  input(wrapped), wrapped.size(), attributes.data(), attributes.count(), object);
  });
}

CK_RV wrap_key_authenticated(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kWrap);
  const std::uint64_t wrapping_handle = call.in.u64();
  const std::uint64_t key_handle = call.in.u64();
  const Bytes additional_data = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE wrapping;
  CK_OBJECT_HANDLE key;
  if (!call.application.object(wrapping_handle, &wrapping)) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  if (!call.application.object(key_handle, &key)) return CKR_KEY_HANDLE_INVALID;
  const std::size_t prefix = mechanism.iv().size();
  const MutableBytes area = call.output();
  if (area.size() < prefix) return call.too_small(prefix);
  CK_ULONG length = area.size() - prefix;
  const CK_RV rv =
      invoke(call.list().C_WrapKeyAuthenticated, call.native(), mechanism.get(), wrapping, key,
             input(additional_data), additional_data.size(), area.data() + prefix, &length);
  if (rv == CKR_BUFFER_TOO_SMALL) return call.too_small(prefix + length);
  if (rv != CKR_OK) return rv;
  if (prefix != 0) std::memcpy(area.data(), mechanism.iv().data(), prefix);
  call.produced(prefix + length);
  return CKR_OK;
}

CK_RV unwrap_key_authenticated(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kWrap);
  const std::uint64_t unwrapping_handle = call.in.u64();
  const Bytes wrapped = call.in.data();
  Template attributes;
  attributes.read(call.in);
  const Bytes additional_data = call.in.bytes();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE unwrapping;
  if (!call.application.object(unwrapping_handle, &unwrapping))
    return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  MadeObject made(call, attributes, true);
  return made.make([&](CK_OBJECT_HANDLE* object) {
    return invoke(call.list().C_UnwrapKeyAuthenticated, call.native(), mechanism.get(), unwrapping,
                  input(wrapped), wrapped.size(), attributes.data(), attributes.count(),
                  input(additional_data), additional_data.size(), object);
  });
}

CK_RV derive_key(Call& call) {
  Mechanism mechanism;
  const CK_RV parameter = mechanism.read(call.in, Form::kSingle);
  const std::uint64_t base_handle = call.in.u64();
  Template attributes;
  attributes.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (parameter != CKR_OK) return parameter;
  CK_OBJECT_HANDLE base;
  if (!call.application.object(base_handle, &base)) return CKR_KEY_HANDLE_INVALID;
  MadeObject made(call, attributes, true);
  return made.make([&](CK_OBJECT_HANDLE* object) {
    return invoke(call.list().C_DeriveKey, call.native(), mechanism.get(), base, attributes.data(),
                  attributes.count(), object);
  });
}

}  // namespace strongroom::frame
