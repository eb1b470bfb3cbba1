// objects.cc: object management (5.7).
#include <algorithm>

#include "token/operations/common.h"

#include "token/certificates.h"
#include "token/key_parts.h"
#include "token/library.h"

namespace strongroom::token::operations {
namespace {

// Puts one value into the caller's attribute by the rules of C_GetAttributeValue. Array attributes
// come out as the structures the standard gives them.
CK_RV emit(AttributeKind kind, Bytes value, CK_ATTRIBUTE* out);

CK_RV emit_bytes(Bytes value, CK_ATTRIBUTE* out) {
  if (out->pValue && out->ulValueLen < value.size()) {
    out->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_BUFFER_TOO_SMALL;
  }
  if (out->pValue && !value.empty()) std::memcpy(out->pValue, value.data(), value.size());
  out->ulValueLen = value.size();
  return CKR_OK;
}

CK_RV emit_template(Bytes encoded, CK_ATTRIBUTE* out) {
  const AttributeSet inner = decode_template(encoded);
  const CK_ULONG length = inner.size() * sizeof(CK_ATTRIBUTE);
  if (out->pValue && out->ulValueLen < length) {
    out->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_BUFFER_TOO_SMALL;
  }
  out->ulValueLen = length;
  CK_RV result = CKR_OK;
  auto* each = static_cast<CK_ATTRIBUTE*>(out->pValue);
  if (!each) return CKR_OK;
  for (const Attribute& item : inner) {
    each->type = item.type;
    const CK_RV rv = emit(attribute_row(item.type)->kind, item.bytes(), each++);
    if (rv != CKR_OK) result = rv;
  }
  return result;
}

CK_RV emit(AttributeKind kind, Bytes value, CK_ATTRIBUTE* out) {
  if (kind == AttributeKind::kTemplate) return emit_template(value, out);
  if (kind != AttributeKind::kUlong && kind != AttributeKind::kMechanisms)
    return emit_bytes(value, out);
  std::vector<CK_ULONG> numbers;
  for (Reader in(value); !in.empty();) {
    std::uint64_t number;
    if (!in.integer(&number)) break;
    numbers.push_back(number);
  }
  return emit_bytes(
      {reinterpret_cast<const std::uint8_t*>(numbers.data()), numbers.size() * sizeof(CK_ULONG)},
      out);
}

CK_RV get_one(const Object& object, CK_ATTRIBUTE* out) {
  const auto refuse = [&](CK_RV rv) {
    out->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return rv;
  };
  const AttributeRow* row = attribute_row(out->type);
  if (!row) return refuse(CKR_ATTRIBUTE_TYPE_INVALID);
  if (row->kind == AttributeKind::kSecret && (object.opaque || object.has_secret(row->type)))
    return object.value_readable() ? emit_bytes(object.secret_attribute(row->type), out)
                                   : refuse(CKR_ATTRIBUTE_SENSITIVE);
  std::string value;
  if (!object.shown(*row, &value)) return refuse(CKR_ATTRIBUTE_TYPE_INVALID);
  return emit(row->kind, {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()}, out);
}

// Does an answer need what the object is made of, and not its attributes alone?
bool asks_for_material(CK_ATTRIBUTE_TYPE type) {
  const AttributeRow* row = attribute_row(type);
  return row && (row->kind == AttributeKind::kSecret || type == CKA_CHECK_VALUE);
}

bool asks_for_material(const Template& wanted) {
  return !wanted.secrets.empty() || wanted.attributes.has(CKA_CHECK_VALUE);
}

// What a created object is made of. CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT,
// CKR_ATTRIBUTE_VALUE_INVALID, and what make_public_key and make_private_key answer.
CK_RV read_material(const AttributeSet& complete, Template* named, Material* out) {
  const CK_OBJECT_CLASS object_class = *complete.number(CKA_CLASS);
  const CK_KEY_TYPE key_type = complete.number(CKA_KEY_TYPE).value_or(kAnyKeyType);
  for (const SecretAttributes::Item& item : named->secrets) {
    if (!attribute_row(item.type)->fits(object_class, key_type)) return CKR_TEMPLATE_INCONSISTENT;
  }
  if (object_class == CKO_PUBLIC_KEY) {
    std::shared_ptr<algorithms::PublicKey> key;
    const CK_RV rv = make_public_key(complete, &key);
    *out = std::move(key);
    return rv;
  }
  if (object_class == CKO_PRIVATE_KEY) {
    std::shared_ptr<algorithms::PrivateKey> key;
    const CK_RV rv = make_private_key(*named, &key);
    *out = std::move(key);
    return rv;
  }
  const Secret* value = named->secrets.find(CKA_VALUE);
  if (object_class == CKO_CERTIFICATE) {
    const Bytes bytes = value ? value->bytes() : Bytes{};
    *out = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return check_certificate_value(complete, bytes);
  }
  if (object_class == CKO_SECRET_KEY) {
    if (!value) return CKR_TEMPLATE_INCOMPLETE;
    if (!key_length_valid(key_type, value->size())) return CKR_ATTRIBUTE_VALUE_INVALID;
  }
  *out = named->secrets.take(CKA_VALUE);
  return CKR_OK;
}

}  // namespace

CK_RV create_object(Session& session, const CK_ATTRIBUTE* attributes, CK_ULONG count,
                    CK_OBJECT_HANDLE* handle) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!handle) return CKR_ARGUMENTS_BAD;
  Template named;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &named); rv != CKR_OK)
    return rv;
  AttributeSet complete;
  const Making making{.origin = kCreate, .by_so = session.place.role() == Role::kSo};
  if (const CK_RV rv = complete_template(named.attributes, making, &complete); rv != CKR_OK)
    return rv;
  if (const CK_RV rv = may_add(session, complete); rv != CKR_OK) return rv;
  Material material;
  if (const CK_RV rv = read_material(complete, &named, &material); rv != CKR_OK) return rv;
  return add_object(session, std::move(complete), std::move(material), handle);
}

