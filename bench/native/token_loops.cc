#include "token_loops.h"

#include <array>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "cryptoki/vendor.h"

namespace strongroom::bench::token {
namespace {

constexpr std::size_t kGcmTagBytes = 16;

void require(CK_RV rv, const char* what) {
  if (rv == CKR_OK) return;
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%s answered 0x%lx", what, rv);
  throw std::runtime_error(text.data());
}

void require_length(bool good) {
  if (!good) throw std::runtime_error("the output has the wrong length");
}

// Cryptoki takes inputs through pointers to non-const and only reads them.
CK_BYTE_PTR pointer(Input bytes) { return const_cast<CK_BYTE_PTR>(bytes.data()); }

CK_SESSION_HANDLE opened = CK_INVALID_HANDLE;

const CK_FUNCTION_LIST_3_2& functions() { return *cryptoki::function_list(); }

CK_SESSION_HANDLE open_session() {
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof config;
  config.ulSlotCount = 1;
  config.ulPinIterations = 1;
  config.bCreate = CK_TRUE;
  const SR_FUNCTION_LIST& vendor = *cryptoki::vendor_list();
  SR_DEVICE device = 0;
  require(vendor.SR_OpenDevice(&config, &device), "SR_OpenDevice");
  SR_APPLICATION application = 0;
  std::array<CK_BYTE, SR_ATTACH_ID_BYTES> attach_id{};
  require(vendor.SR_OpenApplication(device, attach_id.data(), &application), "SR_OpenApplication");
  CK_SLOT_ID slot = 0;
  CK_ULONG slots = 1;
  require(vendor.SR_GetSlotList(application, CK_TRUE, &slot, &slots), "SR_GetSlotList");

  std::array<CK_BYTE, 8> pin = {'b', 'e', 'n', 'c', 'h', 'P', 'I', 'N'};
  std::array<CK_BYTE, 32> label{};
  label.fill(' ');
  const auto& p11 = functions();
  require(p11.C_InitToken(slot, pin.data(), pin.size(), label.data()), "C_InitToken");
  CK_SESSION_HANDLE session = 0;
  require(vendor.SR_OpenSession(application, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session),
          "SR_OpenSession");
  require(p11.C_Login(session, CKU_SO, pin.data(), pin.size()), "C_Login");
  require(p11.C_InitPIN(session, pin.data(), pin.size()), "C_InitPIN");
  require(p11.C_Logout(session), "C_Logout");
  require(p11.C_Login(session, CKU_USER, pin.data(), pin.size()), "C_Login");
  return session;
}

CK_SESSION_HANDLE session() {
  if (opened == CK_INVALID_HANDLE) throw std::runtime_error("the token is not open");
  return opened;
}

// A mechanism by its number, with the parameter that it needs here.
class Mechanism {
 public:
  explicit Mechanism(CK_MECHANISM_TYPE type) : mechanism_{type, nullptr, 0} {
    if (type != CKM_SHA256_RSA_PKCS_PSS) return;
    mechanism_.pParameter = &pss_;
    mechanism_.ulParameterLen = sizeof pss_;
  }
  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;
  CK_MECHANISM* get() { return &mechanism_; }

