// RSA and EC keys: what is generated, how keys are written and read, and which are refused.
#include <openssl/x509.h>

#include <algorithm>

#include "test/public_key_support.h"
#include "token/algorithms/der.h"
#include "token/algorithms/key_encoding.h"
#include "token/no_wait.h"

namespace strongroom {
namespace {

using algorithms::field_length;
using test::Buffer;
using test::Curve;
using test::ec_key;
using test::hex;
using test::kCurves;
using test::pattern;
using test::private_key_of;
using test::read_private_key;
using test::rsa_key;

Buffer copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

constexpr std::array kGroups = {"P-256", "P-384", "P-521", "secp256k1"};
const char* group_of(Curve curve) { return kGroups[static_cast<std::size_t>(curve)]; }

TEST(EcKey, IsWrittenAsOpenSslWritesIt) {
  constexpr std::array<std::size_t, 4> kLengths = {138, 185, 241, 135};
  constexpr std::array<std::size_t, 4> kBits = {256, 384, 521, 256};
  for (const Curve curve : kCurves) {
    const auto index = static_cast<std::size_t>(curve);
    const auto key = ec_key(curve);
    const auto theirs = test::openssl_key(*key);
    ASSERT_NE(theirs, nullptr);
    EXPECT_EQ(key->value().size(), kLengths[index]);
    EXPECT_EQ(test::openssl_pkcs8(theirs.get()), copy(key->value()));
    const auto public_key = key->public_key();
    EXPECT_EQ(public_key->type(), CKK_EC);
    EXPECT_EQ(public_key->curve(), curve);
    EXPECT_EQ(public_key->bits(), kBits[index]);
    EXPECT_EQ(public_key->point().size(), 1 + 2 * field_length(curve));
    EXPECT_TRUE(public_key->modulus().empty() && public_key->exponent().empty());
    unsigned char* info = nullptr;
    const int length = i2d_PUBKEY(theirs.get(), &info);
    EXPECT_EQ(copy(public_key->info()), Buffer(info, info + length));
    OPENSSL_free(info);
    const test::OpenSslContext context(EVP_PKEY_CTX_new(theirs.get(), nullptr));
    EXPECT_EQ(EVP_PKEY_check(context.get()), 1);
  }
}

TEST(EcKey, ReadsWhatOpenSslMakes) {
  for (const Curve curve : kCurves) {
    const auto theirs = test::openssl_generate(group_of(curve));
    const Buffer value = test::openssl_pkcs8(theirs.get());
    const auto key = private_key_of(value);
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(copy(key->value()), value);
    std::shared_ptr<test::PublicKey> by_info, by_point;
    ASSERT_EQ(algorithms::make_public_key(key->public_key()->info(), &by_info), CKR_OK);
    ASSERT_EQ(algorithms::make_ec_public_key(curve, key->public_key()->point(), &by_point), CKR_OK);
    const Buffer digest = pattern(32);
    Buffer signature(2 * field_length(curve));
    ASSERT_EQ(algorithms::ecdsa_sign(*key, digest, signature), CKR_OK);
    EXPECT_EQ(algorithms::ecdsa_verify(*by_info, digest, signature), CKR_OK);
    EXPECT_EQ(algorithms::ecdsa_verify(*by_point, digest, signature), CKR_OK);
  }
}

// RFC 5915 lets writers leave the point out and name the curve twice.
TEST(EcKey, ReadsTheOtherFormsOfTheStandardAndWritesItsOwn) {
  for (const Curve curve : kCurves) {
    const auto key = ec_key(curve);
    algorithms::DecodedPrivateKey parts;
    ASSERT_TRUE(algorithms::read_pkcs8(key->value(), &parts));
    const auto write = [&](bool parameters, bool point, Bytes named) {
      Buffer room(400);
      algorithms::der::Writer out(room);
      if (point) {
        out.bit_string(parts.ec.point);
        out.enclose(algorithms::der::kContext1, 0);
      }
      if (parameters) {
        const std::size_t end = out.length();
        out.bytes(named);
        out.enclose(algorithms::der::kContext0, end);
      }
      out.element(algorithms::der::kOctetString, parts.ec.scalar);
      out.unsigned_integer(hex("01"));
      out.enclose(algorithms::der::kSequence, 0);
      out.enclose(algorithms::der::kOctetString, 0);
      const std::size_t end = out.length();
      out.bytes(algorithms::curve_parameters(curve));
      out.element(algorithms::der::kObjectIdentifier, hex("2a8648ce3d0201"));
      out.enclose(algorithms::der::kSequence, end);
      out.unsigned_integer({});
      out.enclose(algorithms::der::kSequence, 0);
      return copy(out.written());
    };
    const Bytes named = algorithms::curve_parameters(curve);
    for (const bool parameters : {false, true})
      for (const bool point : {false, true}) {
        const auto read = private_key_of(write(parameters, point, named));
        ASSERT_NE(read, nullptr);
        EXPECT_EQ(copy(read->value()), copy(key->value()));
      }
    const Bytes other =
        algorithms::curve_parameters(curve == Curve::kP256 ? Curve::kP384 : Curve::kP256);
    EXPECT_EQ(read_private_key(write(true, true, other)), CKR_ATTRIBUTE_VALUE_INVALID);
  }
}

TEST(EcKey, RefusesPointsThatAreNone) {
  for (const Curve curve : kCurves) {
    const Buffer good = copy(ec_key(curve)->public_key()->point());
    const std::size_t field = field_length(curve);
    std::shared_ptr<test::PublicKey> key;
    const auto answer = [&](const Buffer& point) {
      return algorithms::make_ec_public_key(curve, point, &key);
    };
    for (const unsigned form : {0x00U, 0x02U, 0x03U, 0x05U, 0x06U, 0x07U}) {
      Buffer point = good;
      point[0] = static_cast<std::uint8_t>(form);
      EXPECT_EQ(answer(point), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    for (std::size_t at = 1; at < good.size(); at += 5) {  // off the curve
      Buffer point = good;
      point[at] ^= 0x10;
      EXPECT_EQ(answer(point), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    Buffer compressed(good.begin(), good.begin() + 1 + static_cast<std::ptrdiff_t>(field));
    compressed[0] = static_cast<std::uint8_t>(2 + (good.back() & 1));
    EXPECT_EQ(answer(compressed), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(answer({0}), CKR_ATTRIBUTE_VALUE_INVALID);  // infinity
    EXPECT_EQ(answer({}), CKR_ATTRIBUTE_VALUE_INVALID);
    Buffer zero(good.size());
    zero[0] = 4;
    EXPECT_EQ(answer(zero), CKR_ATTRIBUTE_VALUE_INVALID);
    Buffer beyond(good.size(), 0xff);  // coordinates above the field's prime
    beyond[0] = 4;
    EXPECT_EQ(answer(beyond), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(key, nullptr);
    EXPECT_EQ(answer(good), CKR_OK);
  }
  // A good point of another curve with coordinates of the same length.
  std::shared_ptr<test::PublicKey> key;
  EXPECT_EQ(algorithms::make_ec_public_key(Curve::kP256,
                                           ec_key(Curve::kSecp256k1)->public_key()->point(), &key),
            CKR_ATTRIBUTE_VALUE_INVALID);
}

TEST(EcKey, RefusesScalarsOutOfRangeAndPointsOfOthers) {
  constexpr std::array kOrders = {
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
      "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc5"
      "29"
      "73",
      "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148"
      "f7"
      "09a5d03bb5c9b8899c47aebb6fb71e91386409",
      "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"};
  for (const Curve curve : kCurves) {
    const auto key = ec_key(curve);
    std::shared_ptr<test::PrivateKey> other;
    ASSERT_EQ(algorithms::generate_ec_key(curve, &other), CKR_OK);
    const auto write = [&](const Buffer& scalar, Bytes point) {
      return copy(algorithms::write_pkcs8(algorithms::EcNumbers{curve, scalar, point}).bytes());
    };
    const std::size_t field = field_length(curve);
    const Bytes point = key->public_key()->point();
    for (const Buffer& scalar : {Buffer(field), hex(kOrders[static_cast<std::size_t>(curve)]),
                                 Buffer(field, 0xff), Buffer(field - 1, 1), Buffer(field + 1, 1)})
      EXPECT_EQ(read_private_key(write(scalar, point)), CKR_ATTRIBUTE_VALUE_INVALID);
    algorithms::DecodedPrivateKey parts;
    ASSERT_TRUE(algorithms::read_pkcs8(key->value(), &parts));
    const Buffer scalar = copy(parts.ec.scalar);
    EXPECT_EQ(read_private_key(write(scalar, other->public_key()->point())),
              CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(read_private_key(write(scalar, point)), CKR_OK);
  }
}

TEST(RsaKey, IsWrittenAsOpenSslWritesIt) {
  for (const std::size_t bits : {2048U, 3072U, 4096U}) {
    const auto key = rsa_key(bits);
    const auto theirs = test::openssl_key(*key);
    ASSERT_NE(theirs, nullptr);
    EXPECT_EQ(test::openssl_pkcs8(theirs.get()), copy(key->value()));
    const auto public_key = key->public_key();
    EXPECT_EQ(public_key->type(), CKK_RSA);
    EXPECT_EQ(public_key->bits(), bits);
    EXPECT_EQ(public_key->modulus().size(), bits / 8);
    EXPECT_EQ(copy(public_key->exponent()), hex("010001"));
    EXPECT_TRUE(public_key->point().empty());
    unsigned char* info = nullptr;
    const int length = i2d_PUBKEY(theirs.get(), &info);
    EXPECT_EQ(copy(public_key->info()), Buffer(info, info + length));
    OPENSSL_free(info);
    const test::OpenSslContext context(EVP_PKEY_CTX_new(theirs.get(), nullptr));
    EXPECT_EQ(EVP_PKEY_check(context.get()), 1);
  }
}

TEST(RsaKey, OtherSizesAreNotGenerated) {
  std::shared_ptr<test::PrivateKey> key;
  for (const std::size_t bits : {0U, 512U, 1024U, 2047U, 2049U, 2056U, 8192U})
    EXPECT_EQ(algorithms::generate_rsa_key(bits, &key), CKR_ATTRIBUTE_VALUE_INVALID);
  EXPECT_EQ(key, nullptr);
}

TEST(RsaKey, ReadsWhatOpenSslMakes) {
  const test::OpenSslKey theirs(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(2048)));
  const Buffer value = test::openssl_pkcs8(theirs.get());
  const auto key = private_key_of(value);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(copy(key->value()), value);
  std::shared_ptr<test::PublicKey> by_info, by_numbers;
  ASSERT_EQ(algorithms::make_public_key(key->public_key()->info(), &by_info), CKR_OK);
  Buffer modulus = copy(key->public_key()->modulus());
  modulus.insert(modulus.begin(), 3, 0);  // leading zeros
  ASSERT_EQ(algorithms::make_rsa_public_key(modulus, hex("00010001"), &by_numbers), CKR_OK);
  EXPECT_EQ(copy(by_numbers->info()), copy(by_info->info()));
}

TEST(RsaKey, RefusesPublicNumbersOfNoKey) {
  const Buffer modulus = copy(rsa_key(2048)->public_key()->modulus());
  const Buffer exponent = hex("010001");
  std::shared_ptr<test::PublicKey> key;
  const auto answer = [&](const Buffer& n, const Buffer& e) {
    return algorithms::make_rsa_public_key(n, e, &key);
  };
  for (const Buffer& wrong :
       {Buffer(), hex("00"), hex("01"), hex("02"), hex("010000"), Buffer(9, 1)})
    EXPECT_EQ(answer(modulus, wrong), CKR_ATTRIBUTE_VALUE_INVALID);
  Buffer even = modulus, longer = modulus;
  even.back() &= 0xfe;
  longer.insert(longer.begin(), 257, 1);
  const Buffer shorter(modulus.begin() + 1, modulus.end());
  Buffer one_bit_less = modulus;
  one_bit_less[0] &= 0x7f;
  for (const Buffer& wrong : {Buffer(), Buffer(256), even, longer, shorter, one_bit_less})
    EXPECT_EQ(answer(wrong, exponent), CKR_ATTRIBUTE_VALUE_INVALID);
  EXPECT_EQ(key, nullptr);
  for (const char* const good : {"03", "010001", "8000000000000001"})
    EXPECT_EQ(answer(modulus, hex(good)), CKR_OK);
}

TEST(RsaKey, RefusesNumbersThatDoNotFitTogether) {
  const auto key = rsa_key(2048);
  algorithms::DecodedPrivateKey parts;
  ASSERT_TRUE(algorithms::read_pkcs8(key->value(), &parts));
  using Numbers = algorithms::RsaNumbers;
  EXPECT_EQ(read_private_key(algorithms::write_pkcs8(parts.rsa).bytes()), CKR_OK);
  for (const auto member :
       {&Numbers::modulus, &Numbers::exponent, &Numbers::private_exponent, &Numbers::prime1,
        &Numbers::prime2, &Numbers::exponent1, &Numbers::exponent2, &Numbers::coefficient}) {
    const Bytes original = parts.rsa.*member;
    Buffer changed = copy(original);
    changed[changed.size() / 2] ^= 4;
    for (const Buffer& wrong : {changed, Buffer(), hex("01"), hex("03"), Buffer(300, 0x55)}) {
      Numbers numbers = parts.rsa;
      numbers.*member = wrong;
      EXPECT_EQ(read_private_key(algorithms::write_pkcs8(numbers).bytes()),
                CKR_ATTRIBUTE_VALUE_INVALID);
    }
  }
  Numbers swapped = parts.rsa;
  std::swap(swapped.prime1, swapped.prime2);
  EXPECT_EQ(read_private_key(algorithms::write_pkcs8(swapped).bytes()),
            CKR_ATTRIBUTE_VALUE_INVALID);
}

// Every byte of the structure matters, and nothing may be cut off or added.
TEST(KeyEncoding, DamagedEncodingsAreRefused) {
  for (const auto& key : {ec_key(Curve::kP256), ec_key(Curve::kSecp256k1), rsa_key(2048)}) {
    const Buffer value = copy(key->value()), info = copy(key->public_key()->info());
    std::shared_ptr<test::PublicKey> read;
    for (std::size_t length = 0; length < value.size(); length += 1 + value.size() / 300)
      ASSERT_EQ(read_private_key(Bytes(value).first(length)), CKR_ATTRIBUTE_VALUE_INVALID);
    for (std::size_t length = 0; length < info.size(); ++length)
      ASSERT_EQ(algorithms::make_public_key(Bytes(info).first(length), &read),
                CKR_ATTRIBUTE_VALUE_INVALID);
    Buffer longer_value = value, longer_info = info;
    longer_value.push_back(0);
    longer_info.push_back(0);
    EXPECT_EQ(read_private_key(longer_value), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(algorithms::make_public_key(longer_info, &read), CKR_ATTRIBUTE_VALUE_INVALID);
    for (std::size_t at = 0; at < value.size(); ++at) {
      Buffer changed = value;
      changed[at] ^= 0x01;
      ASSERT_EQ(read_private_key(changed), CKR_ATTRIBUTE_VALUE_INVALID) << at;
    }
    EXPECT_EQ(read, nullptr);
  }
}

TEST(KeyEncoding, OnlyDerIsRead) {
  algorithms::der::Reader in;
  Bytes content;
  const auto reads = [&](const char* digits) {
    const Buffer bytes = hex(digits);
    return algorithms::der::Reader(bytes).element(0x04, &content);
  };
  EXPECT_TRUE(reads("0400"));
  EXPECT_TRUE(reads("04020102"));
  for (const char* const wrong : {"", "04", "0401", "048100", "04810101", "0482000101", "0480",
                                  "0480010000", "0483000001", "04840000000101", "0500"})
    EXPECT_FALSE(reads(wrong)) << wrong;
  const auto number = [&](const char* digits) {
    const Buffer bytes = hex(digits);
    return algorithms::der::Reader(bytes).unsigned_integer(&content);
  };
  EXPECT_TRUE(number("020100"));
  EXPECT_TRUE(number("02020080"));
  for (const char* const wrong : {"0200", "020180", "0201ff", "02020001", "0202007f", "02020000"})
    EXPECT_FALSE(number(wrong)) << wrong;
}

TEST(KeyEncoding, SlowReadingIsNotForAThreadThatMayNotWait) {
  const auto read = [](const algorithms::PrivateKey& key) {
    const Buffer pkcs8 = copy(key.value());
    no_wait = true;
    const CK_RV rv = read_private_key(pkcs8);
    no_wait = false;
    return rv;
  };
  EXPECT_EQ(read(*rsa_key(2048)), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(read(*ec_key(Curve::kP384)), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(read(*ec_key(Curve::kP521)), CKR_STRONGROOM_BUSY);
  EXPECT_EQ(read(*ec_key(Curve::kP256)), CKR_OK);
}

TEST(Curves, AreKnownByTheirParameters) {
  for (const Curve curve : kCurves) {
    Curve found = curve == Curve::kP256 ? Curve::kP384 : Curve::kP256;
    EXPECT_TRUE(algorithms::curve_of_parameters(algorithms::curve_parameters(curve), &found));
    EXPECT_EQ(found, curve);
  }
  Curve found = Curve::kP256;
  for (const char* const other : {"", "06", "06052b81040021", "06052b8104002200"})
    EXPECT_FALSE(algorithms::curve_of_parameters(hex(other), &found));
}

}  // namespace
}  // namespace strongroom
