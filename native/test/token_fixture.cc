#include "test/token_fixture.h"

#include <cstring>

namespace strongroom::test {

std::string name_of(CK_RV rv) {
#define SR_NAME(name) \
  if (rv == name) return #name;
  SR_FOR_EACH_CKR(SR_NAME)
#undef SR_NAME
  return "unknown CKR " + std::to_string(rv);
}

::testing::AssertionResult answers(const char* call, const char*, CK_RV rv, CK_RV expected) {
  if (rv == expected) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << call << "\n  answered " << name_of(rv) << ", expected " << name_of(expected);
}

ByteString bytes_of(std::string_view value) { return {value.begin(), value.end()}; }

ByteString from_hex(std::string_view hex) {
  ByteString out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<CK_BYTE>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

Attributes& Attributes::raw(CK_ATTRIBUTE_TYPE type, void* value, CK_ULONG length) {
  list_.push_back({type, value, length});
  return *this;
}

Attributes& Attributes::bytes(CK_ATTRIBUTE_TYPE type, ByteString value) {
  values_.push_back(std::move(value));
  return raw(type, values_.back().data(), values_.back().size());
}

Attributes& Attributes::flag(CK_ATTRIBUTE_TYPE type, bool value) {
  return bytes(type, {value ? CK_TRUE : CK_FALSE});
}

Attributes& Attributes::number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  ByteString bytes_of_value(sizeof(value));
  std::memcpy(bytes_of_value.data(), &value, sizeof(value));
  return bytes(type, std::move(bytes_of_value));
}

Attributes& Attributes::mechanisms(std::vector<CK_MECHANISM_TYPE> list) {
  ByteString value(list.size() * sizeof(CK_MECHANISM_TYPE));
  if (!list.empty()) std::memcpy(value.data(), list.data(), value.size());
  return bytes(CKA_ALLOWED_MECHANISMS, std::move(value));
}

Attributes& Attributes::nested(CK_ATTRIBUTE_TYPE type, Attributes& inner) {
  return raw(type, inner.data(), inner.count() * sizeof(CK_ATTRIBUTE));
}

ByteString p256_parameters() { return from_hex("06082a8648ce3d030107"); }

void aes_template(Attributes& attributes) {
  attributes.number(CKA_VALUE_LEN, 32).flag(CKA_ENCRYPT, true).flag(CKA_DECRYPT, true);
}

void TokenTest::SetUp() {
  const Device opened = open_memory_device();
  device = opened.device;
  application = opened.application;
  slot = opened.slots[0];
  empty_slot = opened.slots[1];
  initialise(slot, application);
}

void TokenTest::TearDown() {
  sr().SR_SetNoWait(CK_FALSE);
  if (device != 0) {
    EXPECT_CKR(CKR_OK, sr().SR_CloseDevice(device));
  }
}

Device TokenTest::open_memory_device(CK_ULONG max_sessions, CK_ULONG slots) {
  Device out;
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof(config);
  config.ulSlotCount = slots;
  config.ulPinIterations = 1;
  config.ulMaxSessionCount = max_sessions;
  config.bCreate = CK_TRUE;
  EXPECT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &out.device));
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  EXPECT_CKR(CKR_OK, sr().SR_OpenApplication(out.device, attach_id, &out.application));
  CK_ULONG count = slots;
  out.slots.resize(slots);
  EXPECT_CKR(CKR_OK, sr().SR_GetSlotList(out.application, CK_TRUE, out.slots.data(), &count));
  EXPECT_EQ(count, slots);
  return out;
}

void TokenTest::initialise(CK_SLOT_ID slot_id, SR_APPLICATION application_number) {
  std::string label(32, ' ');
  label.replace(0, 4, "test");
  ASSERT_CKR(CKR_OK, c().C_InitToken(slot_id, text(kSoPin), kSoPin.size(), text(label)));
  const CK_SESSION_HANDLE session = open_session_of(application_number, slot_id);
  login(session, CKU_SO);
  ASSERT_CKR(CKR_OK, c().C_InitPIN(session, text(kUserPin), kUserPin.size()));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
}

CK_SESSION_HANDLE TokenTest::open_session(bool read_write) {
  return open_session_of(application, slot, read_write);
}