 private:
  CK_RSA_PKCS_PSS_PARAMS pss_{CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism_;
};

}  // namespace

void open() {
  if (opened != CK_INVALID_HANDLE) throw std::runtime_error("the token is open already");
  opened = open_session();
}

std::uint64_t create_object(std::span<const Attribute> attributes) {
  std::vector<CK_ATTRIBUTE> list;
  for (const Attribute& attribute : attributes)
    list.push_back({attribute.type, pointer(attribute.value), attribute.value.size()});
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  require(functions().C_CreateObject(session(), list.data(), list.size(), &object),
          "C_CreateObject");
  return object;
}

void encrypt(std::size_t count, std::uint64_t key, Input iv, Input aad, Input data, Output out) {
  require_length(out.size() == data.size() + kGcmTagBytes);
  const auto& p11 = functions();
  CK_GCM_PARAMS parameters{pointer(iv),  iv.size(),  iv.size() * 8,
                           pointer(aad), aad.size(), kGcmTagBytes * 8};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
  for (std::size_t i = 0; i < count; ++i) {
    CK_ULONG length = out.size();
    require(p11.C_EncryptInit(session(), &mechanism, key), "C_EncryptInit");
    require(p11.C_Encrypt(session(), pointer(data), data.size(), out.data(), &length), "C_Encrypt");
  }
}

void encrypt_message(std::size_t count, std::uint64_t key, Input iv, Input aad, Input data,
                     Output out) {
  require_length(out.size() == data.size() + kGcmTagBytes);
  const auto& p11 = functions();
  CK_GCM_MESSAGE_PARAMS parameters{
      pointer(iv), iv.size(), 0, CKG_NO_GENERATE, out.data() + data.size(), kGcmTagBytes * 8};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
  require(p11.C_MessageEncryptInit(session(), &mechanism, key), "C_MessageEncryptInit");
  for (std::size_t i = 0; i < count; ++i) {
    CK_ULONG length = data.size();
    require(p11.C_EncryptMessage(session(), &parameters, sizeof parameters, pointer(aad),
                                 aad.size(), pointer(data), data.size(), out.data(), &length),
            "C_EncryptMessage");
  }
  require(p11.C_MessageEncryptFinal(session()), "C_MessageEncryptFinal");
}

void sign(std::size_t count, std::uint64_t mechanism, std::uint64_t key, Input data, Output out) {
  const auto& p11 = functions();
  Mechanism used(mechanism);
  for (std::size_t i = 0; i < count; ++i) {
    CK_ULONG length = out.size();
    require(p11.C_SignInit(session(), used.get(), key), "C_SignInit");
    require(p11.C_Sign(session(), pointer(data), data.size(), out.data(), &length), "C_Sign");
    require_length(length == out.size());
  }
}

void verify(std::size_t count, std::uint64_t mechanism, std::uint64_t key, Input data,
            Input signature, Output verdict) {
  require_length(verdict.size() == 1);
  const auto& p11 = functions();
  Mechanism used(mechanism);
  for (std::size_t i = 0; i < count; ++i) {
    require(p11.C_VerifyInit(session(), used.get(), key), "C_VerifyInit");
    const CK_RV rv =
        p11.C_Verify(session(), pointer(data), data.size(), pointer(signature), signature.size());
    if (rv != CKR_SIGNATURE_INVALID) require(rv, "C_Verify");
    verdict[0] = rv == CKR_OK ? 1 : 0;
  }
}

void generate_random(std::size_t count, Output out) {
  for (std::size_t i = 0; i < count; ++i)
    require(functions().C_GenerateRandom(session(), out.data(), out.size()), "C_GenerateRandom");
}

void derive_seal(std::size_t count, std::uint64_t key, Input aad, Input data, Output out) {
  constexpr std::size_t kHeadBytes = SR_SEAL_NONCE_BYTES + SR_SEAL_TAG_BYTES;
  require_length(out.size() == kHeadBytes + data.size());
  const auto& p11 = functions();
  SR_SEAL_PARAMS parameters{out.data(), out.data() + SR_SEAL_NONCE_BYTES};
  CK_MECHANISM mechanism{CKM_STRONGROOM_DERIVE_AES_GCM, &parameters, sizeof parameters};
  for (std::size_t i = 0; i < count; ++i) {
    CK_ULONG length = data.size();
    require(p11.C_MessageEncryptInit(session(), &mechanism, key), "C_MessageEncryptInit");
    require(
        p11.C_EncryptMessage(session(), &parameters, sizeof parameters, pointer(aad), aad.size(),
                             pointer(data), data.size(), out.data() + kHeadBytes, &length),
        "C_EncryptMessage");
    require(p11.C_MessageEncryptFinal(session()), "C_MessageEncryptFinal");
  }
}

}  // namespace strongroom::bench::token
