// RSA signatures and encryption: OpenSSL as the other party over all hashes and sizes, the limits
// of each padding, and each kind of damage.
#include <algorithm>
#include <set>

#include "test/public_key_support.h"

namespace strongroom {
namespace {

using algorithms::Oaep;
using algorithms::Pss;
using test::Buffer;
using test::Hash;
using test::kHashes;
using test::openssl_name;
using test::Padding;
using test::pattern;
using test::rsa_key;
using test::text;

constexpr std::array<std::size_t, 3> kSizes = {2048, 3072, 4096};

Padding pkcs1() { return {Padding::Kind::kPkcs1}; }
Padding pss_of(const Pss& pss) {
  return {Padding::Kind::kPss, openssl_name(pss.mgf1), static_cast<int>(pss.salt_length)};
}

TEST(RsaPkcs1, OpenSslAgreesInBothDirections) {
  const Buffer message = pattern(300);
  for (const std::size_t bits : kSizes) {
    const auto key = rsa_key(bits);
    const auto theirs = test::openssl_key(*key);
    for (const Hash hash : kHashes) {
      Buffer signature(bits / 8);
      ASSERT_EQ(algorithms::rsa_pkcs1_sign(*key, hash, message, signature), CKR_OK);
      EXPECT_TRUE(
          test::openssl_verify(theirs.get(), openssl_name(hash), pkcs1(), message, signature));
      // The scheme is deterministic.
      EXPECT_EQ(test::openssl_sign(theirs.get(), openssl_name(hash), pkcs1(), message), signature);
      EXPECT_EQ(algorithms::rsa_pkcs1_verify(*key->public_key(), hash, message, signature), CKR_OK);
      EXPECT_EQ(algorithms::rsa_pkcs1_verify(*key->public_key(), hash, pattern(299), signature),
                CKR_SIGNATURE_INVALID);
      const Hash other = hash == Hash::kSha256 ? Hash::kSha512 : Hash::kSha256;
      EXPECT_EQ(algorithms::rsa_pkcs1_verify(*key->public_key(), other, message, signature),
                CKR_SIGNATURE_INVALID);
    }
  }
}

TEST(RsaPkcs1, SignsWhatItIsGivenUpToItsLimit) {
  const auto key = rsa_key(2048);
  test::PublicKey& public_key = *key->public_key();
  for (const std::size_t length : {2U, 51U, 245U}) {
    const Buffer data = pattern(length);
    Buffer signature(256);
    ASSERT_EQ(algorithms::rsa_pkcs1_sign(*key, data, signature), CKR_OK) << length;
    EXPECT_EQ(algorithms::rsa_pkcs1_verify(public_key, data, signature), CKR_OK);
    EXPECT_EQ(algorithms::rsa_pkcs1_verify(public_key, pattern(length - 1), signature),
              CKR_SIGNATURE_INVALID);
  }
  for (const std::size_t length : {0U, 246U}) {
    const Buffer data = pattern(length);
    Buffer signature(256);
    EXPECT_EQ(algorithms::rsa_pkcs1_sign(*key, data, signature), CKR_DATA_LEN_RANGE);
    EXPECT_EQ(algorithms::rsa_pkcs1_verify(public_key, data, signature), CKR_DATA_LEN_RANGE);
  }
}

// A DigestInfo without the NULL, and one with trailing bytes, are other data than ours (RFC 8017
// 8.2.2 compares the encodings).
TEST(RsaPkcs1, AcceptsOneEncodingOnly) {
  const auto key = rsa_key(2048);
  Buffer digest(32);
  ASSERT_EQ(algorithms::digest(Hash::kSha256, text("message"), digest), CKR_OK);
  const auto signed_with = [&](const char* head, const Buffer& tail) {
    Buffer info = test::hex(head), signature(256);
    info.insert(info.end(), digest.begin(), digest.end());
    info.insert(info.end(), tail.begin(), tail.end());
    EXPECT_EQ(algorithms::rsa_pkcs1_sign(*key, info, signature), CKR_OK);
    return algorithms::rsa_pkcs1_verify(*key->public_key(), Hash::kSha256, text("message"),
                                        signature);
  };
  EXPECT_EQ(signed_with("3031300d060960864801650304020105000420", {}), CKR_OK);
  EXPECT_EQ(signed_with("302f300b06096086480165030402010420", {}), CKR_SIGNATURE_INVALID);
  EXPECT_EQ(signed_with("3031300d060960864801650304020105000420", {0}), CKR_SIGNATURE_INVALID);
  EXPECT_EQ(signed_with("", {}), CKR_SIGNATURE_INVALID);
}

TEST(RsaPss, OpenSslAgreesInBothDirections) {
  const Buffer message = pattern(300);
  for (const std::size_t bits : kSizes) {
    const auto key = rsa_key(bits);
    const auto theirs = test::openssl_key(*key);
    for (const Hash hash : kHashes)
      for (const Hash mgf1 : {hash, Hash::kSha1})
        for (const std::size_t salt : {std::size_t{0}, algorithms::hash_length(hash)}) {
          const Pss pss{hash, mgf1, salt};
          Buffer signature(bits / 8);
          ASSERT_EQ(algorithms::rsa_pss_sign(*key, pss, false, message, signature), CKR_OK);
          EXPECT_TRUE(test::openssl_verify(theirs.get(), openssl_name(hash), pss_of(pss), message,
                                           signature));
          const Buffer made =
              test::openssl_sign(theirs.get(), openssl_name(hash), pss_of(pss), message);
          EXPECT_EQ(algorithms::rsa_pss_verify(*key->public_key(), pss, false, message, made),
                    CKR_OK);
          const Buffer digest = test::openssl_digest(openssl_name(hash), message);
          EXPECT_EQ(algorithms::rsa_pss_verify(*key->public_key(), pss, true, digest, made),
                    CKR_OK);
          if (bits != 2048) continue;  // one private operation more for each is enough
          ASSERT_EQ(algorithms::rsa_pss_sign(*key, pss, true, digest, signature), CKR_OK);
          EXPECT_TRUE(test::openssl_verify(theirs.get(), openssl_name(hash), pss_of(pss), message,
                                           signature));
        }
  }
}

TEST(RsaPss, SaltsAreRandomAndTheirLengthIsPartOfTheScheme) {
  const auto key = rsa_key(2048);
  const Pss pss{Hash::kSha256, Hash::kSha256, 32};
  std::set<Buffer> seen;
  Buffer signature(256);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(algorithms::rsa_pss_sign(*key, pss, false, text("m"), signature), CKR_OK);
    EXPECT_TRUE(seen.insert(signature).second);
  }
  for (const Pss& other :
       {Pss{Hash::kSha256, Hash::kSha256, 31}, Pss{Hash::kSha256, Hash::kSha1, 32},
        Pss{Hash::kSha512, Hash::kSha256, 32}})
    EXPECT_EQ(algorithms::rsa_pss_verify(*key->public_key(), other, false, text("m"), signature),
              CKR_SIGNATURE_INVALID);
}

TEST(RsaPss, HasTheLimitsOfItsKey) {
  const auto key = rsa_key(2048);
  Buffer signature(256);
  const Pss longest{Hash::kSha256, Hash::kSha256, 222};  // 256 - 32 - 2
  EXPECT_EQ(algorithms::rsa_pss_sign(*key, longest, false, {}, signature), CKR_OK);
  EXPECT_EQ(algorithms::rsa_pss_verify(*key->public_key(), longest, false, {}, signature), CKR_OK);
  for (const std::size_t salt : {std::size_t{223}, std::size_t{65536 + 32}, ~std::size_t{0}}) {
    const Pss pss{Hash::kSha256, Hash::kSha256, salt};
    EXPECT_EQ(algorithms::rsa_pss_sign(*key, pss, false, {}, signature),
              CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(algorithms::rsa_pss_verify(*key->public_key(), pss, false, {}, signature),
              CKR_MECHANISM_PARAM_INVALID);
  }
  const Pss pss{Hash::kSha256, Hash::kSha256, 32};
  for (const std::size_t length : {0U, 31U, 33U, 64U}) {
    EXPECT_EQ(algorithms::rsa_pss_sign(*key, pss, true, pattern(length), signature),
              CKR_DATA_LEN_RANGE);
    EXPECT_EQ(algorithms::rsa_pss_verify(*key->public_key(), pss, true, pattern(length), signature),
              CKR_DATA_LEN_RANGE);
  }
}

TEST(RsaSignatures, FindFlippedBitsAndOtherLengths) {
  const auto key = rsa_key(2048);
  test::PublicKey& public_key = *key->public_key();
  const Pss pss{Hash::kSha256, Hash::kSha256, 32};
  Buffer by_pkcs1(256), by_pss(256);
  ASSERT_EQ(algorithms::rsa_pkcs1_sign(*key, Hash::kSha256, text("m"), by_pkcs1), CKR_OK);
  ASSERT_EQ(algorithms::rsa_pss_sign(*key, pss, false, text("m"), by_pss), CKR_OK);
  for (std::size_t bit = 0; bit < 2048; bit += 7) {
    for (Buffer* signature : {&by_pkcs1, &by_pss})
      (*signature)[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_EQ(algorithms::rsa_pkcs1_verify(public_key, Hash::kSha256, text("m"), by_pkcs1),
              CKR_SIGNATURE_INVALID);
    ASSERT_EQ(algorithms::rsa_pss_verify(public_key, pss, false, text("m"), by_pss),
              CKR_SIGNATURE_INVALID);
    for (Buffer* signature : {&by_pkcs1, &by_pss})
      (*signature)[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
  }
  EXPECT_EQ(algorithms::rsa_pkcs1_verify(public_key, Hash::kSha256, text("m"), by_pkcs1), CKR_OK);
  EXPECT_EQ(algorithms::rsa_pss_verify(public_key, pss, false, text("m"), by_pss), CKR_OK);
  // The modulus itself is not a signature.
  const Buffer modulus(public_key.modulus().begin(), public_key.modulus().end());
  EXPECT_EQ(algorithms::rsa_pkcs1_verify(public_key, Hash::kSha256, text("m"), modulus),
            CKR_SIGNATURE_INVALID);
  for (const std::size_t length : {0U, 255U, 257U, 512U}) {
    Buffer other(length);
    EXPECT_EQ(algorithms::rsa_pkcs1_verify(public_key, Hash::kSha256, text("m"), other),
              CKR_SIGNATURE_LEN_RANGE);
    EXPECT_EQ(algorithms::rsa_pss_verify(public_key, pss, false, text("m"), other),
              CKR_SIGNATURE_LEN_RANGE);
    EXPECT_EQ(algorithms::rsa_pkcs1_sign(*key, Hash::kSha256, text("m"), other), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(algorithms::rsa_pss_sign(*key, pss, false, text("m"), other), CKR_ARGUMENTS_BAD);
  }
}

TEST(RsaOaep, OpenSslAgreesInBothDirections) {
  for (const std::size_t bits : kSizes) {
    const auto key = rsa_key(bits);
    const auto theirs = test::openssl_key(*key);
    for (const Hash hash : kHashes)
      for (const Hash mgf1 : {hash, Hash::kSha1})
        for (const Buffer& label : {Buffer(), text("label")}) {
          const Oaep oaep{hash, mgf1, label};
          const Padding padding{Padding::Kind::kOaep, openssl_name(mgf1), 0, label};
          const std::size_t longest = bits / 8 - 2 * algorithms::hash_length(hash) - 2;
          const Buffer plaintext = pattern(longest);
          Buffer ciphertext(bits / 8), decrypted(bits / 8);
          ASSERT_EQ(algorithms::rsa_oaep_encrypt(*key->public_key(), oaep, plaintext, ciphertext),
                    CKR_OK);
          EXPECT_EQ(test::openssl_decrypt(theirs.get(), openssl_name(hash), padding, ciphertext),
                    plaintext);
          const Buffer made =
              test::openssl_encrypt(theirs.get(), openssl_name(hash), padding, text("short"));
          std::size_t length = 0;
          ASSERT_EQ(algorithms::rsa_oaep_decrypt(*key, oaep, made, decrypted, &length), CKR_OK);
          decrypted.resize(length);
          EXPECT_EQ(decrypted, text("short"));
        }
  }
}

TEST(RsaOaep, CarriesNothingAndWhatFits) {
  const auto key = rsa_key(2048);
  const Oaep oaep{Hash::kSha256, Hash::kSha256, {}};
  std::set<Buffer> seen;
  for (const std::size_t size : {0U, 1U, 190U}) {
    Buffer ciphertext(256), decrypted(256);
    ASSERT_EQ(algorithms::rsa_oaep_encrypt(*key->public_key(), oaep, pattern(size), ciphertext),
              CKR_OK);
    std::size_t length = 99;
    ASSERT_EQ(algorithms::rsa_oaep_decrypt(*key, oaep, ciphertext, decrypted, &length), CKR_OK);
    decrypted.resize(length);
    EXPECT_EQ(decrypted, pattern(size));
    EXPECT_TRUE(seen.insert(ciphertext).second);
  }
  Buffer ciphertext(256);
  EXPECT_EQ(algorithms::rsa_oaep_encrypt(*key->public_key(), oaep, pattern(191), ciphertext),
            CKR_DATA_LEN_RANGE);
  EXPECT_EQ(ciphertext, Buffer(256));
  EXPECT_EQ(algorithms::rsa_oaep_encrypt(*key->public_key(), oaep, {},
                                         MutableBytes(ciphertext).first(255)),
            CKR_ARGUMENTS_BAD);
}

TEST(RsaOaep, EveryDamageHasOneAnswer) {
  const auto key = rsa_key(2048);
  const Oaep oaep{Hash::kSha256, Hash::kSha256, {}};
  Buffer ciphertext(256), decrypted(256);
  std::size_t length = 0;
  ASSERT_EQ(algorithms::rsa_oaep_encrypt(*key->public_key(), oaep, text("secret"), ciphertext),
            CKR_OK);
  const auto answer = [&](const Buffer& damaged, const Oaep& how) {
    std::ranges::fill(decrypted, std::uint8_t{0xee});
    length = 99;
    const CK_RV rv = algorithms::rsa_oaep_decrypt(*key, how, damaged, decrypted, &length);
    EXPECT_EQ(length, 0U);
    EXPECT_EQ(std::ranges::count(decrypted, 0xee), rv == CKR_ENCRYPTED_DATA_INVALID ? 0 : 256);
    return rv;
  };
  for (std::size_t bit = 0; bit < 2048; bit += 61) {
    Buffer damaged = ciphertext;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_EQ(answer(damaged, oaep), CKR_ENCRYPTED_DATA_INVALID);
  }
  const Buffer modulus(key->public_key()->modulus().begin(), key->public_key()->modulus().end());
  EXPECT_EQ(answer(modulus, oaep), CKR_ENCRYPTED_DATA_INVALID);
  EXPECT_EQ(answer(Buffer(256), oaep), CKR_ENCRYPTED_DATA_INVALID);
  EXPECT_EQ(answer(ciphertext, {Hash::kSha1, Hash::kSha256, {}}), CKR_ENCRYPTED_DATA_INVALID);
  EXPECT_EQ(answer(ciphertext, {Hash::kSha256, Hash::kSha1, {}}), CKR_ENCRYPTED_DATA_INVALID);
  const Buffer label = text("x");
  EXPECT_EQ(answer(ciphertext, {Hash::kSha256, Hash::kSha256, label}), CKR_ENCRYPTED_DATA_INVALID);
  for (const std::size_t size : {0U, 255U, 257U})
    EXPECT_EQ(answer(Buffer(size, 1), oaep), CKR_ENCRYPTED_DATA_LEN_RANGE);
  EXPECT_EQ(algorithms::rsa_oaep_decrypt(*key, oaep, ciphertext, MutableBytes(decrypted).first(255),
                                         &length),
            CKR_ARGUMENTS_BAD);
  EXPECT_EQ(algorithms::rsa_oaep_decrypt(*key, oaep, ciphertext, decrypted, &length), CKR_OK);
}

TEST(Rsa, RefusesKeysOfAnotherKind) {
  const auto ec = test::ec_key(test::Curve::kP256);
  Buffer out(256);
  std::size_t length = 0;
  const Pss pss{Hash::kSha256, Hash::kSha256, 32};
  const Oaep oaep{Hash::kSha256, Hash::kSha256, {}};
  test::PublicKey& public_key = *ec->public_key();
  for (const CK_RV rv : {algorithms::rsa_pkcs1_sign(*ec, pattern(32), out),
                         algorithms::rsa_pkcs1_sign(*ec, Hash::kSha256, {}, out),
                         algorithms::rsa_pkcs1_verify(public_key, pattern(32), out),
                         algorithms::rsa_pkcs1_verify(public_key, Hash::kSha256, {}, out),
                         algorithms::rsa_pss_sign(*ec, pss, false, {}, out),
                         algorithms::rsa_pss_verify(public_key, pss, false, {}, out),
                         algorithms::rsa_oaep_encrypt(public_key, oaep, {}, out),
                         algorithms::rsa_oaep_decrypt(*ec, oaep, out, out, &length)})
    EXPECT_EQ(rv, CKR_KEY_TYPE_INCONSISTENT);
}

}  // namespace
}  // namespace strongroom
