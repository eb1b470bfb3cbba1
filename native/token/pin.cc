#include "token/pin.h"

#include "token/drbg/drbg.h"

namespace strongroom::token {
namespace {

constexpr char kPinLabel[] = "strongroom pin";
constexpr char kObjectKeyLabel[] = "strongroom token object key";

Bytes text(const char* label) {
  return {reinterpret_cast<const std::uint8_t*>(label), std::strlen(label)};
}

// PIN key = HMAC-SHA-256(root key, "strongroom pin" || PBKDF2(PIN, salt, iterations)); the root key
// is the device's for this slot and role.
CK_RV pin_key(const PinPlace& place, Bytes pin, const PinBlock& block,
              std::shared_ptr<algorithms::Key>* out) {
  std::array<std::uint8_t, 5> context;
  store_le(context.data(), place.slot);
  context[4] = static_cast<std::uint8_t>(place.role);
  Secret root;
  if (const CK_RV rv = place.flash.derive_key(kPinLabel, context, &root); rv != CKR_OK) return rv;
  const auto root_key = algorithms::Key::make(std::move(root));
  Secret stretched(32);
  Secret mixed(32);
  if (!root_key || !stretched || !mixed) return CKR_DEVICE_MEMORY;
  if (const CK_RV rv = algorithms::pbkdf2_hmac_sha256(pin, block.salt, block.iterations,
                                                      stretched.mutable_bytes());
      rv != CKR_OK) {
    return rv;
  }
  const CK_RV rv =
      algorithms::hmac_sha256(*root_key, text(kPinLabel), stretched.bytes(), mixed.mutable_bytes());
  if (rv != CKR_OK) return rv;
  *out = algorithms::Key::make(std::move(mixed));
  return *out ? CKR_OK : CKR_DEVICE_MEMORY;
}

// Binds the seal to device, slot, role and the way the key was made.
std::vector<std::uint8_t> additional_data(const PinPlace& place, const PinBlock& block) {
  const Bytes label = text(kObjectKeyLabel);
  const Bytes device = place.flash.device_id();
  std::vector<std::uint8_t> aad(label.size() + device.size() + 4 + 1 + block.salt.size() + 4);
  Writer out(aad);
  out.bytes(label);
  out.bytes(device);
  out.integer(place.slot);
  out.integer(static_cast<std::uint8_t>(place.role));
  out.bytes(block.salt);
  out.integer(block.iterations);
  return aad;
}

CK_RV open_object_key(const PinPlace& place, Bytes pin, const PinBlock& block, Secret* object_key) {
  std::shared_ptr<algorithms::Key> key;
  if (const CK_RV rv = pin_key(place, pin, block, &key); rv != CKR_OK) return rv;
  Secret opened(kObjectKeyBytes);
  if (!opened) return CKR_DEVICE_MEMORY;
  const CK_RV rv = algorithms::aes_gcm_open(*key, block.iv, additional_data(place, block),
                                            block.sealed, block.tag, opened.mutable_bytes());
  if (rv == CKR_ENCRYPTED_DATA_INVALID) return CKR_PIN_INCORRECT;
  if (rv == CKR_OK) *object_key = std::move(opened);
  return rv;
}

// Bytes of the UTF-8 sequence that `text` begins with; 0: none. RFC 3629, section 4: no overlong
// form, no surrogate, nothing beyond U+10FFFF.
std::size_t utf8_sequence(Bytes text) {
  const std::uint8_t first = text[0];
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (const std::uint8_t next : text.subspan(1, length - 1)) {
    if ((next & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = text[1];
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool outside = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

}  // namespace

CK_RV check_new_pin(Bytes pin) {
  if (!pin_length_valid(pin.size())) return CKR_PIN_LEN_RANGE;
  while (!pin.empty()) {
    const std::size_t length = utf8_sequence(pin);
    if (length == 0) return CKR_PIN_INVALID;
    pin = pin.subspan(length);
  }
  return CKR_OK;
}

CK_RV seal_object_key(const PinPlace& place, Bytes pin, std::uint32_t iterations, Bytes object_key,
                      PinBlock* out) {
  PinBlock block;
  block.iterations = iterations;
  if (const CK_RV rv = drbg::generate(block.salt); rv != CKR_OK) return rv;
  if (const CK_RV rv = drbg::generate(block.iv); rv != CKR_OK) return rv;
  std::shared_ptr<algorithms::Key> key;
  if (const CK_RV rv = pin_key(place, pin, block, &key); rv != CKR_OK) return rv;
  const CK_RV rv = algorithms::aes_gcm_seal(*key, block.iv, additional_data(place, block),
                                            object_key, block.sealed, block.tag);
  if (rv == CKR_OK) *out = block;
  return rv;
}

CK_RV try_pin(const PinPlace& place, Bytes pin, const PinBlock& block, Secret* object_key) {
  // Counted first: power that fails between the check and the count must not give a free try, and
  // no two processes may have the same one.
  if (const CK_RV rv = place.flash.spend_try(place.slot, place.role, kPinTriesMax); rv != CKR_OK)
    return rv;
  if (!pin_length_valid(pin.size())) return CKR_PIN_INCORRECT;
  Secret opened;
  if (const CK_RV rv = open_object_key(place, pin, block, &opened); rv != CKR_OK) {
    // No verdict on the PIN (out of memory, error state): the try was not used.
    if (rv != CKR_PIN_INCORRECT) place.flash.return_try(place.slot, place.role);
    return rv;
  }
  if (const CK_RV rv = place.flash.set_failed_tries(place.slot, place.role, 0); rv != CKR_OK)
    return rv;
  *object_key = std::move(opened);
  return CKR_OK;
}

}  // namespace strongroom::token
