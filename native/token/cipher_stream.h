// cipher_stream.h: one message that is encrypted or decrypted in parts (PKCS#11 v3.2, 5.8.3 and
// 5.10.3).
#pragma once

#include "token/secure_memory.h"

namespace strongroom::token {

class CipherStream {
 public:
  virtual ~CipherStream() = default;

  // Bytes that add will write for a part of this length.
  virtual std::size_t next_length(std::size_t part) const = 0;
  // out has room for them, and is the same place as the part or apart from it. Anything but CKR_OK
  // ends the operation.
  virtual CK_RV add(Bytes part, CK_BYTE* out) = 0;
  // The conventions of 5.2 for output and length: a length query and CKR_BUFFER_TOO_SMALL change
  // nothing.
  virtual CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) = 0;
};

}  // namespace strongroom::token
