// Objects and their attributes: PKCS#11 v3.2 section 5.7.
#include <algorithm>

#include "frame/call.h"
#include "frame/made_object.h"

namespace strongroom::frame {
namespace {

constexpr std::uint32_t kFindMax = 4096;
// A module that names a longer value is broken or hostile: nothing this long fits a frame.
constexpr CK_ULONG kValueBytesMax = kFrameBytesMax;

// One attribute's value as the module gives it.
struct Value {
  std::vector<std::uint64_t> storage;  // aligned for numbers and for nested lists
  CK_ULONG length = 0;

  Value() = default;
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() { wipe(storage.data(), storage.size() * sizeof(std::uint64_t)); }

  void resize(CK_ULONG bytes) {
    storage.assign((bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t) + 1, 0);
    length = bytes;
  }
  Bytes bytes() const { return {reinterpret_cast<const std::uint8_t*>(storage.data()), length}; }
};

// Writes a template-valued attribute: the module fills a list whose values we provide room for once
// we know their lengths.
CK_RV write_template(Call& call, CK_OBJECT_HANDLE object, CK_ATTRIBUTE attribute) {
  const CK_ULONG count = attribute.ulValueLen / sizeof(CK_ATTRIBUTE);
  std::vector<CK_ATTRIBUTE> inner(count + 1);
  attribute.pValue = inner.data();
  CK_RV rv =
      invoke(call.list().C_GetAttributeValue, call.native(), object, &attribute, CK_ULONG{1});
  if (rv != CKR_OK) return rv;
  std::vector<Value> values(count);
  std::size_t bytes = sizeof(std::uint32_t);
  for (CK_ULONG i = 0; i < count; ++i) {
    if (inner[i].ulValueLen > kValueBytesMax || is_template_attribute(inner[i].type))
      return CKR_GENERAL_ERROR;
    values[i].resize(inner[i].ulValueLen);
    inner[i].pValue = values[i].storage.data();
    bytes += 2 * sizeof(std::uint32_t) + padded(values[i].length);
  }
  if (count != 0)
    rv = invoke(call.list().C_GetAttributeValue, call.native(), object, &attribute, CK_ULONG{1});
  if (rv != CKR_OK) return rv;
  call.out.u32(static_cast<std::uint32_t>(attribute.type));
  call.out.u32(static_cast<std::uint32_t>(bytes));
  call.out.u32(static_cast<std::uint32_t>(count));
  for (CK_ULONG i = 0; i < count; ++i) {
    call.out.u32(static_cast<std::uint32_t>(inner[i].type));
    call.out.bytes(values[i].bytes());
  }
  return CKR_OK;
}

// Reads one attribute; unavailable ones are written as such, with the reason as the answer.
CK_RV write_attribute(Call& call, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  const auto get = [&] {
    return invoke(call.list().C_GetAttributeValue, call.native(), object, &attribute, CK_ULONG{1});
  };
  CK_RV rv = get();
  if (rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
      (rv == CKR_OK && attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)) {
    call.out.u32(static_cast<std::uint32_t>(type));
    call.out.u32(kUnavailable);
    return rv;
  }
  if (rv != CKR_OK) return rv;
  if (attribute.ulValueLen > kValueBytesMax) return CKR_GENERAL_ERROR;
  if (is_template_attribute(type)) return write_template(call, object, attribute);
  Value value;
  value.resize(attribute.ulValueLen);
  attribute.pValue = value.storage.data();
  rv = get();
  if (rv != CKR_OK) return rv;
  value.length = std::min(value.length, attribute.ulValueLen);
  call.out.u32(static_cast<std::uint32_t>(type));
  call.out.bytes(value.bytes());
  return CKR_OK;
}

}  // namespace

CK_RV create_object(Call& call) {
  Template attributes;
  attributes.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  MadeObject made(call, attributes, false);
  return made.make([&](CK_OBJECT_HANDLE* object) {
    return invoke(call.list().C_CreateObject, call.native(), attributes.data(), attributes.count(),
                  object);
  });
}

CK_RV copy_object(Call& call) {
  const std::uint64_t source_handle = call.in.u64();
  Template attributes;
  attributes.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_OBJECT_HANDLE source;
  if (!call.application.object(source_handle, &source)) return CKR_OBJECT_HANDLE_INVALID;
  MadeObject made(call, attributes, true);
  return made.make([&](CK_OBJECT_HANDLE* object) {
    return invoke(call.list().C_CopyObject, call.native(), source, attributes.data(),
                  attributes.count(), object);
  });
}

CK_RV get_object_size(Call& call) {
  const std::uint64_t handle = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_OBJECT_HANDLE object;
  if (!call.application.object(handle, &object)) return CKR_OBJECT_HANDLE_INVALID;
  CK_ULONG bytes = 0;
  const CK_RV rv = invoke(call.list().C_GetObjectSize, call.native(), object, &bytes);
  if (rv == CKR_OK) call.out.u64(bytes);
  return rv;
}

CK_RV destroy_object(Call& call) {
  const std::uint64_t handle = call.in.u64();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_OBJECT_HANDLE object;
  if (!call.application.object(handle, &object)) return CKR_OBJECT_HANDLE_INVALID;
  const CK_RV rv = invoke(call.list().C_DestroyObject, call.native(), object);
  if (rv == CKR_OK) call.application.forget_object(handle);
  return rv;
}

CK_RV get_attribute_value(Call& call) {
  const std::uint64_t handle = call.in.u64();
  const std::uint32_t count = call.in.u32();
  if (count > kAttributesMax) return CKR_STRONGROOM_FRAME_INVALID;
  CK_ATTRIBUTE_TYPE types[kAttributesMax];
  for (std::uint32_t i = 0; i < count; ++i) types[i] = call.in.u32();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_OBJECT_HANDLE object;
  if (!call.application.object(handle, &object)) return CKR_OBJECT_HANDLE_INVALID;
  CK_RV result = CKR_OK;
  call.out.u32(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const CK_RV rv = write_attribute(call, object, types[i]);
    if (rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID) {
      result = rv;
    } else if (rv != CKR_OK) {
      call.out.reset();
      return rv;
    }
  }
  return call.out.overflowed() ? CKR_BUFFER_TOO_SMALL : result;
}

CK_RV set_attribute_value(Call& call) {
  const std::uint64_t handle = call.in.u64();
  Template attributes;
  attributes.read(call.in);
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  CK_OBJECT_HANDLE object;
  if (!call.application.object(handle, &object)) return CKR_OBJECT_HANDLE_INVALID;
  return invoke(call.list().C_SetAttributeValue, call.native(), object, attributes.data(),
                attributes.count());
}

CK_RV find_objects(Call& call) {
  Template attributes;
  attributes.read(call.in);
  const std::uint32_t limit = call.in.u32();
  if (!call.in.finish()) return CKR_STRONGROOM_FRAME_INVALID;
  if (limit == 0 || limit > kFindMax) return CKR_ARGUMENTS_BAD;
  CK_RV rv =
      invoke(call.list().C_FindObjectsInit, call.native(), attributes.data(), attributes.count());
  if (rv != CKR_OK) return rv;
  // One more than asked for tells whether there are more. Modules may give fewer at a time than
  // there are.
  std::vector<CK_OBJECT_HANDLE> found(limit + 1);
  CK_ULONG total = 0;
  CK_ULONG count = 0;
  do {
    count = 0;
    rv = invoke(call.list().C_FindObjects, call.native(), found.data() + total,
                found.size() - total, &count);
    total += count;
  } while (rv == CKR_OK && count != 0 && total < found.size());
  const CK_RV final_rv = invoke(call.list().C_FindObjectsFinal, call.native());
  if (rv == CKR_OK) rv = final_rv;
  if (rv != CKR_OK) return rv;
  const bool more = total > limit;
  found.resize(std::min<CK_ULONG>(total, limit));
  std::vector<std::uint64_t> handles;
  rv = call.application.name_found(found, call.session.slot(), &handles);
  if (rv != CKR_OK) return rv;
  call.out.u32(static_cast<std::uint32_t>(handles.size()));
  for (const std::uint64_t handle : handles) call.out.u64(handle);
  call.out.u32(more ? 1 : 0);
  return CKR_OK;
}

}  // namespace strongroom::frame
