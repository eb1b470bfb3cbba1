#include "token/self_test/known_answers.h"

#include <array>
#include <cstring>
#include <string_view>

#include "token/algorithms/unchecked.h"
#include "token/drbg/ctr_drbg.h"
#include "token/self_test/known_answer_support.h"

namespace strongroom::self_test::known_answers {
namespace {

using algorithms::KdfField;
using algorithms::Key;
namespace unchecked = algorithms::unchecked;

std::shared_ptr<Key> key_of(Bytes bytes) { return Key::make(Secret(bytes)); }

}  // namespace

bool aes_gcm(bool corrupt) {
  static constexpr auto kKey =
      hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  static constexpr auto kIv = hex("cafebabefacedbaddecaf888");
  static constexpr auto kAad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  static constexpr auto kPlaintext =
      hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c"
          "0c9595680953"
          "2fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  static constexpr auto kCiphertext =
      hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb0"
          "8e48590dbb3d"
          "a7b08b1056828838c5f61e6393ba7a0abcc9f662");
  static constexpr auto kTag = hex("76fc6ece0f4e1768cddf8853bb2d551b");

  const auto key = key_of(kKey);
  Array<kCiphertext.size()> ciphertext{};
  Array<kTag.size()> tag{};
  if (key == nullptr ||
      unchecked::aes_gcm_seal(*key, kIv, kAad, kPlaintext, ciphertext, tag) != CKR_OK ||
      tag != kTag || !matches(ciphertext, kCiphertext, corrupt))
    return false;
  Array<kPlaintext.size()> plaintext{};
  if (unchecked::aes_gcm_open(*key, kIv, kAad, kCiphertext, kTag, plaintext) != CKR_OK ||
      plaintext != kPlaintext)
    return false;
  tag[0] ^= 1;
  return unchecked::aes_gcm_open(*key, kIv, kAad, kCiphertext, tag, plaintext) ==
         CKR_ENCRYPTED_DATA_INVALID;
}

bool aes_kwp(bool corrupt) {
  static constexpr auto kKey = hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
  static constexpr auto kInput = hex("c37b7e6492584340bed12207808941155068f738");
  static constexpr auto kWrapped =
      hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a");
  static constexpr auto kShortInput =
      hex("466f7250617369");  // fits one block: another branch of the algorithm
  static constexpr auto kShortWrapped = hex("afbeb0f07dfbf5419200f2ccb50bb24f");

  const auto key = key_of(kKey);
  Array<kWrapped.size()> wrapped{};
  Array<kShortWrapped.size()> short_wrapped{};
  if (key == nullptr || unchecked::aes_kwp_wrap(*key, kInput, wrapped) != CKR_OK ||
      unchecked::aes_kwp_wrap(*key, kShortInput, short_wrapped) != CKR_OK ||
      short_wrapped != kShortWrapped || !matches(wrapped, kWrapped, corrupt))
    return false;
  Array<kInput.size()> input{};
  std::size_t length = 0;
  if (unchecked::aes_kwp_unwrap(*key, kWrapped, input, &length) != CKR_OK ||
      length != kInput.size() || input != kInput)
    return false;
  wrapped[0] ^= 1;
  return unchecked::aes_kwp_unwrap(*key, wrapped, input, &length) == CKR_WRAPPED_KEY_INVALID;
}

bool hmac_sha256(bool corrupt) {
  static constexpr auto kMac =
      hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const auto key = key_of(text("Jefe"));
  Array<kMac.size()> mac{};
  return key != nullptr &&
         unchecked::hmac_sha256(*key, {text("what do ya want "), text("for nothing?")}, mac) ==
             CKR_OK &&
         matches(mac, kMac, corrupt);
}

namespace {

// The other hashes, with the same test case.
template <std::size_t N>
bool hmac(algorithms::Hash hash, const Array<N>& published, bool corrupt) {
  const auto key = key_of(text("Jefe"));
  Array<N> mac{};
  return key != nullptr &&
         unchecked::hmac(*key, hash, text("what do ya want for nothing?"), mac) == CKR_OK &&
         matches(mac, published, corrupt);
}

}  // namespace

bool hmac_sha1(bool corrupt) {
  static constexpr auto kMac = hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  return hmac(algorithms::Hash::kSha1, kMac, corrupt);
}

bool hmac_sha224(bool corrupt) {
  static constexpr auto kMac = hex("a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44");
  return hmac(algorithms::Hash::kSha224, kMac, corrupt);
}

bool hmac_sha384(bool corrupt) {
  static constexpr auto kMac =
      hex("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a"
          "01b47e42ec3736322445e8e2240ca5e69e2c7"
          "8b3239ecfab21649");
  return hmac(algorithms::Hash::kSha384, kMac, corrupt);
}

