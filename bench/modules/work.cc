#include "modules/work.h"

#include "modules/evp.h"

namespace strongroom::bench {
namespace {

ByteString pattern(std::size_t length, unsigned first) {
  ByteString bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(first + 7 * i);
  return bytes;
}

// A secret key of the token with a value that every subject knows.
CK_OBJECT_HANDLE secret_key(const Module& module, CK_SESSION_HANDLE session, CK_KEY_TYPE type,
                            CK_ATTRIBUTE_TYPE usage, const ByteString& value) {
  return module.create(session, Template()
                                    .number(CKA_CLASS, CKO_SECRET_KEY)
                                    .number(CKA_KEY_TYPE, type)
                                    .flag(CKA_TOKEN, true)
                                    .flag(CKA_PRIVATE, true)
                                    .flag(CKA_SENSITIVE, true)
                                    .flag(usage, true)
                                    .bytes(CKA_VALUE, value));
}

struct Pair {
  CK_OBJECT_HANDLE public_key = 0;
  CK_OBJECT_HANDLE private_key = 0;
};

Pair key_pair(const Module& module, CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type,
              Template parameters) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  std::vector<CK_ATTRIBUTE> shown =
      parameters.flag(CKA_TOKEN, true).flag(CKA_VERIFY, true).attributes();
  Template hidden;
  hidden.flag(CKA_TOKEN, true)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_SIGN, true);
  std::vector<CK_ATTRIBUTE> secret = hidden.attributes();
  Pair pair;
  module.check(
      module->C_GenerateKeyPair(session, &mechanism, shown.data(), shown.size(), secret.data(),
                                secret.size(), &pair.public_key, &pair.private_key),
      "C_GenerateKeyPair");
  return pair;
}

Operation signing(const Module& module, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type,
                  const ByteString& data, std::size_t longest) {
  const CK_SESSION_HANDLE session = module.open_session();
  return [&module, session, key, type, data, longest](ByteString* output) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    module.check(module->C_SignInit(session, &mechanism, key), "C_SignInit");
    output->resize(longest);
    CK_ULONG length = output->size();
    module.check(module->C_Sign(session, const_cast<CK_BYTE_PTR>(data.data()), data.size(),
                                output->data(), &length),
                 "C_Sign");
    output->resize(length);
  };
}

Operation encrypting(const Module& module, CK_OBJECT_HANDLE key, const ByteString& iv,
                     const ByteString& plaintext) {
  const CK_SESSION_HANDLE session = module.open_session();
  return [&module, session, key, iv, plaintext](ByteString* output) {
    CK_GCM_PARAMS parameters{const_cast<CK_BYTE_PTR>(iv.data()),
                             iv.size(),
                             8 * iv.size(),
                             nullptr,
                             0,
                             8 * evp::kTagBytes};
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
    module.check(module->C_EncryptInit(session, &mechanism, key), "C_EncryptInit");
    output->resize(plaintext.size() + evp::kTagBytes);
    CK_ULONG length = output->size();
    module.check(module->C_Encrypt(session, const_cast<CK_BYTE_PTR>(plaintext.data()),
                                   plaintext.size(), output->data(), &length),
                 "C_Encrypt");
    output->resize(length);
  };
}

// DigestInfo of a SHA-256 digest (RFC 8017, section 9.2, note 1).
ByteString digest_info(const ByteString& digest) {
  ByteString info{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                  0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  info.insert(info.end(), digest.begin(), digest.end());
  return info;
}

}  // namespace

Work gcm_work(const Modules& modules) {
  const ByteString key = pattern(32, 1);
  const ByteString iv = pattern(evp::kIvBytes, 2);
  const ByteString plaintext = pattern(evp::kGcmBytes, 3);
  Work work{"AES-256-GCM encrypt 1 KiB", {}};
  work.subjects.push_back({"EVP", [=] { return evp::gcm(key, iv, plaintext); }, nullptr});
  for (const auto& module : modules) {
    const Module& it = *module;
    const CK_OBJECT_HANDLE handle = secret_key(it, it.open_session(), CKK_AES, CKA_ENCRYPT, key);
    work.subjects.push_back(
        {it.name(), [&it, handle, iv, plaintext] { return encrypting(it, handle, iv, plaintext); },
         nullptr});
  }
  return work;
}

Work hmac_work(const Modules& modules) {
  const ByteString key = pattern(32, 4);
  const ByteString data = pattern(evp::kHmacBytes, 5);
  Work work{"HMAC-SHA-256 32 B", {}};
  work.subjects.push_back({"EVP", [=] { return evp::hmac(key, data); }, nullptr});
  for (const auto& module : modules) {
    const Module& it = *module;
    const CK_OBJECT_HANDLE handle =
        secret_key(it, it.open_session(), CKK_GENERIC_SECRET, CKA_SIGN, key);
    work.subjects.push_back({it.name(),
                             [&it, handle, data] {
                               return signing(it, handle, CKM_SHA256_HMAC, data, evp::kDigestBytes);
                             },
                             nullptr});
  }
  return work;
}

Work ecdsa_work(const Modules& modules) {
  const ByteString digest = pattern(evp::kDigestBytes, 6);
  Work work{"ECDSA P-256 sign", {}};
  work.subjects.push_back(evp::ecdsa(digest));
  for (const auto& module : modules) {
    const Module& it = *module;
    const CK_SESSION_HANDLE session = it.open_session();
    // prime256v1, as an object identifier (RFC 5480, section 2.1.1.1).
    const Pair pair = key_pair(it, session, CKM_EC_KEY_PAIR_GEN,
                               Template().bytes(CKA_EC_PARAMS, {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
                                                                0x3d, 0x03, 0x01, 0x07}));
    const ByteString point = it.attribute(session, pair.public_key, CKA_EC_POINT);
    work.subjects.push_back(
        {it.name(),
         [&it, pair, digest] { return signing(it, pair.private_key, CKM_ECDSA, digest, 64); },
         [point, digest](const ByteString& signature) {
           return evp::ecdsa_verifies(point, digest, signature);
         }});
  }
  return work;
}

Work rsa_work(const Modules& modules) {
  const ByteString digest = pattern(evp::kDigestBytes, 8);
  Work work{"RSA-2048 PKCS#1 sign", {}};
  work.subjects.push_back(evp::rsa(digest));
  for (const auto& module : modules) {
    const Module& it = *module;
    const CK_SESSION_HANDLE session = it.open_session();
    const Pair pair =
        key_pair(it, session, CKM_RSA_PKCS_KEY_PAIR_GEN,
                 Template().number(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, {1, 0, 1}));
    const ByteString modulus = it.attribute(session, pair.public_key, CKA_MODULUS);
    const ByteString exponent = it.attribute(session, pair.public_key, CKA_PUBLIC_EXPONENT);
    work.subjects.push_back({it.name(),
                             [&it, pair, digest] {
                               return signing(it, pair.private_key, CKM_RSA_PKCS,
                                              digest_info(digest), 256);
                             },
                             [=](const ByteString& signature) {
                               return evp::rsa_verifies(modulus, exponent, digest, signature);
                             }});
  }
  return work;
}

}  // namespace strongroom::bench
