// records.h: the token's flash records and their bytes, as docs/formats/token-objects.md lists
// them.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "token/object.h"

namespace strongroom::token {

// Record types in flash. Other numbers belong to later builds and are left alone.
inline constexpr std::uint32_t kTokenRecord = 1;
inline constexpr std::uint32_t kObjectRecord = 2;
inline constexpr std::uint32_t kBurialRecord = 3;
inline constexpr std::uint16_t kRecordVersion = 1;

inline constexpr std::size_t kObjectKeyBytes = 32;
inline constexpr std::size_t kGcmIvBytes = 12;

// One PIN's way to the token object key: the key sealed under a key made from PIN and root secret.
// That the seal opens is the proof that the PIN is right.
struct PinBlock {
  std::array<std::uint8_t, 16> salt{};
  std::uint32_t iterations = 0;  // PBKDF2; 0: this PIN is not set
  std::array<std::uint8_t, kGcmIvBytes> iv{};
  std::array<std::uint8_t, kObjectKeyBytes> sealed{};
  std::array<std::uint8_t, algorithms::kGcmTagBytes> tag{};
  bool set() const { return iterations != 0; }
};

struct TokenRecord {
  std::array<std::uint8_t, 32> label{};  // blank padded
  PinBlock so;
  PinBlock user;
};

std::vector<std::uint8_t> encode_token_record(const TokenRecord&);
bool decode_token_record(Bytes, TokenRecord*);

// Where a record lives: bound into the seal of a private object, so that records cannot be
// exchanged.
struct RecordPlace {
  Bytes device_id;
  std::uint32_t slot;
  flash::RecordId record;
};

// A public object's record: key bytes in the clear (the journal's seal protects them), so it stays
// in the arena.
CK_RV encode_public_object(const Object&, Secret* record);
// A private object's record, sealed under the token object key with a fresh IV.
CK_RV seal_private_object(const Object&, algorithms::Key& object_key, const RecordPlace&,
                          std::vector<std::uint8_t>* record);

enum class ObjectRecordKind { kUnreadable, kPublic, kPrivate };
ObjectRecordKind object_record_kind(Bytes record);
// An object as its record describes it; what it is made of stays there (Object::stored).
// CKR_DEVICE_ERROR: not such a record, or the seal does not open; CKR_DEVICE_MEMORY. room: where a
// private one is opened, reused from one to the next.
CK_RV decode_public_object(const flash::Record& record, std::shared_ptr<Object>* out);
CK_RV open_private_object(const flash::Record& record, algorithms::Key& object_key,
                          const RecordPlace&, Secret* room, std::shared_ptr<Object>* out);
// What a described object is made of. object_key: of a private one. CKR_DEVICE_ERROR: damaged;
// CKR_DEVICE_MEMORY; CKR_STRONGROOM_BUSY: this takes longer than a no-wait thread may.
CK_RV read_material(const Object& described, algorithms::Key* object_key, const RecordPlace&,
                    Material* out);

}  // namespace strongroom::token