bool hmac_sha512(bool corrupt) {
  static constexpr auto kMac =
      hex("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758"
          "bf75c05a994a"
          "6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  return hmac(algorithms::Hash::kSha512, kMac, corrupt);
}

bool sp800_108(bool corrupt) {
  static constexpr auto kKey =
      hex("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0");
  static constexpr auto kFixed =
      hex("01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a1"
          "45fab25e517b"
          "08f8683d0315bb2911d80a0e8aba17f3b413faac");
  static constexpr auto kOut = hex("10621342bfb0fd40046c0e29f2cfdbf0");
  const std::array<KdfField, 2> fields = {{
      {KdfField::Kind::kCounter, false, 32, {}},
      {KdfField::Kind::kBytes, false, 0, kFixed},
  }};
  const auto key = key_of(kKey);
  Array<kOut.size()> out{};
  return key != nullptr && unchecked::sp800_108_counter(*key, fields, out) == CKR_OK &&
         matches(out, kOut, corrupt);
}

bool derive_seal(bool corrupt) {
  // No one else publishes this construction; computed from its description with Node's crypto
  // module.
  static constexpr auto kKey =
      hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  static constexpr auto kRandom =
      hex("202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f");
  static constexpr std::string_view kAad = "additional data";
  static constexpr std::string_view kPlaintext = "Strongroom seals each message under its own key.";
  static constexpr auto kNonce = hex("69a63252936c2e2e08d93eb10471d76f02a203721bd27f4a06fe3152");
  static constexpr auto kCiphertext =
      hex("cd43d723a5a1d73d34b74e47d1e36f0cf972dfcd812117d5145b7e9ee4dc904f0be0"
          "c362352c186f"
          "8e6b4f83f9f4fbaa");
  static constexpr auto kTag = hex("79375283a5f85d8294da2f5bac2c023b");

  const auto key = key_of(kKey);
  Array<kNonce.size()> nonce{};
  Array<kCiphertext.size()> ciphertext{};
  Array<kTag.size()> tag{};
  if (key == nullptr ||
      unchecked::derive_seal(*key, kRandom, text(kAad), text(kPlaintext), nonce, ciphertext, tag) !=
          CKR_OK ||
      nonce != kNonce || tag != kTag || !matches(ciphertext, kCiphertext, corrupt))
    return false;
  Array<kPlaintext.size()> plaintext{};
  if (unchecked::derive_open(*key, kNonce, text(kAad), kCiphertext, kTag, plaintext) != CKR_OK ||
      std::memcmp(plaintext.data(), kPlaintext.data(), plaintext.size()) != 0)
    return false;
  nonce[0] ^= 1;
  return unchecked::derive_open(*key, nonce, text(kAad), kCiphertext, kTag, plaintext) ==
         CKR_ENCRYPTED_DATA_INVALID;
}

bool ctr_drbg(bool corrupt) {
  static constexpr auto kEntropy =
      hex("e2f75cf553035b3cb4d21e567ca5c203623d4a4b5885326f63ea61a020a4984e");
  static constexpr auto kNonce = hex("a666ee4b26dae5897fc5e85c643fc630");
  static constexpr auto kPersonalization =
      hex("19275bbd7a0109d8179334c55337bc0a3f5ac48cb8c4959c888c0b65f7ac9a84");
  static constexpr auto kEntropyReseed =
      hex("f6672d022226b05db5d3c59c0da5b20a1be05ecabbd1744483ca4ce5571d93f4");
  static constexpr auto kAdditionalReseed =
      hex("8c8f940af45aec864c8aa8be60b100f82bb9670c7e2a392a4ab6f4b20eefbbaa");
  static constexpr auto kAdditional1 =
      hex("26b5f0dadc891e0b1b78878e7ae75aee843376c0968c54c12759c18def21d363");
  static constexpr auto kAdditional2 =
      hex("ff6791f4d4b29996b0399d95a14a28b8e2e20787531d916e7ed2ec040bbd7c84");
  static constexpr auto kReturned =
      hex("eb8f289bb05be84084840c3d2c9deea0245487a98d7e1a4017b860e48635213d622a"
          "4a4eae91efdd"
          "5342ade94093f199c16deb1e58d0088b9b4a0f24a5d15775");
  Array<kReturned.size()> returned{};
  return drbg::replay({kEntropy, kNonce, kPersonalization, kEntropyReseed, kAdditionalReseed,
                       kAdditional1, kAdditional2},
                      returned) &&
         matches(returned, kReturned, corrupt);
}

bool sha256(bool corrupt) {
  static constexpr auto kDigest =
      hex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Array<kDigest.size()> digest{};
  return unchecked::sha256(text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                           digest) == CKR_OK &&
         matches(digest, kDigest, corrupt);
}

bool pbkdf2(bool corrupt) {
  static constexpr auto kOut =
      hex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca"
          "9cccf179b645"
          "991664b39d77ef317c71b845b1e30bd509112041d3a19783");
  Array<kOut.size()> out{};
  return unchecked::pbkdf2_hmac_sha256(text("passwd"), text("salt"), 1, out) == CKR_OK &&
         matches(out, kOut, corrupt);
}

}  // namespace strongroom::self_test::known_answers