CK_RV copy_object(Session& session, CK_OBJECT_HANDLE source_handle, const CK_ATTRIBUTE* attributes,
                  CK_ULONG count, CK_OBJECT_HANDLE* handle) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!handle) return CKR_ARGUMENTS_BAD;
  const auto source = session.place.find(source_handle, *session.application);
  if (!source) return CKR_OBJECT_HANDLE_INVALID;
  if (source->opaque || !source->attributes.is_true(CKA_COPYABLE)) return CKR_ACTION_PROHIBITED;
  if (source->unavailable != CKR_OK) return source->unavailable;
  Template changes;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &changes); rv != CKR_OK)
    return rv;
  AttributeSet copied;
  if (const CK_RV rv = copy_template(*source, changes, session.place.role() == Role::kSo, &copied);
      rv != CKR_OK) {
    return rv;
  }
  if (const CK_RV rv = may_add(session, copied); rv != CKR_OK) return rv;
  return add_copy(session, *source, std::move(copied), handle);
}

CK_RV get_object_size(Session& session, CK_OBJECT_HANDLE handle, CK_ULONG* size) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!size) return CKR_ARGUMENTS_BAD;
  const auto object = session.place.find(handle, *session.application);
  if (!object) return CKR_OBJECT_HANDLE_INVALID;
  if (object->unavailable != CKR_OK) return object->unavailable;
  *size = object->attributes.encoded_length() + object->value().size();
  return CKR_OK;
}

