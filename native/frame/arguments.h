// arguments.h: templates and mechanisms out of a request, as the structures of the standard. They
// hold what the pointers point to; templates wipe it, since it may be a key's value.
#pragma once

#include <memory>
#include <vector>

#include "cryptoki/vendor.h"
#include "frame/codec.h"

namespace strongroom::frame {

// Attributes whose value is itself a template.
constexpr bool is_template_attribute(CK_ATTRIBUTE_TYPE type) {
  return type == CKA_WRAP_TEMPLATE || type == CKA_UNWRAP_TEMPLATE || type == CKA_DERIVE_TEMPLATE;
}

class Template {
 public:
  Template() = default;
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;
  ~Template() { wipe(storage_.data(), storage_.size() * sizeof(std::uint64_t)); }

  // Reads an attribute list; the reader has failed when it is malformed.
  void read(Reader& in) { read(in, 0); }
  CK_ATTRIBUTE* data() { return attributes_.empty() ? nullptr : attributes_.data(); }
  CK_ULONG count() const { return attributes_.size(); }
  const CK_ATTRIBUTE* find(CK_ATTRIBUTE_TYPE type) const;

 private:
  static constexpr unsigned kDepthMax = 2;
  void read(Reader& in, unsigned depth);

  std::vector<CK_ATTRIBUTE> attributes_;
  std::vector<std::uint64_t> storage_;  // values, each 8-aligned
  std::vector<std::unique_ptr<Template>> nested_;
};

// Which of a mechanism's parameter types a command uses.
enum class Form { kSingle, kMessageEncrypt, kMessageDecrypt, kWrap };

class Mechanism {
 public:
  static constexpr std::size_t kIvBytesMax = 256;
  static constexpr std::size_t kTagBytesMax = 16;

  Mechanism() = default;
  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;

  // Reads a mechanism field. The reader has failed when it is malformed;
  // CKR_MECHANISM_PARAM_INVALID for a parameter that no module could take.
  CK_RV read(Reader& in, Form form);
  CK_MECHANISM* get() { return &mechanism_; }
  // The parameter alone, as message calls take it.
  void* parameter() { return mechanism_.pParameter; }
  CK_ULONG parameter_length() const { return mechanism_.ulParameterLen; }
  // What the module writes into the parameter: IV or nonce, and the tag of a message.
  Bytes iv() const { return {iv_, iv_length_}; }
  Bytes tag() const { return {tag_, tag_length_}; }

 private:
  CK_RV read_gcm(Reader& in, Form form);
  CK_RV read_seal(Reader& in, Form form);
  CK_RV read_ctr(Reader& in);
  CK_RV read_ccm(Reader& in, Form form);
  CK_RV read_chacha20(Reader& in);
  CK_RV read_chacha20_poly1305(Reader& in, Form form);
  CK_RV read_kdf(Reader& in);
  void read_pss(Reader& in);
  void read_oaep(Reader& in);
  void read_rsa_aes_key_wrap(Reader& in);
  bool take_iv(Bytes value);
  bool take_tag(Bytes value, std::size_t length);
  template <class T>
  void set(T& parameter) {
    mechanism_.pParameter = &parameter;
    mechanism_.ulParameterLen = sizeof parameter;
  }

  struct Kdf {
    CK_SP800_108_KDF_PARAMS parameters{};
    std::vector<CK_PRF_DATA_PARAM> fields;
    std::vector<CK_SP800_108_COUNTER_FORMAT> counters;
    std::vector<CK_SP800_108_DKM_LENGTH_FORMAT> lengths;
  };

  struct RsaParameters {
    CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes_key_wrap_;
    CK_RSA_PKCS_OAEP_PARAMS oaep_;
  };

  CK_MECHANISM mechanism_{};
  union {
    CK_GCM_PARAMS single_;
    CK_GCM_MESSAGE_PARAMS message_;
    SR_GCM_WRAP_PARAMS wrap_;
    SR_SEAL_PARAMS seal_;
    CK_AES_CTR_PARAMS ctr_;
    CK_CCM_PARAMS ccm_;
    CK_CCM_MESSAGE_PARAMS ccm_message_;
    CK_CHACHA20_PARAMS chacha20_;
    CK_SALSA20_CHACHA20_POLY1305_PARAMS poly1305_;
    CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS poly1305_message_;
    CK_RSA_PKCS_PSS_PARAMS pss_;
    RsaParameters rsa_;
    std::uint64_t opaque_[2];  // aligned for whatever it is
  };
  std::unique_ptr<Kdf> kdf_;
  // The module may write and read these again, so they are ours and not in memory that others can
  // write to.
  std::uint8_t iv_[kIvBytesMax];
  std::uint8_t tag_[kTagBytesMax];
  std::size_t iv_length_ = 0;
  std::size_t tag_length_ = 0;
};

}  // namespace strongroom::frame
