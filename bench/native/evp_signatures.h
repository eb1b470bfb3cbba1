// evp_signatures.h: the floor for signatures, by the rules of evp_loops.h. Mechanisms are PKCS#11's
// numbers: CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, and CKM_SHA256_RSA_PKCS_PSS with SHA-256 for
// MGF1, too, and a salt of 32 bytes. ECDSA signatures are r || s, as the token's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace strongroom::bench::evp {

// private_key: PKCS#8, DER. out: as long as a signature.
void sign(std::size_t count, std::uint64_t mechanism, Input private_key, Input data, Output out);

// public_key: SubjectPublicKeyInfo, DER. verdict: 1 byte, 1 for a good signature and 0 for a wrong
// one.
void verify(std::size_t count, std::uint64_t mechanism, Input public_key, Input data,
            Input signature, Output verdict);

}  // namespace strongroom::bench::evp
