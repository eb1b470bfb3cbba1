// mechanisms.h: one row for each mechanism: what C_GetMechanismInfo says of it is what the
// operations enforce.
#pragma once

#include <span>

#include "token/object.h"

namespace strongroom::token {

struct MechanismRow {
  CK_MECHANISM_TYPE type;
  CK_MECHANISM_INFO info;     // sizes in the unit the standard gives the mechanism
  std::uint32_t key_types;    // KeyTypeMask; 0: takes no key
  std::size_t key_bytes_min;  // of the key it takes
  std::size_t key_bytes_max;
};

enum KeyTypeMask : std::uint32_t { kAesKeys = 1, kGenericKeys = 2, kHmacKeys = 4 };

std::span<const MechanismRow> mechanism_rows();
const MechanismRow* mechanism_row(CK_MECHANISM_TYPE type);

// A mechanism of the token that the function asked (one CKF_* bit) can use. Null:
// CKR_MECHANISM_INVALID.
const MechanismRow* mechanism_for(const CK_MECHANISM& mechanism, CK_FLAGS function);

// check_key: may this key be used so? CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE,
// CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID (not among its CKA_ALLOWED_MECHANISMS).
CK_RV check_key(const Object& key, const MechanismRow& row, std::uint32_t usage);

}  // namespace strongroom::token
