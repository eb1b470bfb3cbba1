// evp_support.h: owners of OpenSSL's objects, and its refusals as exceptions.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace strongroom::bench::evp {

inline void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("OpenSSL refused: ") + what);
}

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, Deleter<Free>>;

}  // namespace strongroom::bench::evp
