// integrity.h: the pre-operational software integrity test (FIPS 140-3 7.10.2; ISO/IEC
// 19790 7.10.2.2).
#pragma once

#include <string>

#include "token/algorithms/algorithms.h"

namespace strongroom::self_test {

// The file this code was loaded from: shared library, addon or program, without symbolic links,
// since its digest lies beside it and not beside a link. Empty when it cannot be told.
std::string module_file();

// Two comparisons. The bytes of file against the HMAC-SHA-256 in digest_file (64 hexadecimal
// digits, made after linking by scripts/write-integrity.mjs); and the code and constants in memory,
// that is every segment that is not writable, against the same file. False also where a file is
// missing. The key is fixed and public: this finds damage and mix-ups, it does not stop who can
// write both files. corrupt flips one bit of the computed HMAC.
bool module_is_intact(const std::string& file, const std::string& digest_file, bool corrupt);

}  // namespace strongroom::self_test
