#include "modules/module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace strongroom::bench {
namespace {

constexpr const char* kSoPin = "12345678";
constexpr const char* kUserPin = "123456";
constexpr const char* kLabel = "bench";
// NSS numbers its slots so: its own cryptography, then the key database.
constexpr CK_SLOT_ID kNssDatabaseSlot = 2;

CK_UTF8CHAR_PTR utf8(const char* text) {
  return reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(text));
}

// NSS takes a string of parameters where the standard has pReserved, and its own reserved field
// after.
struct NssArguments {
  CK_C_INITIALIZE_ARGS standard;
  void* reserved;
};

}  // namespace

void require_ok(CK_RV rv, const std::string& module, const char* call) {
  if (rv == CKR_OK) return;
  char code[24];
  static_cast<void>(std::snprintf(code, sizeof code, "0x%lx", rv));
  throw std::runtime_error(module + ": " + call + " answered " + code);
}

std::vector<CK_ATTRIBUTE> Template::attributes() {
  std::vector<CK_ATTRIBUTE> all;
  for (std::size_t i = 0; i < types_.size(); ++i)
    all.push_back({types_[i], values_[i].data(), values_[i].size()});
  return all;
}

Module::Module(std::string name, Kind kind, const std::string& library, std::string directory)
    : name_(std::move(name)), kind_(kind), directory_(std::move(directory)) {
  if (kind_ == Kind::kStrongroom) setenv("STRONGROOM_TOKEN_DIR", directory_.c_str(), 1);
  if (kind_ == Kind::kSoftHsm) {
    const std::string file = directory_ + "/softhsm2.conf";
    std::ofstream(file) << "directories.tokendir = " << directory_
                        << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    setenv("SOFTHSM2_CONF", file.c_str(), 1);
  }
  library_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) throw std::runtime_error(name_ + ": " + dlerror());
  const auto get =
      reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(dlsym(library_, "C_GetFunctionList"));
  if (!get) throw std::runtime_error(name_ + ": no C_GetFunctionList");
  check(get(&list_), "C_GetFunctionList");
  initialize();
  make_token();
  stop();
  start();
}

Module::~Module() {
  list_->C_Finalize(nullptr);
  dlclose(library_);
}

void Module::initialize() {
  NssArguments arguments{};
  arguments.standard.flags = CKF_OS_LOCKING_OK;
  const std::string parameters = "configdir='sql:" + directory_ +
                                 "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=noModDB";
  if (kind_ == Kind::kNss) arguments.standard.pReserved = const_cast<char*>(parameters.c_str());
  check(list_->C_Initialize(&arguments), "C_Initialize");
}

void Module::make_token() {
  const bool nss = kind_ == Kind::kNss;
  if (nss) {
    slot_ = kNssDatabaseSlot;
  } else {
    CK_ULONG count = 1;
    check(list_->C_GetSlotList(CK_TRUE, &slot_, &count), "C_GetSlotList");
    char label[32];
    std::memset(label, ' ', sizeof label);
    std::memcpy(label, kLabel, std::strlen(kLabel));
    check(list_->C_InitToken(slot_, utf8(kSoPin), std::strlen(kSoPin), utf8(label)), "C_InitToken");
    find_slot();
  }
  const CK_SESSION_HANDLE session = open_session();
  const char* so_pin = nss ? "" : kSoPin;
  check(list_->C_Login(session, CKU_SO, utf8(so_pin), std::strlen(so_pin)), "C_Login");
  check(list_->C_InitPIN(session, utf8(kUserPin), std::strlen(kUserPin)), "C_InitPIN");
  check(list_->C_Logout(session), "C_Logout");
}

// SoftHSM gives an initialised token another slot.
void Module::find_slot() {
  CK_ULONG count = 0;
  check(list_->C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
  std::vector<CK_SLOT_ID> slots(count);
  check(list_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  for (const CK_SLOT_ID each : slots) {
    CK_TOKEN_INFO info;
    if (list_->C_GetTokenInfo(each, &info) == CKR_OK &&
        std::memcmp(info.label, kLabel, std::strlen(kLabel)) == 0) {
      slot_ = each;
      return;
    }
  }
  throw std::runtime_error(name_ + ": no slot has the token");
}

CK_SESSION_HANDLE Module::open_session() const {
  CK_SESSION_HANDLE session = 0;
  check(
      list_->C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session),
      "C_OpenSession");
  return session;
}

CK_OBJECT_HANDLE Module::create(CK_SESSION_HANDLE session, Template& wanted) const {
  std::vector<CK_ATTRIBUTE> attributes = wanted.attributes();
  CK_OBJECT_HANDLE object = 0;
  check(list_->C_CreateObject(session, attributes.data(), attributes.size(), &object),
        "C_CreateObject");
  return object;
}

ByteString Module::attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                             CK_ATTRIBUTE_TYPE type) const {
  CK_ATTRIBUTE wanted{type, nullptr, 0};
  check(list_->C_GetAttributeValue(session, object, &wanted, 1), "C_GetAttributeValue");
  ByteString value(wanted.ulValueLen);
  wanted.pValue = value.data();
  check(list_->C_GetAttributeValue(session, object, &wanted, 1), "C_GetAttributeValue");
  return value;
}

CK_ULONG Module::find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE>& wanted,
                      CK_OBJECT_HANDLE* first) const {
  check(list_->C_FindObjectsInit(session, wanted.data(), wanted.size()), "C_FindObjectsInit");
  CK_OBJECT_HANDLE found[8];
  CK_ULONG total = 0;
  CK_ULONG count = 0;
  do {
    check(list_->C_FindObjects(session, found, std::size(found), &count), "C_FindObjects");
    if (total == 0 && count > 0) *first = found[0];
    total += count;
  } while (count == std::size(found));
  check(list_->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  return total;
}

void Module::stop() { check(list_->C_Finalize(nullptr), "C_Finalize"); }

void Module::start() {
  initialize();
  if (kind_ != Kind::kNss) find_slot();
  keeper_ = open_session();
  check(list_->C_Login(keeper_, CKU_USER, utf8(kUserPin), std::strlen(kUserPin)), "C_Login");
}

}  // namespace strongroom::bench
