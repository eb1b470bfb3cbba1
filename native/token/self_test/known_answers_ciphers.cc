// Known answers of the symmetric ciphers beside AES-GCM and AES-KWP.
#include <cstring>

#include "token/algorithms/unchecked.h"
#include "token/self_test/known_answer_support.h"
#include "token/self_test/known_answers.h"

namespace strongroom::self_test::known_answers {
namespace {

using algorithms::Aead;
using algorithms::Cipher;
using algorithms::Direction;
using algorithms::Key;
namespace unchecked = algorithms::unchecked;

std::shared_ptr<Key> key_of(Bytes bytes) { return Key::make(Secret(bytes)); }

// Both directions.
template <std::size_t N>
bool transforms(Cipher cipher, Bytes key_bytes, Bytes iv, const Array<N>& plaintext,
                const Array<N>& ciphertext, bool corrupt) {
  const auto key = key_of(key_bytes);
  Array<N> room{};
  if (key == nullptr ||
      unchecked::transform(*key, cipher, Direction::kEncrypt, iv, plaintext, room) != CKR_OK ||
      !matches(room, ciphertext, corrupt))
    return false;
  return unchecked::transform(*key, cipher, Direction::kDecrypt, iv, ciphertext, room) == CKR_OK &&
         room == plaintext;
}

// Both directions, and a tag that does not fit.
template <std::size_t N, std::size_t T>
bool seals(Aead aead, Bytes key_bytes, Bytes iv, Bytes aad, Bytes plaintext,
           const Array<N>& ciphertext, const Array<T>& tag, bool corrupt) {
  const auto key = key_of(key_bytes);
  Array<N> room{};
  Array<T> made{};
  if (key == nullptr || unchecked::seal(aead, *key, iv, aad, plaintext, room, made) != CKR_OK ||
      made != tag || !matches(room, ciphertext, corrupt) ||
      unchecked::open(aead, *key, iv, aad, ciphertext, tag, room) != CKR_OK ||
      std::memcmp(room.data(), plaintext.data(), N) != 0)
    return false;
  made[0] ^= 1;
  return unchecked::open(aead, *key, iv, aad, ciphertext, made, room) == CKR_ENCRYPTED_DATA_INVALID;
}

constexpr auto kSp800Key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
constexpr auto kSp800Plaintext =
    hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");

}  // namespace

bool aes_ecb(bool corrupt) {
  static constexpr auto kKey =
      hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  return transforms(Cipher::kAesEcb, kKey, {}, hex("00112233445566778899aabbccddeeff"),
                    hex("8ea2b7ca516745bfeafc49904b496089"), corrupt);
}

bool aes_cbc(bool corrupt) {
  return transforms(
      Cipher::kAesCbc, kSp800Key, hex("000102030405060708090a0b0c0d0e0f"), kSp800Plaintext,
      hex("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"), corrupt);
}

bool aes_ctr(bool corrupt) {
  return transforms(
      Cipher::kAesCtr, kSp800Key, hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), kSp800Plaintext,
      hex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"), corrupt);
}

bool aes_ccm(bool corrupt) {
  static constexpr auto kKey = hex("404142434445464748494a4b4c4d4e4f");
  return seals(Aead::kAesCcm, kKey, hex("1011121314151617"),
               hex("000102030405060708090a0b0c0d0e0f"), hex("202122232425262728292a2b2c2d2e2f"),
               hex("d2a1f0e051ea5f62081a7792073d593d"), hex("1fc64fbfaccd"), corrupt);
}

bool aes_cmac(bool corrupt) {
  static constexpr auto kKey = hex("2b7e151628aed2a6abf7158809cf4f3c");
  // 40 bytes: the last block is padded.
  static constexpr auto kMessage =
      hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411");
  static constexpr auto kMac = hex("dfa66747de9ae63030ca32611497c827");
  // 16 bytes: it is not.
  static constexpr auto kShortMac = hex("070a16b46b4d4144f79bdd9dd04a287c");
  const auto key = key_of(kKey);
  Array<kMac.size()> mac{};
  Array<kShortMac.size()> short_mac{};
  return key != nullptr && unchecked::aes_cmac(*key, kMessage, mac) == CKR_OK &&
         unchecked::aes_cmac(*key, Bytes(kMessage).first(16), short_mac) == CKR_OK &&
         short_mac == kShortMac && matches(mac, kMac, corrupt);
}

bool aes_kw(bool corrupt) {
  static constexpr auto kKey =
      hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  static constexpr auto kIv = hex("a6a6a6a6a6a6a6a6");
  static constexpr auto kInput =
      hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  static constexpr auto kWrapped =
      hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  const auto key = key_of(kKey);
  Array<kWrapped.size()> wrapped{};
  Array<kInput.size()> input{};
  if (key == nullptr || unchecked::aes_kw_wrap(*key, kIv, kInput, wrapped) != CKR_OK ||
      !matches(wrapped, kWrapped, corrupt) ||
      unchecked::aes_kw_unwrap(*key, kIv, kWrapped, input) != CKR_OK || input != kInput)
    return false;
  wrapped[0] ^= 1;
  return unchecked::aes_kw_unwrap(*key, kIv, wrapped, input) == CKR_WRAPPED_KEY_INVALID;
}

bool chacha20_poly1305(bool corrupt) {
  static constexpr auto kKey =
      hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  static constexpr std::string_view kPlaintext =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  return seals(
      Aead::kChaCha20Poly1305, kKey, hex("070000004041424344454647"),
      hex("50515253c0c1c2c3c4c5c6c7"), text(kPlaintext),
      hex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69"
          "da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad67594"
          "5585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"),
      hex("1ae10b594f09e26a7e902ecbd0600691"), corrupt);
}

}  // namespace strongroom::self_test::known_answers
