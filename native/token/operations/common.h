// common.h: what the operations share: beginning and continuing an operation, and publishing a new
// object.
#pragma once

#include "token/application.h"
#include "token/mechanisms.h"
#include "token/operations/operations.h"
#include "token/self_test/self_test.h"
#include "token/templates.h"

namespace strongroom::token::operations {

// Longest input of one call. Far below what GCM allows, far above what fits in memory.
inline constexpr CK_ULONG kInputBytesMax = CK_ULONG{1} << 36;

inline CK_RV ready() { return self_test::in_error_state() ? CKR_FIPS_SELF_TEST_FAILED : CKR_OK; }

inline bool readable(const CK_BYTE* data, CK_ULONG length) {
  return (data || length == 0) && length <= kInputBytesMax;
}

// Two ranges that share bytes without starting at the same one.
bool overlap_unevenly(const CK_BYTE* a, std::size_t a_length, const CK_BYTE* b,
                      std::size_t b_length);

// The parameter of a mechanism, copied: false where the length is not its structure's.
template <class Parameters>
bool read_parameter(const void* parameter, CK_ULONG length, Parameters* out) {
  if (!parameter || length != sizeof(Parameters)) return false;
  std::memcpy(out, parameter, sizeof(Parameters));
  return true;
}
inline bool no_parameter(const CK_MECHANISM& mechanism) {
  return !mechanism.pParameter && mechanism.ulParameterLen == 0;
}

struct Beginning {
  Operation::Kind kind;
  CK_FLAGS function;    // CKF_* of the mechanism
  std::uint32_t usage;  // of the key
};

// begin: C_*Init. A null mechanism ends an active operation of this kind (v3.0). prepare(row,
// mechanism, operation) reads the mechanism's parameter for the key in `operation`; the operation
// becomes active only if it answers CKR_OK.
using Prepare = CK_RV (*)(const MechanismRow&, const CK_MECHANISM&, Operation&);
CK_RV begin(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
            CK_OBJECT_HANDLE key, Prepare prepare);

// What a mechanism and a key handle turned out to be.
struct Admitted {
  const MechanismRow* row = nullptr;
  std::shared_ptr<const Object> key;
};

// admit: the mechanism can do this, and the key (null: the handle names none) may be used for it.
CK_RV admit(const Beginning& what, const CK_MECHANISM& mechanism, const Object* key, Use use,
            const MechanismRow** row);
CK_RV find_key(Session& session, const Beginning& what, const CK_MECHANISM& mechanism,
               CK_OBJECT_HANDLE key, Admitted* out, Use use = Use::kAtOnce);

// once: C_*Init and the single part after it as one call that leaves no operation behind, whatever
// it answers, and so need not keep others from the session. work(row, mechanism, key object) reads
// the parameter, then does what the part does.
template <class Work>
CK_RV once(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
           CK_OBJECT_HANDLE key, Work work) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism) return CKR_ARGUMENTS_BAD;
  if (session.operation.kind != Operation::Kind::kNone) return CKR_OPERATION_ACTIVE;
  const CK_MECHANISM copy = *mechanism;
  const auto object = session.place.borrow(key, *session.application);
  const MechanismRow* row = nullptr;
  const CK_RV rv = admit(what, copy, object.get(), Use::kAtOnce, &row);
  return rv != CKR_OK ? rv : work(*row, copy, *object);
}

// With the operation lock held: is an operation of this kind active, and its key still to be used?
// An operation whose key was destroyed, or whose user has logged out, is over
// (CKR_OPERATION_NOT_INITIALIZED). One whose key asks for a context-specific login that has not
// been is over as well (CKR_USER_NOT_LOGGED_IN): this call was its use (4.9, 5.13.2).
CK_RV active(Session& session, Operation::Kind kind);

// May this session make such an object now? CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN,
// CKR_STRONGROOM_BUSY.
CK_RV may_add(const Session& session, const AttributeSet& attributes);

// Gives complete attributes and what they describe a unique id and a handle.
CK_RV add_object(Session& session, AttributeSet attributes, Material material,
                 CK_OBJECT_HANDLE* handle);
// The same of a copy that shares what the source is made of.
CK_RV add_copy(Session& session, const Object& source, AttributeSet attributes,
               CK_OBJECT_HANDLE* handle);
// Both or neither.
CK_RV add_pair(Session& session, AttributeSet public_attributes, AttributeSet private_attributes,
               std::shared_ptr<algorithms::PrivateKey> key, CK_OBJECT_HANDLE* public_handle,
               CK_OBJECT_HANDLE* private_handle);

}  // namespace strongroom::token::operations
