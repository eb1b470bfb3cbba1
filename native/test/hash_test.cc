// The hashes and their HMACs against published vectors, OpenSSL, and at their limits.
#include <openssl/evp.h>

#include "test/public_key_support.h"

namespace strongroom {
namespace {

using algorithms::hash_length;
using algorithms::hmac;
using test::Buffer;
using test::Hash;
using test::hex;
using test::key_of;
using test::kHashes;
using test::pattern;
using test::text;

struct Vector {
  Buffer key, data;
  std::array<const char*, 5> macs;  // by Hash
};

// RFC 2202 section 3 (SHA-1) and RFC 4231 section 4, test cases 1, 2 and 6; SHA-1 has a longer key
// of 80 bytes there, so case 6 is without.
const std::vector<Vector> kVectors = {
    {Buffer(20, 0x0b),
     text("Hi There"),
     {"b617318655057264e28bc0b6fb378c8ef146be00",
      "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa"
      "9cb6",
      "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3"
      "f4e4be9d914eeb61f1702e696c203a126854"}},
    {text("Jefe"),
     text("what do ya want for nothing?"),
     {"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
      "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab2"
      "1649",
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0"
      "e6fdcaeab1a34d4a6b4b636e070a38bce737"}},
    {Buffer(131, 0xaa),
     text("Test Using Larger Than Block-Size Key - Hash Key First"),
     {nullptr, "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f4"
      "4952",
      "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a"
      "1e5295e64f73f63f0aec8b915a985d786598"}},
};

Buffer openssl_hmac(Hash hash, const Buffer& key, const Buffer& data) {
  Buffer mac(64);
  std::size_t length = 0;
  const Buffer some(1);  // a null key would mean none
  EXPECT_NE(EVP_Q_mac(nullptr, "HMAC", nullptr, test::openssl_name(hash), nullptr,
                      key.empty() ? some.data() : key.data(), key.size(), data.data(), data.size(),
                      mac.data(), mac.size(), &length),
            nullptr);
  mac.resize(length);
  return mac;
}

TEST(Hmac, GivesThePublishedResults) {
  for (const Vector& vector : kVectors)
    for (const Hash hash : kHashes) {
      const char* const expected = vector.macs[static_cast<std::size_t>(hash)];
      if (expected == nullptr) continue;
      Buffer mac(hash_length(hash));
      ASSERT_EQ(hmac(*key_of(vector.key), hash, vector.data, mac), CKR_OK);
      EXPECT_EQ(mac, hex(expected));
    }
}

// Keys below, at and above each block length; data around the padding's borders; one key with all
// hashes, so that its contexts stand side by side.
TEST(Hmac, OpenSslAgreesAtEveryBorder) {
  for (const std::size_t key_length : {1U, 63U, 64U, 65U, 127U, 128U, 129U, 300U}) {
    const Buffer value = pattern(key_length, 3);
    const auto key = key_of(value);
    for (const Hash hash : kHashes)
      for (const std::size_t length : {0U, 1U, 55U, 56U, 64U, 111U, 112U, 128U, 1000U}) {
        const Buffer data = pattern(length);
        Buffer mac(hash_length(hash));
        ASSERT_EQ(hmac(*key, hash, data, mac), CKR_OK);
        ASSERT_EQ(mac, openssl_hmac(hash, value, data));
      }
  }
}

TEST(Hmac, MayBeShortenedButNotLengthened) {
  const auto key = key_of(pattern(32));
  for (const Hash hash : kHashes) {
    Buffer whole(hash_length(hash)), longer(hash_length(hash) + 1);
    ASSERT_EQ(hmac(*key, hash, text("data"), whole), CKR_OK);
    for (std::size_t length = 1; length < whole.size(); ++length) {
      Buffer mac(length);
      ASSERT_EQ(hmac(*key, hash, text("data"), mac), CKR_OK);
      ASSERT_TRUE(std::equal(mac.begin(), mac.end(), whole.begin()));
    }
    EXPECT_EQ(hmac(*key, hash, text("data"), longer), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(hmac(*key, hash, text("data"), MutableBytes()), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(longer, Buffer(longer.size()));
  }
}

TEST(Digest, OpenSslAgrees) {
  for (const Hash hash : kHashes) {
    for (const std::size_t length : {0U, 1U, 111U, 112U, 4096U}) {
      Buffer digest(hash_length(hash));
      ASSERT_EQ(algorithms::digest(hash, pattern(length), digest), CKR_OK);
      EXPECT_EQ(digest, test::openssl_digest(test::openssl_name(hash), pattern(length)));
    }
    for (const std::size_t wrong : {hash_length(hash) - 1, hash_length(hash) + 1}) {
      Buffer digest(wrong);
      EXPECT_EQ(algorithms::digest(hash, {}, digest), CKR_ARGUMENTS_BAD);
    }
  }
}

}  // namespace
}  // namespace strongroom
