// aead_messages.h: one message of authenticated encryption with IV and tag beside the data, as the
// message functions (5.9, 5.11) and authenticated wrapping (5.18.7) have it.
#pragma once

#include "token/operations/common.h"

namespace strongroom::token::operations {

// The standard's parameter of one message, as the algorithms take it. Views of the caller's bytes.
struct AeadMessage {
  MutableBytes iv;
  CK_ULONG fixed_bits = 0;  // of the IV, from its left: what the token leaves as it is
  CK_GENERATOR_FUNCTION generator = CKG_NO_GENERATE;
  MutableBytes tag;
  std::optional<CK_ULONG> length{};  // CCM: of the plaintext, in bytes

  bool length_named(std::size_t plaintext) const { return !length || *length == plaintext; }
};

// Is this a mechanism with such messages?
bool has_aead_messages(const MechanismRow& row);
algorithms::Aead aead_of(const MechanismRow& row);

// CK_GCM_MESSAGE_PARAMS, CK_CCM_MESSAGE_PARAMS or CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, copied.
// CKR_MECHANISM_PARAM_INVALID.
CK_RV read_aead_message(const MechanismRow& row, const void* parameter, CK_ULONG length,
                        AeadMessage* out);

// The IV of the next message to be encrypted, made or taken as the parameter asks. Not written to
// the caller yet. CKR_MECHANISM_PARAM_INVALID, CKR_KEY_EXHAUSTED.
struct MadeIv {
  std::array<std::uint8_t, 256> room;
  std::size_t length = 0;

  Bytes bytes() const { return Bytes(room).first(length); }
};
CK_RV make_iv(const Object& key, const AeadMessage& message, MadeIv* out);

// make_iv and encryption; the caller gets IV and tag with CKR_OK.
CK_RV seal_message(const MechanismRow& row, const Object& key, const AeadMessage& message,
                   Bytes aad, Bytes plaintext, MutableBytes ciphertext);

}  // namespace strongroom::token::operations
