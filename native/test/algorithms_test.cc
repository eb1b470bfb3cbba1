// Every algorithm against published vectors, at its length limits, and with each kind of damage.
#include "token/algorithms/algorithms.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "test/support.h"

namespace strongroom {
namespace {

using algorithms::KdfField;
using algorithms::Key;
using test::Buffer;
using test::bytes_field;
using test::counter;
using test::hex;
using test::key_of;
using test::length_field;
using test::pattern;
using test::seal;
using test::Sealed;
using test::text;

constexpr std::array<std::size_t, 14> kLengths = {0,  1,   15,  16,  17,   31,   32,
                                                  33, 255, 256, 257, 1024, 4096, 65537};

bool all_zero(const Buffer& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// ---- AES-GCM

struct GcmVector {
  const char *key, *iv, *aad, *plaintext, *ciphertext, *tag;
};

// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B (also in NIST's validation
// set).
const std::array<GcmVector, 7> kGcmVectors = {{
    {"00000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    // 8-byte IV
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbad",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657"
     "ba637b39",
     "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896"
     "b424989b5e1ebac0f07"
     "c23f4598",
     "3612d2e79e3b0785561be14aaca2fccb"},
    // 60-byte IV
    {"feffe9928665731c6d6a8f9467308308",
     "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b5"
     "25416aedbf5a0de6a57"
     "a637b39b",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657"
     "ba637b39",
     "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7"
     "c6fd62875d2aca417034"
     "c34aee5",
     "619cc5aefffe0bfa462af43c1699d050"},
    // AES-192
    {"000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "98e7247c07f0fe411c267e4384b0f600",
     "2ff58d80033927ab8ef4d4587514f0fb"},
    // AES-256
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657"
     "ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838c5f61e6393ba7a0a"
     "bcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
}};

TEST(AesGcm, GivesThePublishedResults) {
  for (const GcmVector& vector : kGcmVectors) {
    const auto key = key_of(hex(vector.key));
    const Buffer plaintext = hex(vector.plaintext);
    Buffer ciphertext(plaintext.size());
    Buffer tag(16);
    ASSERT_EQ(
        algorithms::aes_gcm_seal(*key, hex(vector.iv), hex(vector.aad), plaintext, ciphertext, tag),
        CKR_OK);
    EXPECT_EQ(ciphertext, hex(vector.ciphertext));
    EXPECT_EQ(tag, hex(vector.tag));
    Buffer opened(plaintext.size());
    EXPECT_EQ(
        algorithms::aes_gcm_open(*key, hex(vector.iv), hex(vector.aad), ciphertext, tag, opened),
        CKR_OK);
    EXPECT_EQ(opened, plaintext);
  }
}

TEST(AesGcm, RoundTripsAllLengthsOnOneKeyInBothDirections) {
  for (const std::size_t key_length : {16U, 24U, 32U}) {
    const auto key = key_of(pattern(key_length));
    for (const std::size_t iv_length : {12U, 1U, 8U, 13U, 16U, 128U, 12U})
      for (const std::size_t length : kLengths) {
        const Buffer iv = pattern(iv_length, 2);
        const Buffer aad = pattern(length % 40, 3);
        const Buffer plaintext = pattern(length, 4);
        Buffer ciphertext(length), opened(length), tag(16);
        ASSERT_EQ(algorithms::aes_gcm_seal(*key, iv, aad, plaintext, ciphertext, tag), CKR_OK);
        ASSERT_EQ(algorithms::aes_gcm_open(*key, iv, aad, ciphertext, tag, opened), CKR_OK);
        ASSERT_EQ(opened, plaintext);
        if (length >= 16) {
          ASSERT_NE(ciphertext, plaintext);
        }
      }
  }
}

TEST(AesGcm, TagMayBeShortened) {
  const auto key = key_of(pattern(32));
  const Buffer iv = pattern(12), plaintext = pattern(20);
  Buffer ciphertext(20), opened(20), whole(16);
  ASSERT_EQ(algorithms::aes_gcm_seal(*key, iv, {}, plaintext, ciphertext, whole), CKR_OK);
  for (std::size_t length = 0; length <= 17; ++length) {
    Buffer tag(length);
    const bool seals = length >= 12 && length <= 16;
    EXPECT_EQ(algorithms::aes_gcm_seal(*key, iv, {}, plaintext, ciphertext, tag),
              seals ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
    if (seals) {
      EXPECT_TRUE(std::equal(tag.begin(), tag.end(), whole.begin()));
    }
    Buffer shortened = whole;
    shortened.resize(length);
    const bool opens = seals || length == 4 || length == 8;
    EXPECT_EQ(algorithms::aes_gcm_open(*key, iv, {}, ciphertext, shortened, opened),
              opens ? CKR_OK : CKR_MECHANISM_PARAM_INVALID)
        << length;
  }
}

TEST(AesGcm, EveryFlippedBitIsFoundAndThePlaintextWithheld) {
  const auto key = key_of(pattern(32));
  const Buffer plaintext = pattern(33, 1);
  Buffer iv = pattern(12), aad = pattern(21), ciphertext(33), tag(16);
  ASSERT_EQ(algorithms::aes_gcm_seal(*key, iv, aad, plaintext, ciphertext, tag), CKR_OK);
  for (Buffer* part : {&iv, &aad, &ciphertext, &tag})
    for (std::size_t bit = 0; bit < part->size() * 8; ++bit) {
      const auto flip = static_cast<std::uint8_t>(1U << bit % 8);
      (*part)[bit / 8] ^= flip;
      Buffer opened(33, 0xee);
      ASSERT_EQ(algorithms::aes_gcm_open(*key, iv, aad, ciphertext, tag, opened),
                CKR_ENCRYPTED_DATA_INVALID);
      ASSERT_TRUE(all_zero(opened));
      (*part)[bit / 8] ^= flip;
    }
  Buffer opened(33);
  EXPECT_EQ(algorithms::aes_gcm_open(*key, iv, aad, ciphertext, tag, opened), CKR_OK);
  EXPECT_EQ(opened, plaintext);
}

TEST(AesGcm, RefusesWhatDoesNotFit) {
  const auto key = key_of(pattern(32));
  Buffer data(16), out(16), tag(16), untouched(16);
  EXPECT_EQ(algorithms::aes_gcm_seal(*key, {}, {}, data, out, tag), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(algorithms::aes_gcm_seal(*key, pattern(129), {}, data, out, tag),
            CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(algorithms::aes_gcm_seal(*key, pattern(12), {}, data, MutableBytes(out).first(15), tag),
            CKR_ARGUMENTS_BAD);
  EXPECT_EQ(algorithms::aes_gcm_open(*key, pattern(12), {}, data, tag, MutableBytes(out).first(15)),
            CKR_ARGUMENTS_BAD);
  for (const std::size_t length : {0U, 1U, 15U, 17U, 31U, 33U, 64U}) {
    const auto wrong = key_of(pattern(length));
    EXPECT_EQ(algorithms::aes_gcm_seal(*wrong, pattern(12), {}, data, out, tag), CKR_KEY_SIZE_RANGE)
        << length;
  }
  EXPECT_EQ(out, untouched);
}

// ---- AES-KWP

TEST(AesKwp, GivesThePublishedResults) {
  // RFC 5649 section 6
  const auto key = key_of(hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"));
  for (const auto& [input, expected] :
       {std::pair{"c37b7e6492584340bed12207808941155068f738",
                  "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
        std::pair{"466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"}}) {
    Buffer wrapped(algorithms::kwp_wrapped_length(hex(input).size()));
    ASSERT_EQ(algorithms::aes_kwp_wrap(*key, hex(input), wrapped), CKR_OK);
    EXPECT_EQ(wrapped, hex(expected));
  }
}

TEST(AesKwp, RoundTripsAndFindsFlippedBits) {
  for (const std::size_t key_length : {16U, 24U, 32U})
    for (const std::size_t length : {1U, 7U, 8U, 9U, 15U, 16U, 17U, 32U, 33U, 4096U}) {
      const auto key = key_of(pattern(key_length));
      const Buffer input = pattern(length, 1);
      Buffer wrapped(algorithms::kwp_wrapped_length(length));
      ASSERT_EQ(wrapped.size(), (length + 7) / 8 * 8 + 8);
      ASSERT_EQ(algorithms::aes_kwp_wrap(*key, input, wrapped), CKR_OK);
      Buffer output(length);
      std::size_t unwrapped = 0;
      ASSERT_EQ(algorithms::aes_kwp_unwrap(*key, wrapped, output, &unwrapped), CKR_OK);
      ASSERT_EQ(unwrapped, length);
      ASSERT_EQ(output, input);
      Buffer short_output(length - 1);
      ASSERT_EQ(algorithms::aes_kwp_unwrap(*key, wrapped, short_output, &unwrapped),
                CKR_BUFFER_TOO_SMALL);
      ASSERT_EQ(unwrapped, length);
      for (std::size_t bit = 0; bit<wrapped.size() * 8; bit += length> 100 ? 997 : 1) {
        wrapped[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        Buffer untouched(length, 0xee);
        ASSERT_EQ(algorithms::aes_kwp_unwrap(*key, wrapped, untouched, &unwrapped),
                  CKR_WRAPPED_KEY_INVALID);
        ASSERT_EQ(untouched, Buffer(length, 0xee));
        ASSERT_EQ(unwrapped, 0U);
        wrapped[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      }
    }
}

TEST(AesKwp, RefusesWhatDoesNotFit) {
  const auto key = key_of(pattern(32));
  std::size_t length = 0;
  Buffer output(64);
  EXPECT_EQ(algorithms::aes_kwp_wrap(*key, {}, MutableBytes(output).first(8)), CKR_DATA_LEN_RANGE);
  EXPECT_EQ(algorithms::aes_kwp_wrap(*key, pattern(8), MutableBytes(output).first(24)),
            CKR_ARGUMENTS_BAD);
  for (const std::size_t wrong : {0U, 8U, 15U, 17U, 23U})
    EXPECT_EQ(algorithms::aes_kwp_unwrap(*key, pattern(wrong), output, &length),
              CKR_WRAPPED_KEY_LEN_RANGE)
        << wrong;
  EXPECT_EQ(
      algorithms::aes_kwp_wrap(*key_of(pattern(20)), pattern(8), MutableBytes(output).first(16)),
      CKR_WRAPPING_KEY_SIZE_RANGE);
  EXPECT_EQ(algorithms::aes_kwp_unwrap(*key_of(pattern(20)), pattern(16), output, &length),
            CKR_UNWRAPPING_KEY_SIZE_RANGE);
}

// ---- HMAC-SHA-256

TEST(HmacSha256, GivesThePublishedResults) {
  // RFC 4231 section 4, test cases 1 to 7 (5: truncated to 128 bits)
  struct Vector {
    Buffer key, data;
    const char* mac;
  };
  const std::vector<Vector> vectors = {
      {Buffer(20, 0x0b), text("Hi There"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {text("Jefe"), text("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Buffer(20, 0xaa), Buffer(50, 0xdd),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), Buffer(50, 0xcd),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {Buffer(20, 0x0c), text("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"},
      {Buffer(131, 0xaa), text("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {Buffer(131, 0xaa),
       text("This is a test using a larger than block-size key and a larger than block-size data. "
            "The key needs to "
            "be hashed before being used by the HMAC algorithm."),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const Vector& vector : vectors) {
    const auto key = key_of(vector.key);
    Buffer mac(hex(vector.mac).size());
    ASSERT_EQ(algorithms::hmac_sha256(*key, vector.data, mac), CKR_OK);
    EXPECT_EQ(mac, hex(vector.mac));
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, vector.data.size()}) {
      const Bytes data(vector.data);
      Buffer again(mac.size());
      ASSERT_EQ(algorithms::hmac_sha256(*key, data.first(cut), data.subspan(cut), again), CKR_OK);
      EXPECT_EQ(again, mac);
    }
  }
}

TEST(HmacSha256, TakesAnEmptyKeyAndNoData) {
  Buffer mac(32);
  ASSERT_EQ(algorithms::hmac_sha256(*Key::make(Secret()), {}, mac), CKR_OK);
  EXPECT_EQ(mac, hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

TEST(HmacSha256, RefusesAMacLongerThanTheHash) {
  const auto key = key_of(pattern(32));
  Buffer mac(33);
  EXPECT_EQ(algorithms::hmac_sha256(*key, {}, mac), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(algorithms::hmac_sha256(*key, {}, MutableBytes()), CKR_MECHANISM_PARAM_INVALID);
}

// ---- SP 800-108

TEST(Sp800108, GivesThePublishedResult) {
  // NIST CAVP KDFCTR_gen, HMAC_SHA256, CTRLOCATION=BEFORE_FIXED, RLEN=32_BITS, L=128, COUNT=0
  const auto key = key_of(hex("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0"));
  const Buffer fixed =
      hex("01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d"
          "0315bb2911d80a0e8aba17"
          "f3b413faac");
  const std::array fields = {counter(32), bytes_field(fixed)};
  Buffer out(16);
  ASSERT_EQ(algorithms::sp800_108_counter(*key, fields, out), CKR_OK);
  EXPECT_EQ(out, hex("10621342bfb0fd40046c0e29f2cfdbf0"));
}

TEST(Sp800108, IsHmacOverTheFieldsInOrder) {
  const auto key = key_of(pattern(32));
  const Buffer label = text("label"), context = pattern(20);
  const std::array fields = {bytes_field(label), counter(16, true), bytes_field(context),
                             length_field(24)};
  Buffer out(32 * 2 + 7);
  ASSERT_EQ(algorithms::sp800_108_counter(*key, fields, out), CKR_OK);
  Buffer expected;
  for (std::uint8_t block = 1; block <= 3; ++block) {
    Buffer input = label;
    for (const std::uint8_t byte : {block, std::uint8_t{0}}) input.push_back(byte);
    input.insert(input.end(), context.begin(), context.end());
    for (const int byte : {0, 71 * 8 / 256, 71 * 8 % 256})
      input.push_back(static_cast<std::uint8_t>(byte));
    Buffer mac(32);
    ASSERT_EQ(algorithms::hmac_sha256(*key, input, mac), CKR_OK);
    expected.insert(expected.end(), mac.begin(), mac.end());
  }
  expected.resize(out.size());
  EXPECT_EQ(out, expected);
}

TEST(Sp800108, RefusesWhatDoesNotFit) {
  const auto key = key_of(pattern(32));
  Buffer out(65536, 0xee);
  const auto derive = [&](std::vector<KdfField> fields, std::size_t length) {
    return algorithms::sp800_108_counter(*key, fields, MutableBytes(out).first(length));
  };
  EXPECT_EQ(derive({counter(32)}, 0), CKR_KEY_SIZE_RANGE);
  EXPECT_EQ(derive({counter(32)}, 65536), CKR_KEY_SIZE_RANGE);
  EXPECT_EQ(derive({}, 32), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(derive({counter(32), counter(32)}, 32), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(derive({counter(12)}, 32), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(derive({counter(0)}, 32), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(derive({counter(40)}, 32), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(derive({counter(8)}, 256 * 32), CKR_MECHANISM_PARAM_INVALID)
      << "the counter would wrap";
  EXPECT_EQ(derive({counter(32), length_field(8)}, 32), CKR_MECHANISM_PARAM_INVALID)
      << "256 bits do not fit";
  EXPECT_EQ(derive({counter(32), length_field(16), length_field(16)}, 32),
            CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(out, Buffer(65536, 0xee));
  EXPECT_EQ(derive({counter(8)}, 255 * 32), CKR_OK);
  EXPECT_EQ(derive({counter(16), length_field(24)}, 65535), CKR_OK);
}

// ---- CKM_STRONGROOM_DERIVE_AES_GCM

TEST(DeriveSeal, RoundTripsAllLengths) {
  for (const std::size_t key_length : {16U, 32U, 48U, 100U}) {
    const auto key = key_of(pattern(key_length));
    for (const std::size_t length : kLengths) {
      const Buffer aad = pattern(length % 50), plaintext = pattern(length, 1);
      const Sealed sealed = seal(*key, aad, plaintext);
      Buffer opened(length);
      ASSERT_EQ(
          algorithms::derive_open(*key, sealed.nonce, aad, sealed.ciphertext, sealed.tag, opened),
          CKR_OK);
      ASSERT_EQ(opened, plaintext);
    }
  }
}

TEST(DeriveSeal, OpensByItsDescription) {
  // The same bytes by way of the parts: SP 800-108 for the message key, AES-GCM for the message.
  const auto key = key_of(pattern(32));
  const Buffer aad = text("aad"), plaintext = pattern(100), label = text("SR message key"), zero(1);
  const Sealed sealed = seal(*key, aad, plaintext);
  const Buffer context(sealed.nonce.begin(), sealed.nonce.begin() + 16);
  const std::array fields = {counter(32), bytes_field(label), bytes_field(zero),
                             bytes_field(context), length_field(32)};
  Buffer message_key(32), opened(100);
  ASSERT_EQ(algorithms::sp800_108_counter(*key, fields, message_key), CKR_OK);
  EXPECT_EQ(algorithms::aes_gcm_open(*key_of(message_key), Bytes(sealed.nonce).subspan(16), aad,
                                     sealed.ciphertext, sealed.tag, opened),
            CKR_OK);
  EXPECT_EQ(opened, plaintext);
}

TEST(DeriveSeal, NoncesDiffer) {
  const auto key = key_of(pattern(32));
  const Buffer plaintext = pattern(16);
  std::set<Buffer> nonces;
  for (int i = 0; i < 2000; ++i) nonces.insert(seal(*key, {}, plaintext).nonce);
  EXPECT_EQ(nonces.size(), 2000U);
}

TEST(DeriveSeal, EveryFlippedBitAndAnotherKeyAreRefused) {
  const auto key = key_of(pattern(32));
  Buffer aad = pattern(9);
  Sealed sealed = seal(*key, aad, pattern(20));
  const auto open = [&](Key& with) {
    Buffer opened(20, 0xee);
    const CK_RV rv =
        algorithms::derive_open(with, sealed.nonce, aad, sealed.ciphertext, sealed.tag, opened);
    EXPECT_TRUE(rv == CKR_OK || all_zero(opened));
    return rv;
  };
  for (Buffer* part : {&aad, &sealed.nonce, &sealed.ciphertext, &sealed.tag})
    for (std::size_t bit = 0; bit < part->size() * 8; ++bit) {
      (*part)[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      ASSERT_EQ(open(*key), CKR_ENCRYPTED_DATA_INVALID);
      (*part)[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
  EXPECT_EQ(open(*key_of(pattern(32, 1))), CKR_ENCRYPTED_DATA_INVALID);
  EXPECT_EQ(open(*key), CKR_OK);
}

TEST(DeriveSeal, RefusesWhatDoesNotFit) {
  const auto key = key_of(pattern(32));
  Buffer data(16), out(16), nonce(28), tag(16);
  EXPECT_EQ(algorithms::derive_seal(*key, {}, data, MutableBytes(nonce).first(27), out, tag),
            CKR_ARGUMENTS_BAD);
  EXPECT_EQ(algorithms::derive_seal(*key, {}, data, nonce, out, MutableBytes(tag).first(12)),
            CKR_ARGUMENTS_BAD);
  EXPECT_EQ(algorithms::derive_seal(*key, {}, data, nonce, MutableBytes(out).first(15), tag),
            CKR_ARGUMENTS_BAD);
  EXPECT_TRUE(all_zero(nonce) && all_zero(out) && all_zero(tag));
}

// ---- SHA-256, PBKDF2, comparison

TEST(Sha256, GivesThePublishedResults) {
  // FIPS 180-4 examples
  for (const auto& [message, expected] :
       {std::pair{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        std::pair{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        std::pair{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}}) {
    Buffer digest(32);
    ASSERT_EQ(algorithms::sha256(text(message), digest), CKR_OK);
    EXPECT_EQ(digest, hex(expected));
  }
  Buffer digest(31);
  EXPECT_EQ(algorithms::sha256({}, digest), CKR_ARGUMENTS_BAD);
}

TEST(Pbkdf2, GivesThePublishedResults) {
  // RFC 7914 section 11
  Buffer out(64);
  ASSERT_EQ(algorithms::pbkdf2_hmac_sha256(text("Password"), text("NaCl"), 80000, out), CKR_OK);
  EXPECT_EQ(out, hex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a122583"
                     "3549adb841b51c9b3176a27"
                     "2bdebba1d078478f62b397f33c8d"));
  EXPECT_EQ(algorithms::pbkdf2_hmac_sha256({}, {}, 1, out), CKR_OK);
  EXPECT_EQ(algorithms::pbkdf2_hmac_sha256({}, {}, 0, out), CKR_ARGUMENTS_BAD);
}

TEST(EqualConstantTime, ComparesLengthAndBytes) {
  EXPECT_TRUE(algorithms::equal_constant_time({}, {}));
  EXPECT_TRUE(algorithms::equal_constant_time(pattern(9), pattern(9)));
  EXPECT_FALSE(algorithms::equal_constant_time(pattern(9), pattern(8)));
  EXPECT_FALSE(algorithms::equal_constant_time(pattern(9), pattern(9, 1)));
}

}  // namespace
}  // namespace strongroom
