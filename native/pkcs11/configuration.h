// configuration.h: which device the programs of this user get, as docs/pkcs11.md describes it.
#pragma once

#include <string>

namespace strongroom::pkcs11 {

struct Configuration {
  std::string directory;  // absolute; holds flash/ and root/
  unsigned long slots = 1;
  unsigned long sessions_max = 0;             // per slot; 0: the token's own default
  unsigned long read_write_sessions_max = 0;  // of those; 0: all of them
  unsigned long session_idle_seconds = 0;     // 0: sessions live until they are closed
};

// read_configuration: environment, then the first configuration file there is, then defaults. Of
// the environment a set-user-id program believes nothing. False: cause says what is wrong and
// where.
bool read_configuration(Configuration* out, std::string* cause);

// make_directory makes the directory and what is missing above it, for its owner alone. False with
// errno.
bool make_directory(const std::string& path);

}  // namespace strongroom::pkcs11