CK_SESSION_HANDLE TokenTest::open_session_of(SR_APPLICATION application_number, CK_SLOT_ID slot_id,
                                             bool read_write) {
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  EXPECT_CKR(CKR_OK,
             sr().SR_OpenSession(application_number, slot_id,
                                 CKF_SERIAL_SESSION | (read_write ? CKF_RW_SESSION : 0), &session));
  return session;
}

CK_RV TokenTest::try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, std::string_view pin) {
  return c().C_Login(session, user, text(pin), pin.size());
}

void TokenTest::login(CK_SESSION_HANDLE session, CK_USER_TYPE user) {
  ASSERT_CKR(CKR_OK, try_login(session, user, user == CKU_SO ? kSoPin : kUserPin));
}

CK_STATE TokenTest::state(CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info{};
  EXPECT_CKR(CKR_OK, c().C_GetSessionInfo(session, &info));
  return info.state;
}

CK_TOKEN_INFO TokenTest::token_info(CK_SLOT_ID slot_id) {
  CK_TOKEN_INFO info{};
  EXPECT_CKR(CKR_OK, c().C_GetTokenInfo(slot_id, &info));
  return info;
}

CK_RV TokenTest::generate(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, Attributes& attributes,
                          CK_OBJECT_HANDLE* key) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  return c().C_GenerateKey(session, &mechanism, attributes.data(), attributes.count(), key);
}

CK_OBJECT_HANDLE TokenTest::make_aes(CK_SESSION_HANDLE session, bool on_token) {
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_TOKEN, on_token);
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  return key;
}

CK_OBJECT_HANDLE TokenTest::create_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type,
                                          const ByteString& value,
                                          std::vector<CK_ATTRIBUTE_TYPE> uses) {
  Attributes attributes;
  attributes.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, type).bytes(CKA_VALUE, value);
  attributes.flag(CKA_EXTRACTABLE, true);
  for (CK_ATTRIBUTE_TYPE use : uses) attributes.flag(use, true);
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  EXPECT_CKR(CKR_OK, c().C_CreateObject(session, attributes.data(), attributes.count(), &key));
  return key;
}

CK_RV TokenTest::generate_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type,
                               Attributes& of_public, Attributes& of_private, Pair* pair) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  return c().C_GenerateKeyPair(session, &mechanism, of_public.data(), of_public.count(),
                               of_private.data(), of_private.count(), &pair->public_key,
                               &pair->private_key);
}

TokenTest::Pair TokenTest::make_p256(CK_SESSION_HANDLE session) {
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  Attributes of_private;
  of_private.flag(CKA_EXTRACTABLE, true);
  Pair pair;
  EXPECT_CKR(CKR_OK, generate_pair(session, CKM_EC_KEY_PAIR_GEN, of_public, of_private, &pair));
  return pair;
}

TokenTest::Pair TokenTest::make_rsa(CK_SESSION_HANDLE session) {
  Attributes of_public;
  of_public.number(CKA_MODULUS_BITS, 2048);
  Attributes of_private;
  of_private.flag(CKA_EXTRACTABLE, true);
  Pair pair;
  EXPECT_CKR(CKR_OK,
             generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, of_public, of_private, &pair));
  return pair;
}

std::vector<CK_OBJECT_HANDLE> TokenTest::find(CK_SESSION_HANDLE session, Attributes& wanted) {
  std::vector<CK_OBJECT_HANDLE> all;
  EXPECT_CKR(CKR_OK, c().C_FindObjectsInit(session, wanted.data(), wanted.count()));
  for (;;) {
    CK_OBJECT_HANDLE some[3];
    CK_ULONG count = 0;
    EXPECT_CKR(CKR_OK, c().C_FindObjects(session, some, 3, &count));
    if (count == 0) break;
    all.insert(all.end(), some, some + count);
  }
  EXPECT_CKR(CKR_OK, c().C_FindObjectsFinal(session));
  return all;
}

CK_RV TokenTest::get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                     ByteString* value) {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  CK_RV rv = c().C_GetAttributeValue(session, object, &attribute, 1);
  if (rv != CKR_OK) return rv;
  value->resize(attribute.ulValueLen);
  CK_BYTE nothing;
  attribute.pValue = value->empty() ? &nothing : value->data();
  return c().C_GetAttributeValue(session, object, &attribute, 1);
}

