// ECDSA: published signatures, OpenSSL as the other party, and every kind of wrong signature.
#include <algorithm>
#include <set>

#include "test/public_key_support.h"
#include "token/no_wait.h"

namespace strongroom {
namespace {

using algorithms::ecdsa_sign;
using algorithms::ecdsa_verify;
using algorithms::field_length;
using test::Buffer;
using test::Curve;
using test::ec_key;
using test::Hash;
using test::hex;
using test::kCurves;
using test::kHashes;
using test::pattern;
using test::text;

struct Vector {
  Curve curve;
  const char* point;
  Hash hash;
  const char* message;
  const char* signature;
};

constexpr char kP256Point[] =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628"
    "bc64f2f1b20c2d7e9f5177a3c294d4462299";

// RFC 6979 A.2.5 to A.2.7, and the secp256k1 signature by key 1 that wallets compare themselves
// with.
const std::array<Vector, 8> kVectors = {{
    {Curve::kP256, kP256Point, Hash::kSha1, "sample",
     "61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32"
     "6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb"},
    {Curve::kP256, kP256Point, Hash::kSha224, "sample",
     "53b2fff5d1752b2c689df257c04c40a587fababb3f6fc2702f1343af7ca9aa3f"
     "b9afb64fdc03dc1a131c7d2386d11e349f070aa432a4acc918bea988bf75c74c"},
    {Curve::kP256, kP256Point, Hash::kSha256, "sample",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {Curve::kP256, kP256Point, Hash::kSha384, "sample",
     "0eafea039b20e9b42309fb1d89e213057cbf973dc0cfc8f129edddc800ef7719"
     "4861f0491e6998b9455193e34e7b0d284ddd7149a74b95b9261f13abde940954"},
    {Curve::kP256, kP256Point, Hash::kSha512, "sample",
     "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00"
     "2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe"},
    {Curve::kP384,
     "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a25451548"
     "0bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd25"
     "33264720",
     Hash::kSha384, "sample",
     "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fab"
     "e4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38"
     "628ac8"},
    {Curve::kP521,
     "0401894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20"
     "fb633155d38ffa16d2bd761dcac474b9a2f5023a400493101c962cd4d2fddf782285e64584139c2f91b47f87ff823"
     "54d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5",
     Hash::kSha512, "sample",
     "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152"
     "b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca2094173"
     "08281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a"},
    {Curve::kSecp256k1,
     "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1"
     "108a8fd17b448a68554199c47d08ffb10d4b8",
     Hash::kSha256, "Satoshi Nakamoto",
     "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
     "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"},
}};

std::shared_ptr<test::PublicKey> key_at(Curve curve, const Buffer& point) {
  std::shared_ptr<test::PublicKey> key;
  EXPECT_EQ(algorithms::make_ec_public_key(curve, point, &key), CKR_OK);
  return key;
}

TEST(Ecdsa, AcceptsThePublishedSignatures) {
  for (const Vector& vector : kVectors) {
    const auto key = key_at(vector.curve, hex(vector.point));
    const Buffer message = text(vector.message), signature = hex(vector.signature);
    EXPECT_EQ(ecdsa_verify(*key, vector.hash, message, signature), CKR_OK) << vector.signature;
    Buffer digest(algorithms::hash_length(vector.hash));
    ASSERT_EQ(algorithms::digest(vector.hash, message, digest), CKR_OK);
    EXPECT_EQ(ecdsa_verify(*key, digest, signature), CKR_OK);
    EXPECT_EQ(ecdsa_verify(*key, vector.hash, text("Sample"), signature), CKR_SIGNATURE_INVALID);
  }
}

TEST(Ecdsa, OpenSslAgreesInBothDirections) {
  const Buffer message = pattern(200);
  for (const Curve curve : kCurves) {
    const auto key = ec_key(curve);
    const auto theirs = test::openssl_key(*key);
    ASSERT_NE(theirs, nullptr);
    for (const Hash hash : kHashes) {
      const char* const name = test::openssl_name(hash);
      Buffer signature(2 * field_length(curve));
      ASSERT_EQ(ecdsa_sign(*key, hash, message, signature), CKR_OK);
      EXPECT_TRUE(test::openssl_verify(theirs.get(), name, {}, message, test::to_der(signature)));
      const Buffer made = test::openssl_sign(theirs.get(), name, {}, message);
      EXPECT_EQ(ecdsa_verify(*key->public_key(), hash, message,
                             test::to_fixed(made, field_length(curve))),
                CKR_OK);
    }
  }
}

// A digest as it is, without a hash of ours: what is longer than the order loses its last bits.
TEST(Ecdsa, TakesDigestsOfAnyLengthAsOpenSslDoes) {
  for (const Curve curve : kCurves) {
    const auto key = ec_key(curve);
    const auto theirs = test::openssl_key(*key);
    for (const std::size_t length : {1U, 19U, 20U, 31U, 32U, 33U, 48U, 64U}) {
      const Buffer digest = pattern(length, 5);
      Buffer signature(2 * field_length(curve));
      ASSERT_EQ(ecdsa_sign(*key, digest, signature), CKR_OK);
      EXPECT_EQ(ecdsa_verify(*key->public_key(), digest, signature), CKR_OK);
      const test::OpenSslContext context(EVP_PKEY_CTX_new(theirs.get(), nullptr));
      ASSERT_EQ(EVP_PKEY_verify_init(context.get()), 1);
      const Buffer der = test::to_der(signature);
      EXPECT_EQ(
          EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()), 1)
          << length;
    }
    Buffer signature(2 * field_length(curve));
    EXPECT_EQ(ecdsa_sign(*key, Bytes(), signature), CKR_DATA_LEN_RANGE);
    EXPECT_EQ(ecdsa_sign(*key, pattern(65), signature), CKR_DATA_LEN_RANGE);
    EXPECT_EQ(ecdsa_verify(*key->public_key(), Bytes(), signature), CKR_DATA_LEN_RANGE);
    EXPECT_EQ(ecdsa_verify(*key->public_key(), pattern(65), signature), CKR_DATA_LEN_RANGE);
  }
}

TEST(Ecdsa, FindsEveryFlippedBit) {
  for (const Curve curve : kCurves) {
    const auto key = ec_key(curve);
    Buffer digest = pattern(32), signature(2 * field_length(curve));
    ASSERT_EQ(ecdsa_sign(*key, digest, signature), CKR_OK);
    const std::size_t step = algorithms::is_slow(*key) ? 37 : 1;
    for (Buffer* part : {&digest, &signature})
      for (std::size_t bit = 0; bit < part->size() * 8; bit += step) {
        const auto flip = static_cast<std::uint8_t>(1U << bit % 8);
        (*part)[bit / 8] ^= flip;
        ASSERT_EQ(ecdsa_verify(*key->public_key(), digest, signature), CKR_SIGNATURE_INVALID)
            << bit;
        (*part)[bit / 8] ^= flip;
      }
    EXPECT_EQ(ecdsa_verify(*key->public_key(), digest, signature), CKR_OK);
  }
}

TEST(Ecdsa, RefusesNumbersOutOfRangeAndOtherLengths) {
  constexpr std::array kOrders = {
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
      "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc5"
      "29"
      "73",
      "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148"
      "f7"
      "09a5d03bb5c9b8899c47aebb6fb71e91386409",
      "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"};
  const Buffer digest = pattern(32);
  for (const Curve curve : kCurves) {
    const auto key = ec_key(curve);
    test::PublicKey& public_key = *key->public_key();
    const std::size_t half = field_length(curve);
    Buffer good(2 * half);
    ASSERT_EQ(ecdsa_sign(*key, digest, good), CKR_OK);
    const Buffer zero(half), order = hex(kOrders[static_cast<std::size_t>(curve)]);
    const Buffer highest(half, 0xff);
    ASSERT_EQ(order.size(), half);
    for (const Buffer& wrong : {zero, order, highest})
      for (const std::size_t at : {std::size_t{0}, half}) {
        Buffer signature = good;
        std::ranges::copy(wrong, signature.begin() + static_cast<std::ptrdiff_t>(at));
        EXPECT_EQ(ecdsa_verify(public_key, digest, signature), CKR_SIGNATURE_INVALID);
      }
    EXPECT_EQ(ecdsa_verify(public_key, digest, Buffer(2 * half)), CKR_SIGNATURE_INVALID);
    for (const std::size_t length : {std::size_t{0}, 2 * half - 1, 2 * half + 1})
      EXPECT_EQ(ecdsa_verify(public_key, digest, Buffer(length, 1)), CKR_SIGNATURE_LEN_RANGE);
    Buffer short_signature(2 * half - 1);
    EXPECT_EQ(ecdsa_sign(*key, digest, short_signature), CKR_ARGUMENTS_BAD);
  }
}

// n - s is as good as s (SEC 1 4.1.4 does not ask which half it is in).
TEST(Ecdsa, AcceptsBothHalvesOfS) {
  const auto key = ec_key(Curve::kSecp256k1);
  const Buffer digest = pattern(32);
  Buffer signature(64);
  ASSERT_EQ(ecdsa_sign(*key, digest, signature), CKR_OK);
  const Buffer order = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = order[i] - signature[32 + i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    signature[32 + i] = static_cast<std::uint8_t>(digit & 0xff);
  }
  EXPECT_EQ(ecdsa_verify(*key->public_key(), digest, signature), CKR_OK);
}

TEST(Ecdsa, NoncesAreHedged) {
  const Buffer digest = pattern(32);
  for (const Curve curve : kCurves) {
    std::set<Buffer> seen;
    for (int i = 0; i < 8; ++i) {
      Buffer signature(2 * field_length(curve));
      ASSERT_EQ(ecdsa_sign(*ec_key(curve), digest, signature), CKR_OK);
      signature.resize(field_length(curve));  // r, which tells the nonce
      EXPECT_TRUE(seen.insert(signature).second);
    }
  }
}

TEST(Ecdsa, RefusesKeysOfAnotherKind) {
  const auto rsa = test::rsa_key(2048);
  Buffer signature(64);
  EXPECT_EQ(ecdsa_sign(*rsa, pattern(32), signature), CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(ecdsa_sign(*rsa, Hash::kSha256, {}, signature), CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(ecdsa_verify(*rsa->public_key(), pattern(32), signature), CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(ecdsa_verify(*rsa->public_key(), Hash::kSha256, {}, signature),
            CKR_KEY_TYPE_INCONSISTENT);
}

}  // namespace
}  // namespace strongroom
