// pin.h: PINs (PKCS#11 v3.2, 5.5.7 to 5.6.8). A PIN is never stored or compared: PBKDF2 turns it
// into a key, a key of the root secret is mixed in (so guessing needs the device as well), and the
// result opens the sealed token object key.
#pragma once

#include "token/records.h"

namespace strongroom::token {

inline constexpr std::size_t kPinBytesMin = 4;
inline constexpr std::size_t kPinBytesMax = 255;
inline constexpr std::uint32_t kPinTriesMax = 10;
// New PINs, unless the device is configured otherwise. The root secret, not this number, is what
// keeps a stolen flash closed; the number makes each guess through the device cost a while.
inline constexpr std::uint32_t kPinIterationsDefault = 200'000;
inline constexpr std::uint32_t kPinIterationsMin =
    1'000;  // SP 800-132, 5.2; devices in memory may go lower

inline bool pin_length_valid(std::size_t length) {
  return length >= kPinBytesMin && length <= kPinBytesMax;
}
// May this become a PIN? CKR_PIN_LEN_RANGE; CKR_PIN_INVALID: it is not UTF-8 (CK_UTF8CHAR, RFC
// 3629).
CK_RV check_new_pin(Bytes pin);

struct PinPlace {
  flash::Flash& flash;
  std::uint32_t slot;
  flash::PinRole role;
};

// Seals the token object key under a new PIN. CKR_RANDOM_NO_RNG, CKR_DEVICE_MEMORY,
// CKR_FIPS_SELF_TEST_FAILED.
CK_RV seal_object_key(const PinPlace&, Bytes pin, std::uint32_t iterations, Bytes object_key,
                      PinBlock* out);

// try_pin spends one try, durably, before it looks at the PIN, and gives it back after success. The
// caller holds the slot's PIN lock, so two callers cannot spend the same try. CKR_PIN_LOCKED,
// CKR_PIN_INCORRECT.
CK_RV try_pin(const PinPlace&, Bytes pin, const PinBlock&, Secret* object_key);

}  // namespace strongroom::token
