// object.h: one object as its readers see it. Immutable: C_SetAttributeValue publishes a new Object
// that shares the key and the identity, so a snapshot stays consistent for as long as somebody
// holds it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "token/algorithms/asymmetric.h"
#include "token/attributes.h"
#include "token/flash/flash.h"

namespace strongroom::token {

class Slot;
class Application;

// What a key may be used for, from its CKA_* flags.
enum Usage : std::uint32_t {
  kEncryptUsage = 1,
  kDecryptUsage = 2,
  kSignUsage = 4,
  kVerifyUsage = 8,
  kWrapUsage = 16,
  kUnwrapUsage = 32,
  kDeriveUsage = 64,
};

// Longest CKA_VALUE of a data object and of a secret key, and longest PKCS#8 of a private key, in
// bytes.
inline constexpr std::size_t kDataBytesMax = 65536;
inline constexpr std::size_t kSecretKeyBytesMax = 1024;
inline constexpr std::size_t kPrivateKeyBytesMax = 4096;

// ObjectIdentity: what stays the same through all snapshots of one object.
struct ObjectIdentity {
  std::uint64_t handle = 0;  // without the login tag
  const Slot* slot = nullptr;
  flash::RecordId record = 0;  // token objects; 0: session object
  const Application* application =
      nullptr;                    // session objects: their owner, compared but never followed
  CK_SESSION_HANDLE session = 0;  // session objects: the session they die with
  std::mutex change;              // one writer at a time; held across the flash commit
  std::atomic<bool> destroyed{false};
};

// StoredRecord: the flash record of a token object, kept in memory by its owner.
struct StoredRecord {
  std::shared_ptr<const void> owner;
  Bytes value;
};

// What an object is made of beside its attributes. Secret: the value of a data object or secret
// key; string: that of a certificate.
using Material = std::variant<Secret, std::shared_ptr<algorithms::PrivateKey>,
                              std::shared_ptr<algorithms::PublicKey>, std::string>;

class Object {
 public:
  std::shared_ptr<ObjectIdentity> identity;
  AttributeSet attributes;

  // A token object that was read from flash comes without what it is made of, and gets it when
  // somebody asks for it (ApplicationSlot::find); until then it lies in `stored`.
  std::optional<StoredRecord> stored;
  CK_RV unavailable = CKR_OK;     // why it could not be had; to be asked before it is used
  CK_RV take(Material material);  // CKR_DEVICE_MEMORY

  std::shared_ptr<algorithms::Key> key;  // secret keys
  std::shared_ptr<algorithms::PrivateKey> private_key;
  std::shared_ptr<algorithms::PublicKey> public_key;  // of private keys, too
  std::shared_ptr<const Secret> data;                 // data objects: CKA_VALUE
  std::shared_ptr<const std::string> certificate;     // certificates: CKA_VALUE

  // Stored by a build that knows more classes, key types or attributes: listed, kept, neither used
  // nor changed.
  bool opaque = false;

  // Read from attributes by refresh().
  CK_OBJECT_CLASS object_class = CKO_DATA;
  CK_KEY_TYPE key_type = CK_UNAVAILABLE_INFORMATION;
  std::uint32_t usage = 0;
  bool on_token = false;
  bool is_private = false;
  bool sensitive = false;
  bool extractable = false;
  bool always_authenticate = false;        // each use asks for a context-specific login
  std::vector<CK_MECHANISM_TYPE> allowed;  // empty: any

  void refresh();
  bool allows(CK_MECHANISM_TYPE mechanism) const;
  bool of_class(std::uint8_t classes) const { return (class_mask(object_class) & classes) != 0; }
  // May CKA_VALUE, and the other private parts of a key, leave the token in the clear?
  bool value_readable() const {
    return !opaque && (of_class(kOpenClass) || (!sensitive && extractable));
  }
  // What is wrapped, and stored in flash beside the attributes: a private key's is its PKCS#8, a
  // public key's is empty.
  Bytes value() const;
  // An attribute that may be secret (AttributeKind::kSecret): has the object one, and its value.
  bool has_secret(CK_ATTRIBUTE_TYPE type) const;
  Bytes secret_attribute(CK_ATTRIBUTE_TYPE type) const;
  // An attribute that nobody keeps from anybody: its value as C_GetAttributeValue shows it, which
  // may be one that is kept, one computed when asked for, or the empty one of an attribute that the
  // class has and the object does not. False: the object has no such attribute.
  // CKA_CHECK_VALUE is computed: see check_value.
  bool shown(const AttributeRow& row, std::string* value) const;
  // CKA_CHECK_VALUE (4.10.2, 4.6.2, 6.8.2), whether or not the object shows it: 3 bytes, or none
  // where it has no value. CKR_FIPS_SELF_TEST_FAILED, CKR_HOST_MEMORY.
  CK_RV check_value(std::string* value) const;
  // In the unit of MechanismRow: bytes of a secret key, bits of the others.
  std::size_t key_size() const { return public_key ? public_key->bits() : value().size(); }
};

// make_object builds an object from complete attributes and its material, and sets the attributes
// that say what the material is (CKA_VALUE_LEN, CKA_MODULUS, CKA_PUBLIC_KEY_INFO ...).
// CKR_DEVICE_MEMORY, CKR_HOST_MEMORY; CKR_ATTRIBUTE_VALUE_INVALID where the attributes say
// something else of the material than it is (CKA_CHECK_VALUE, CKA_PUBLIC_KEY_INFO).
CK_RV make_object(AttributeSet attributes, Material material, std::shared_ptr<Object>* out);

// Is this a key type that the class has here?
bool key_type_known(CK_OBJECT_CLASS object_class, CK_KEY_TYPE type);
// Key sizes in bytes that a secret key's type has.
bool key_length_valid(CK_KEY_TYPE type, std::size_t length);

}  // namespace strongroom::token
