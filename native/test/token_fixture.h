// token_fixture.h: a device in memory with one initialised token, driven through the function lists
// alone.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "cryptoki/vendor.h"

namespace strongroom::test {

using ByteString = std::vector<CK_BYTE>;

inline constexpr std::string_view kSoPin = "so pin 87654321";
inline constexpr std::string_view kUserPin = "user pin 1234";

inline CK_FUNCTION_LIST_3_2& c() { return *cryptoki::function_list(); }
inline SR_FUNCTION_LIST& sr() { return *cryptoki::vendor_list(); }

// CKR_* by name, for readable failures.
std::string name_of(CK_RV rv);
::testing::AssertionResult answers(const char* call, const char* expected_text, CK_RV rv,
                                   CK_RV expected);
#define EXPECT_CKR(expected, call) EXPECT_PRED_FORMAT2(::strongroom::test::answers, call, expected)
#define ASSERT_CKR(expected, call) ASSERT_PRED_FORMAT2(::strongroom::test::answers, call, expected)

inline CK_UTF8CHAR* text(std::string_view value) {
  return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(value.data()));
}
ByteString bytes_of(std::string_view value);
ByteString from_hex(std::string_view hex);

// A CK_ATTRIBUTE array that owns its values.
class Attributes {
 public:
  Attributes() = default;
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  Attributes& flag(CK_ATTRIBUTE_TYPE type, bool value);
  Attributes& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Attributes& bytes(CK_ATTRIBUTE_TYPE type, ByteString value);
  Attributes& label(std::string_view value) { return bytes(CKA_LABEL, bytes_of(value)); }
  Attributes& mechanisms(std::vector<CK_MECHANISM_TYPE> list);
  Attributes& nested(CK_ATTRIBUTE_TYPE type, Attributes& inner);
  Attributes& raw(CK_ATTRIBUTE_TYPE type, void* value, CK_ULONG length);

  CK_ATTRIBUTE* data() { return list_.empty() ? nullptr : list_.data(); }
  CK_ULONG count() const { return list_.size(); }

 private:
  std::vector<CK_ATTRIBUTE> list_;
  std::deque<ByteString> values_;
};

// CKA_EC_PARAMS of P-256.
ByteString p256_parameters();

// Generated AES key of 32 bytes that may encrypt and decrypt, a session object; add what differs.
void aes_template(Attributes& attributes);

struct Device {
  SR_DEVICE device = 0;
  SR_APPLICATION application = 0;
  std::vector<CK_SLOT_ID> slots;
};

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A device in memory with an application.
  Device open_memory_device(CK_ULONG max_sessions = 0, CK_ULONG slots = 2);
  void initialise(CK_SLOT_ID slot_id, SR_APPLICATION application_number);

  CK_SESSION_HANDLE open_session(bool read_write = true);
  CK_SESSION_HANDLE open_session_of(SR_APPLICATION application_number, CK_SLOT_ID slot_id,
                                    bool read_write = true);
  void login(CK_SESSION_HANDLE session, CK_USER_TYPE user = CKU_USER);
  static CK_RV try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, std::string_view pin);
  static CK_STATE state(CK_SESSION_HANDLE session);
  static CK_TOKEN_INFO token_info(CK_SLOT_ID slot_id);

  static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, Attributes& attributes,
                        CK_OBJECT_HANDLE* key);
  static CK_OBJECT_HANDLE make_aes(CK_SESSION_HANDLE session, bool on_token = false);
  static CK_OBJECT_HANDLE create_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type,
                                        const ByteString& value,
                                        std::vector<CK_ATTRIBUTE_TYPE> uses);
  struct Pair {
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  };
  static CK_RV generate_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type,
                             Attributes& of_public, Attributes& of_private, Pair* pair);
  // Session objects, private half extractable.
  static Pair make_p256(CK_SESSION_HANDLE session);
  static Pair make_rsa(CK_SESSION_HANDLE session);
  static std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, Attributes& wanted);
  static CK_RV get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                   ByteString* value);
  static bool flag(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  static CK_RV set_flag(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                        bool value);

  // AES-GCM by C_Encrypt and C_Decrypt.
  static CK_RV encrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const ByteString& iv,
                       const ByteString& aad, const ByteString& plaintext, ByteString* out);
  static CK_RV decrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const ByteString& iv,
                       const ByteString& aad, const ByteString& ciphertext, ByteString* out);
  static CK_RV hmac(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const ByteString& data,
                    ByteString* out);
  static CK_RV wrap_gcm(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
                        const ByteString& aad, ByteString* iv, ByteString* wrapped);
  static CK_RV unwrap_gcm(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE unwrapping,
                          const ByteString& iv, const ByteString& aad, const ByteString& wrapped,
                          Attributes& attributes, CK_OBJECT_HANDLE* key);

  SR_DEVICE device = 0;
  SR_APPLICATION application = 0;
  CK_SLOT_ID slot = 0;
  CK_SLOT_ID empty_slot = 0;  // not initialised
};

}  // namespace strongroom::test
