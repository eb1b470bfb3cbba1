// evp.h: the same operations by OpenSSL's EVP with everything warm: contexts made and keyed once a
// thread.
#pragma once

#include "modules/work.h"

namespace strongroom::bench::evp {

inline constexpr std::size_t kGcmBytes = 1024;
inline constexpr std::size_t kIvBytes = 12;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kHmacBytes = 32;
inline constexpr std::size_t kDigestBytes = 32;

Operation gcm(const ByteString& key, const ByteString& iv, const ByteString& plaintext);
Operation hmac(const ByteString& key, const ByteString& data);
Subject ecdsa(const ByteString& digest);
Subject rsa(const ByteString& digest);

// Does the key in the DER SubjectPublicKeyInfo, made of what a module shows of its key, accept the
// signature?
bool ecdsa_verifies(const ByteString& point, const ByteString& digest, const ByteString& r_and_s);
bool rsa_verifies(const ByteString& modulus, const ByteString& exponent, const ByteString& digest,
                  const ByteString& signature);

}  // namespace strongroom::bench::evp
