// interfaces.cc: the function lists and how a program finds them (PKCS#11 v3.2, 5.4.5 to 5.4.7).
#include <cstring>
#include <iterator>

#include "cryptoki/vendor.h"

namespace strongroom::cryptoki {
namespace {

#define SR_ENTRY(name) name,

// In the standard's order; each version's list begins with the one before.
CK_FUNCTION_LIST list_2_40 = {{2, 40}, SR_FOR_EACH_FUNCTION_2_40(SR_ENTRY)};
CK_FUNCTION_LIST_3_0 list_3_0 = {
    {3, 0}, SR_FOR_EACH_FUNCTION_2_40(SR_ENTRY) SR_FOR_EACH_FUNCTION_3_0(SR_ENTRY)};
CK_FUNCTION_LIST_3_2 list_3_2 = {{3, 2},
                                 SR_FOR_EACH_FUNCTION_2_40(SR_ENTRY)
                                     SR_FOR_EACH_FUNCTION_3_0(SR_ENTRY)
                                         SR_FOR_EACH_FUNCTION_3_2(SR_ENTRY)};

#undef SR_ENTRY

// The interface names of the structures are not const in C.
CK_UTF8CHAR standard_name[] = "PKCS 11";
CK_UTF8CHAR vendor_name[sizeof(kVendorInterfaceName)];

struct Interfaces {
  CK_INTERFACE list[4];
  Interfaces() {
    std::memcpy(vendor_name, kVendorInterfaceName, sizeof(vendor_name));
    // The first one of a name is the one given when no version is asked for.
    list[0] = {standard_name, &list_3_2, 0};
    list[1] = {standard_name, &list_3_0, 0};
    list[2] = {standard_name, &list_2_40, 0};
    list[3] = {vendor_name, vendor_list(), 0};
  }
};

CK_INTERFACE (&interfaces())[4] {
  static Interfaces all;
  return all.list;
}

}  // namespace

CK_FUNCTION_LIST_3_2* function_list() { return &list_3_2; }

}  // namespace strongroom::cryptoki

using strongroom::cryptoki::interfaces;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ppFunctionList) {
  if (!ppFunctionList) return CKR_ARGUMENTS_BAD;
  *ppFunctionList = &strongroom::cryptoki::list_2_40;
  return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount) {
  if (!pulCount) return CKR_ARGUMENTS_BAD;
  const CK_ULONG room = *pulCount;
  *pulCount = std::size(interfaces());
  if (!pInterfacesList) return CKR_OK;
  if (room < std::size(interfaces())) return CKR_BUFFER_TOO_SMALL;
  std::memcpy(pInterfacesList, interfaces(), sizeof(interfaces()));
  return CKR_OK;
}

CK_RV C_GetInterface(CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion,
                     CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags) {
  if (!ppInterface) return CKR_ARGUMENTS_BAD;
  for (CK_INTERFACE& each : interfaces()) {
    // Every list begins with its version.
    const auto* version = static_cast<const CK_VERSION*>(each.pFunctionList);
    const bool named =
        !pInterfaceName || std::strcmp(reinterpret_cast<const char*>(pInterfaceName),
                                       reinterpret_cast<const char*>(each.pInterfaceName)) == 0;
    const bool versioned =
        !pVersion || (pVersion->major == version->major && pVersion->minor == version->minor);
    if (named && versioned && (each.flags & flags) == flags) {
      *ppInterface = &each;
      return CKR_OK;
    }
  }
  return CKR_ARGUMENTS_BAD;
}
