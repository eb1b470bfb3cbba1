#include "fuzz/device.h"

#include <sanitizer/lsan_interface.h>
#include <sys/random.h>

namespace strongroom::fuzz {

const std::array<CK_BYTE, kNeedleBytes>& needle() {
  static const auto kNeedle = [] {
    std::array<CK_BYTE, kNeedleBytes> bytes{};
    require(getrandom(bytes.data(), bytes.size(), 0) == ssize_t{kNeedleBytes}, "entropy comes");
    return bytes;
  }();
  return kNeedle;
}

CK_UTF8CHAR_PTR utf8(const char* text) {
  return reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(text));
}

MemoryDevice::MemoryDevice() {
  CK_FUNCTION_LIST_3_2& c = *cryptoki::function_list();
  SR_FUNCTION_LIST& sr = *cryptoki::vendor_list();
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof config;
  config.ulSlotCount = 1;
  config.ulPinIterations = 1;
  config.bCreate = CK_TRUE;
  require(sr.SR_OpenDevice(&config, &device_) == CKR_OK, "a device opens");
  SR_APPLICATION application = 0;
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  require(sr.SR_OpenApplication(device_, attach_id, &application) == CKR_OK,
          "an application opens");
  CK_ULONG count = 1;
  require(sr.SR_GetSlotList(application, CK_FALSE, &slot_, &count) == CKR_OK,
          "a device has a slot");
  char label[32];
  std::memset(label, ' ', sizeof label);
  require(c.C_InitToken(slot_, utf8(kSoPin), sizeof kSoPin - 1, utf8(label)) == CKR_OK,
          "a token is initialised");
  CK_SESSION_HANDLE session = 0;
  require(sr.SR_OpenSession(application, slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session) ==
              CKR_OK,
          "a session opens");
  require(c.C_Login(session, CKU_SO, utf8(kSoPin), sizeof kSoPin - 1) == CKR_OK, "the SO logs in");
  require(c.C_InitPIN(session, utf8(kUserPin), sizeof kUserPin - 1) == CKR_OK,
          "the user gets a PIN");
  require(sr.SR_CloseApplication(application) == CKR_OK, "an application closes");
}

MemoryDevice::~MemoryDevice() {
  require(cryptoki::vendor_list()->SR_CloseDevice(device_) == CKR_OK, "a device closes");
}

CK_OBJECT_HANDLE create_needle(CK_SESSION_HANDLE session) {
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_AES;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE attributes[] = {
      {CKA_CLASS, &object_class, sizeof object_class},
      {CKA_KEY_TYPE, &type, sizeof type},
      {CKA_SENSITIVE, &yes, sizeof yes},
      {CKA_EXTRACTABLE, &no, sizeof no},
      {CKA_ENCRYPT, &yes, sizeof yes},
      {CKA_DECRYPT, &yes, sizeof yes},
      {CKA_WRAP, &yes, sizeof yes},
      {CKA_UNWRAP, &yes, sizeof yes},
      {CKA_SIGN, &yes, sizeof yes},
      {CKA_VERIFY, &yes, sizeof yes},
      {CKA_DERIVE, &yes, sizeof yes},
      {CKA_VALUE, const_cast<CK_BYTE*>(needle().data()), kNeedleBytes},
  };
  CK_OBJECT_HANDLE key = 0;
  require(cryptoki::function_list()->C_CreateObject(session, attributes, std::size(attributes),
                                                    &key) == CKR_OK,
          "a key is imported");
  return key;
}

}  // namespace strongroom::fuzz

// What the core makes once and keeps for good hangs on memory that is locked and not searched for
// pointers (arena, OpenSSL's secure heap): it is made before leaks are counted.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const __lsan::ScopedDisabler not_counted;
  const strongroom::fuzz::MemoryDevice first;
  return 0;
}