bool TokenTest::flag(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  ByteString value;
  EXPECT_CKR(CKR_OK, get(session, object, type, &value));
  EXPECT_EQ(value.size(), 1u);
  return value == ByteString{CK_TRUE};
}

CK_RV TokenTest::set_flag(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_TYPE type, bool value) {
  Attributes attributes;
  attributes.flag(type, value);
  return c().C_SetAttributeValue(session, object, attributes.data(), attributes.count());
}

namespace {

using InitFunction = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
using WorkFunction = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);

CK_RV run(InitFunction init, WorkFunction work, CK_SESSION_HANDLE session, CK_MECHANISM* mechanism,
          CK_OBJECT_HANDLE key, const ByteString& in, ByteString* out) {
  if (const CK_RV rv = init(session, mechanism, key); rv != CKR_OK) return rv;
  auto* data = const_cast<CK_BYTE*>(in.data());
  CK_ULONG length = 0;
  if (const CK_RV rv = work(session, data, in.size(), nullptr, &length); rv != CKR_OK) return rv;
  ByteString result(length + 1);  // never a null pointer
  const CK_RV rv = work(session, data, in.size(), result.data(), &length);
  result.resize(length);
  if (rv == CKR_OK) *out = std::move(result);
  return rv;
}

CK_GCM_PARAMS gcm(const ByteString& iv, const ByteString& aad) {
  return {const_cast<CK_BYTE*>(iv.data()),  iv.size(),  8 * iv.size(),
          const_cast<CK_BYTE*>(aad.data()), aad.size(), 128};
}

}  // namespace

CK_RV TokenTest::encrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const ByteString& iv,
                         const ByteString& aad, const ByteString& plaintext, ByteString* out) {
  CK_GCM_PARAMS parameters = gcm(iv, aad);
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  return run(c().C_EncryptInit, c().C_Encrypt, session, &mechanism, key, plaintext, out);
}

CK_RV TokenTest::decrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const ByteString& iv,
                         const ByteString& aad, const ByteString& ciphertext, ByteString* out) {
  CK_GCM_PARAMS parameters = gcm(iv, aad);
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  return run(c().C_DecryptInit, c().C_Decrypt, session, &mechanism, key, ciphertext, out);
}

CK_RV TokenTest::hmac(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const ByteString& data,
                      ByteString* out) {
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  return run(c().C_SignInit, c().C_Sign, session, &mechanism, key, data, out);
}

CK_RV TokenTest::wrap_gcm(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE wrapping,
                          CK_OBJECT_HANDLE key, const ByteString& aad, ByteString* iv,
                          ByteString* wrapped) {
  iv->assign(12, 0);
  SR_GCM_WRAP_PARAMS parameters{iv->data(), iv->size(), 0, CKG_GENERATE, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  auto* data = const_cast<CK_BYTE*>(aad.data());
  CK_ULONG length = 0;
  CK_RV rv = c().C_WrapKeyAuthenticated(session, &mechanism, wrapping, key, data, aad.size(),
                                        nullptr, &length);
  if (rv != CKR_OK) return rv;
  wrapped->assign(length, 0);
  rv = c().C_WrapKeyAuthenticated(session, &mechanism, wrapping, key, data, aad.size(),
                                  wrapped->data(), &length);
  return rv;
}

CK_RV TokenTest::unwrap_gcm(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE unwrapping,
                            const ByteString& iv, const ByteString& aad, const ByteString& wrapped,
                            Attributes& attributes, CK_OBJECT_HANDLE* key) {
  SR_GCM_WRAP_PARAMS parameters{const_cast<CK_BYTE*>(iv.data()), iv.size(), 0, CKG_NO_GENERATE,
                                128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  return c().C_UnwrapKeyAuthenticated(
      session, &mechanism, unwrapping, const_cast<CK_BYTE*>(wrapped.data()), wrapped.size(),
      attributes.data(), attributes.count(), const_cast<CK_BYTE*>(aad.data()), aad.size(), key);
}

}  // namespace strongroom::test
