// module.h: libstrongroom-pkcs11.so as any program finds it: dlopen and C_GetFunctionList. The
// programs that use this link nothing of the token.
#pragma once

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

#include "cryptoki/cryptoki.h"

namespace strongroom::test {

inline constexpr char kModuleSoPin[] = "12345678";
inline constexpr char kModulePin[] = "123456";

inline CK_UTF8CHAR* utf8(const char* text) {
  return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(text));
}

// The library that was built beside this program.
inline std::string module_path() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string program(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return program.substr(0, program.find_last_of('/')) + "/libstrongroom-pkcs11.so";
}

// A loaded library; null where it cannot be loaded. Never unloaded by itself.
inline void* load_module(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) static_cast<void>(std::fprintf(stderr, "%s\n", dlerror()));
  return library;
}

inline CK_FUNCTION_LIST* function_list_of(void* library) {
  CK_FUNCTION_LIST* list = nullptr;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  return get != nullptr && get(&list) == CKR_OK ? list : nullptr;
}

// The first slot's token, made ready for its user. The library is initialised and stays so.
inline CK_RV make_token(CK_FUNCTION_LIST* list) {
  char label[33] = "module test                     ";
  CK_SESSION_HANDLE session = 0;
  CK_RV rv = list->C_InitToken(0, utf8(kModuleSoPin), sizeof(kModuleSoPin) - 1, utf8(label));
  if (rv == CKR_OK)
    rv = list->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
  if (rv == CKR_OK)
    rv = list->C_Login(session, CKU_SO, utf8(kModuleSoPin), sizeof(kModuleSoPin) - 1);
  if (rv == CKR_OK) rv = list->C_InitPIN(session, utf8(kModulePin), sizeof(kModulePin) - 1);
  if (rv == CKR_OK) rv = list->C_CloseSession(session);
  return rv;
}

// A session in which the user is logged in.
inline CK_RV open_user_session(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
  const CK_RV rv =
      list->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, session);
  return rv == CKR_OK ? list->C_Login(*session, CKU_USER, utf8(kModulePin), sizeof(kModulePin) - 1)
                      : rv;
}

// An AES key that may encrypt: the user's on the token, or anybody's in this session.
inline CK_RV make_key(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE session, CK_BBOOL on_token,
                      CK_OBJECT_HANDLE* key) {
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  CK_ULONG length = 32;
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE wanted[] = {{CKA_VALUE_LEN, &length, sizeof(length)},
                           {CKA_ENCRYPT, &yes, sizeof(yes)},
                           {CKA_TOKEN, &on_token, sizeof(on_token)},
                           {CKA_PRIVATE, &on_token, sizeof(on_token)},
                           {CKA_LABEL, const_cast<char*>("module"), 6}};
  return list->C_GenerateKey(session, &mechanism, wanted, 5, key);
}

// One message of a few bytes.
inline CK_RV encrypt_once(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_BYTE iv[12];
  CK_BYTE text[32] = {};
  CK_BYTE out[48];
  CK_ULONG length = sizeof(out);
  CK_RV rv = list->C_GenerateRandom(session, iv, sizeof(iv));
  CK_GCM_PARAMS parameters{iv, sizeof(iv), 8 * sizeof(iv), nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  if (rv == CKR_OK) rv = list->C_EncryptInit(session, &mechanism, key);
  return rv == CKR_OK ? list->C_Encrypt(session, text, sizeof(text), out, &length) : rv;
}

}  // namespace strongroom::test
