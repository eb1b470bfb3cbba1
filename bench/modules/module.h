// module.h: one PKCS#11 module with a fresh token, as any program uses it: C_* functions, a user
// logged in, token objects. Whatever a module refuses is an exception.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "cryptoki/cryptoki.h"

namespace strongroom::bench {

using ByteString = std::vector<std::uint8_t>;

// refuse: throws std::runtime_error that names the module, the call and its code.
void require_ok(CK_RV rv, const std::string& module, const char* call);

// A template in the making: owns its values.
class Template {
 public:
  Template& flag(CK_ATTRIBUTE_TYPE type, bool value) {
    return bytes(type, {static_cast<std::uint8_t>(value ? CK_TRUE : CK_FALSE)});
  }
  Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
    return bytes(type, ByteString(begin, begin + sizeof value));
  }
  Template& text(CK_ATTRIBUTE_TYPE type, const std::string& value) {
    return bytes(type, ByteString(value.begin(), value.end()));
  }
  Template& bytes(CK_ATTRIBUTE_TYPE type, ByteString value) {
    types_.push_back(type);
    values_.push_back(std::move(value));
    return *this;
  }
  // Points into this object, until it is changed.
  std::vector<CK_ATTRIBUTE> attributes();

 private:
  std::vector<CK_ATTRIBUTE_TYPE> types_;
  std::vector<ByteString> values_;
};

// What differs between modules before they speak PKCS#11 alike.
enum class Kind { kStrongroom, kSoftHsm, kNss };

class Module {
 public:
  // Loads the library and makes a token in the empty folder directory.
  Module(std::string name, Kind kind, const std::string& library, std::string directory);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  const std::string& name() const { return name_; }
  CK_FUNCTION_LIST* operator->() const { return list_; }
  void check(CK_RV rv, const char* call) const { require_ok(rv, name_, call); }

  CK_SESSION_HANDLE open_session() const;  // read/write
  CK_OBJECT_HANDLE create(CK_SESSION_HANDLE, Template&) const;
  ByteString attribute(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE_TYPE) const;
  // C_FindObjects*, all of it: how many there are, and the first.
  CK_ULONG find(CK_SESSION_HANDLE, std::vector<CK_ATTRIBUTE>&, CK_OBJECT_HANDLE* first) const;

  // C_Finalize; then C_Initialize, a session, C_Login. Sessions and handles are gone.
  void stop();
  void start();

 private:
  void initialize();
  void make_token();
  void find_slot();

  std::string name_;
  Kind kind_;
  std::string directory_;
  void* library_ = nullptr;
  CK_FUNCTION_LIST* list_ = nullptr;
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE keeper_ = 0;  // keeps the login
};

}  // namespace strongroom::bench
