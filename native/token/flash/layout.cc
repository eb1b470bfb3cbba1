// layout.cc: key derivation and error codes shared by journal, anchor and flash.

#include "token/flash/layout.h"

#include <cerrno>

namespace strongroom::flash {

CK_RV derive(algorithms::Key& root, std::string_view prefix, std::string_view label, Bytes context,
             Secret* key) {
  using Field = algorithms::KdfField;
  static constexpr std::uint8_t kSeparator[] = {0};
  const Field fields[] = {
      {Field::Kind::kCounter, false, 32, {}},
      {Field::Kind::kBytes, false, 0, bytes_of(prefix)},
      {Field::Kind::kBytes, false, 0, bytes_of(label)},
      {Field::Kind::kBytes, false, 0, kSeparator},
      {Field::Kind::kBytes, false, 0, context},
      {Field::Kind::kLength, false, 32, {}},
  };
  Secret derived(32);
  if (!derived) return CKR_HOST_MEMORY;
  const CK_RV rv = algorithms::sp800_108_counter(root, fields, derived.mutable_bytes());
  if (rv == CKR_OK) *key = std::move(derived);
  return rv;
}

CK_RV derive_key_object(algorithms::Key& root, std::string_view label, Bytes context,
                        std::shared_ptr<algorithms::Key>* key) {
  Secret value;
  const CK_RV rv = derive(root, {}, label, context, &value);
  if (rv != CKR_OK) return rv;
  *key = algorithms::Key::make(std::move(value));
  return *key == nullptr ? CKR_HOST_MEMORY : CKR_OK;
}

std::string newer_version(const char* what, std::uint32_t version) {
  return std::string(what) + " has format version " + std::to_string(version) +
         "; this program reads up to " + std::to_string(kFormatVersion) + ".";
}

CK_RV file_failure() {
  return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? CKR_DEVICE_MEMORY
                                                              : CKR_DEVICE_ERROR;
}

}  // namespace strongroom::flash
