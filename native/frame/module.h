// module.h: a Cryptoki function list of any version, seen as the newest: what an older list lacks
// answers CKR_FUNCTION_NOT_SUPPORTED. With our own token the vendor interface stands beside it.
#pragma once

#include <cstring>

#include "cryptoki/vendor.h"

namespace strongroom::frame {

struct Module {
  CK_FUNCTION_LIST_3_2 list{};
  const SR_FUNCTION_LIST* vendor = nullptr;

  // The vendor interface, when it can initialise and work in one call (from its version 1.1).
  const SR_FUNCTION_LIST* single_calls() const { return vendor_from(1); }
  // The same, when it can seal key pairs and re-encrypt (from its version 1.2).
  const SR_FUNCTION_LIST* sealed_work() const { return vendor_from(2); }
  // The same, when it can bury what was wrapped (from its version 1.3).
  const SR_FUNCTION_LIST* burials() const { return vendor_from(3); }
  // The same, when it can wrap anew under another key (from its version 1.5).
  const SR_FUNCTION_LIST* rewraps() const { return vendor_from(5); }
  // The same, when it can be reset (from its version 1.6).
  const SR_FUNCTION_LIST* resets() const { return vendor_from(6); }

  // functions is a CK_FUNCTION_LIST, _3_0 or _3_2 as its version says; vendor may be null.
  explicit Module(const void* functions, const SR_FUNCTION_LIST* vendor_functions = nullptr)
      : vendor(vendor_functions) {
    CK_VERSION version;
    std::memcpy(&version, functions, sizeof version);
    const bool three = version.major > 2;
    const bool three_two = version.major > 3 || (version.major == 3 && version.minor >= 2);
    std::memcpy(static_cast<void*>(&list), functions,
                three_two ? sizeof(CK_FUNCTION_LIST_3_2)
                : three   ? sizeof(CK_FUNCTION_LIST_3_0)
                          : sizeof(CK_FUNCTION_LIST));
  }

 private:
  const SR_FUNCTION_LIST* vendor_from(CK_BYTE minor) const {
    return vendor != nullptr && (vendor->version.major > 1 || vendor->version.minor >= minor)
               ? vendor
               : nullptr;
  }
};

// Calls a function that may be missing.
template <class... Parameters, class... Arguments>
CK_RV invoke(CK_RV (*function)(Parameters...), Arguments... arguments) {
  return function != nullptr ? function(arguments...) : CKR_FUNCTION_NOT_SUPPORTED;
}

}  // namespace strongroom::frame
