// work.h: what is timed: one operation, made once for each thread that does it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "modules/module.h"

namespace strongroom::bench {

// Does the operation once and leaves its output, if it has one, in *output.
using Operation = std::function<void(ByteString* output)>;

struct Subject {
  std::string name;
  std::function<Operation()> make;  // called by each thread for itself
  // Is the output right? Null: outputs of all subjects are equal.
  std::function<bool(const ByteString&)> verify;
};

struct Work {
  std::string name;
  std::vector<Subject> subjects;
};

using Modules = std::vector<std::unique_ptr<Module>>;

// Over warm EVP and every module, with token keys.
Work gcm_work(const Modules& modules);    // AES-256-GCM, 1 KiB, encrypt
Work hmac_work(const Modules& modules);   // HMAC-SHA-256, 32 B
Work ecdsa_work(const Modules& modules);  // P-256, a 32-byte digest
Work rsa_work(const Modules& modules);    // RSA-2048, PKCS#1 v1.5, a SHA-256 digest

}  // namespace strongroom::bench