CK_RV destroy_object(Session& session, CK_OBJECT_HANDLE handle) {
  const auto object = session.place.see(handle, *session.application);
  if (!object) return CKR_OBJECT_HANDLE_INVALID;
  if (object->on_token && !session.read_write) return CKR_SESSION_READ_ONLY;
  if (!object->opaque && !object->attributes.is_true(CKA_DESTROYABLE)) return CKR_ACTION_PROHIBITED;
  if (object->on_token) return session.slot.destroy(session, *object);
  return remove_session_object(session, *object) ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

CK_RV get_attribute_value(Session& session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE* attributes,
                          CK_ULONG count) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!attributes && count != 0) return CKR_ARGUMENTS_BAD;
  auto object = session.place.see(handle, *session.application);
  if (!object) return CKR_OBJECT_HANDLE_INVALID;
  const bool asks = std::any_of(attributes, attributes + count, [](const CK_ATTRIBUTE& each) {
    return asks_for_material(each.type);
  });
  if (asks && object->stored) object = session.slot.complete(object);
  if (object->unavailable != CKR_OK) return object->unavailable;
  CK_RV result = CKR_OK;  // every attribute is looked at; of several failures the first is told
  for (CK_ULONG i = 0; i < count; ++i) {
    const CK_RV rv = get_one(*object, &attributes[i]);
    if (result == CKR_OK) result = rv;
  }
  return result;
}

CK_RV set_attribute_value(Session& session, CK_OBJECT_HANDLE handle, const CK_ATTRIBUTE* attributes,
                          CK_ULONG count) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  const auto object = session.place.see(handle, *session.application);
  if (!object) return CKR_OBJECT_HANDLE_INVALID;
  if (object->on_token && !session.read_write) return CKR_SESSION_READ_ONLY;
  if (object->opaque || !object->attributes.is_true(CKA_MODIFIABLE)) return CKR_ACTION_PROHIBITED;
  // Trusted certificates are for the SO to change (4.6.2).
  if (object->object_class == CKO_CERTIFICATE && object->attributes.is_true(CKA_TRUSTED) &&
      session.place.role() != Role::kSo) {
    return CKR_ACTION_PROHIBITED;
  }
  Template changes;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &changes); rv != CKR_OK)
    return rv;
  return session.slot.change(session, *object, changes);
}

CK_RV find_objects_init(Session& session, const CK_ATTRIBUTE* attributes, CK_ULONG count) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  Operation& operation = session.operation;
  if (operation.kind != Operation::Kind::kNone) return CKR_OPERATION_ACTIVE;
  Template wanted;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kNote, &wanted); rv != CKR_OK)
    return rv;

  operation.login = session.place.login();
  operation.found.clear();
  std::vector<std::uint64_t> candidates;
  session.slot.candidates(wanted.attributes, session.place.role() == Role::kUser, &candidates);
  session_candidates(session, wanted.attributes, &candidates);
  auto& objects = Library::instance().objects;
  for (std::uint64_t candidate : candidates) {
    auto object = objects.find(candidate);
    if (object && object->stored && asks_for_material(wanted))
      object = session.slot.complete(object);
    if (!object || !matches(*object, wanted)) continue;
    const CK_OBJECT_HANDLE handle = session.place.handle_of(*object);
    // Through the front door once more: what this application may not see now is not found.
    if (session.place.see(handle, *session.application)) operation.found.push_back(handle);
  }
  operation.next = 0;
  operation.kind = Operation::Kind::kFind;
  return CKR_OK;
}

namespace {

// With the operation lock held. What was found before a logout may be private: the search is over.
CK_RV finding(Session& session) {
  Operation& operation = session.operation;
  if (operation.kind != Operation::Kind::kFind) return CKR_OPERATION_NOT_INITIALIZED;
  if (ApplicationSlot::logouts_of(operation.login) ==
      ApplicationSlot::logouts_of(session.place.login()))
    return CKR_OK;
  operation.end();
  return CKR_OPERATION_NOT_INITIALIZED;
}

}  // namespace

CK_RV find_objects(Session& session, CK_OBJECT_HANDLE* handles, CK_ULONG max, CK_ULONG* count) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = finding(session); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  if (!count || (!handles && max != 0)) return CKR_ARGUMENTS_BAD;
  CK_ULONG given = 0;
  while (given < max && operation.next < operation.found.size())
    handles[given++] = operation.found[operation.next++];
  *count = given;
  return CKR_OK;
}

CK_RV find_objects_final(Session& session) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = finding(session); rv != CKR_OK) return rv;
  session.operation.end();
  return CKR_OK;
}

}  // namespace strongroom::token::operations
