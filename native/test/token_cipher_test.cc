// Symmetric encryption mechanisms, whole and in parts: published results, the conventions for
// lengths, and every refusal (PKCS#11 v3.2, 5.2, 5.8, 5.10, 6.10 to 6.13, 6.58, 6.61). Long because
// every mechanism goes through every case.
#include <cstring>
#include <functional>
#include <random>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

// A mechanism with a parameter of its own.
class Cipher {
 public:
  const char* name;
  CK_KEY_TYPE key_type;
  std::size_t block;     // plaintext comes in blocks of this many bytes; 1: any length
  std::size_t tail;      // bytes of ciphertext beyond the plaintext: tag, or padding at most
  bool held_back;        // decryption in parts gives nothing before the end
  bool gathers = false;  // encryption, too
  std::function<CK_MECHANISM(std::size_t length)> mechanism;
};

CK_BYTE iv[16] = {0xf0, 0xf1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
CK_BYTE aad[] = {'a', 'a', 'd'};
CK_BYTE counter[4] = {1, 0, 0, 0};

std::vector<Cipher> ciphers() {
  return {
      {"ECB", CKK_AES, 16, 0, false, false,
       [](std::size_t) {
         return CK_MECHANISM{CKM_AES_ECB, nullptr, 0};
       }},
      {"CBC", CKK_AES, 16, 0, false, false,
       [](std::size_t) {
         return CK_MECHANISM{CKM_AES_CBC, iv, 16};
       }},
      {"CBC_PAD", CKK_AES, 1, 16, false, false,
       [](std::size_t) {
         return CK_MECHANISM{CKM_AES_CBC_PAD, iv, 16};
       }},
      {"CTR", CKK_AES, 1, 0, false, false,
       [](std::size_t) {
         static CK_AES_CTR_PARAMS parameters{32, {}};
         std::memcpy(parameters.cb, iv, 8);
         return CK_MECHANISM{CKM_AES_CTR, &parameters, sizeof(parameters)};
       }},
      {"GCM", CKK_AES, 1, 16, true, false,
       [](std::size_t) {
         static CK_GCM_PARAMS parameters{iv, 12, 96, aad, 3, 128};
         return CK_MECHANISM{CKM_AES_GCM, &parameters, sizeof(parameters)};
       }},
      {"CCM", CKK_AES, 1, 12, true, true,
       [](std::size_t length) {
         static CK_CCM_PARAMS parameters;
         parameters = {length, iv, 11, aad, 3, 12};
         return CK_MECHANISM{CKM_AES_CCM, &parameters, sizeof(parameters)};
       }},
      {"CHACHA20", CKK_CHACHA20, 1, 0, false, false,
       [](std::size_t) {
         static CK_CHACHA20_PARAMS parameters{counter, 32, iv, 96};
         return CK_MECHANISM{CKM_CHACHA20, &parameters, sizeof(parameters)};
       }},
      {"CHACHA20_POLY1305", CKK_CHACHA20, 1, 16, true, false,
       [](std::size_t) {
         static CK_SALSA20_CHACHA20_POLY1305_PARAMS parameters{iv, 96, aad, 3};
         return CK_MECHANISM{CKM_CHACHA20_POLY1305, &parameters, sizeof(parameters)};
       }},
  };
}

class TokenCipherTest : public TokenTest {
 protected:
  using Init = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
  using Run = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
  using Final = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
  struct Way {
    Init init;
    Run single;
    Run update;
    Final final;
  };
  static Way encrypting() {
    return {c().C_EncryptInit, c().C_Encrypt, c().C_EncryptUpdate, c().C_EncryptFinal};
  }
  static Way decrypting() {
    return {c().C_DecryptInit, c().C_Decrypt, c().C_DecryptUpdate, c().C_DecryptFinal};
  }

  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }

  CK_OBJECT_HANDLE key_for(CK_KEY_TYPE type, const ByteString& value) const {
    return create_secret(session, type, value, {CKA_ENCRYPT, CKA_DECRYPT});
  }
  CK_OBJECT_HANDLE key_for(const Cipher& cipher) const {
    return key_for(cipher.key_type, ByteString(32, 7));
  }

  CK_RV single(const Way& way, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteString data,
               ByteString* out) const {
    if (const CK_RV rv = way.init(session, &mechanism, key); rv != CKR_OK) return rv;
    out->assign(data.size() + 32, 0xee);
    CK_ULONG length = out->size();
    const CK_RV rv = way.single(session, data.data(), data.size(), out->data(), &length);
    out->resize(rv == CKR_OK ? length : 0);
    return rv;
  }

  // In parts of these lengths, in place where asked.
  CK_RV parts(const Way& way, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, const ByteString& data,
              const std::vector<std::size_t>& lengths, bool in_place, ByteString* out) const {
    if (const CK_RV rv = way.init(session, &mechanism, key); rv != CKR_OK) return rv;
    out->clear();
    std::size_t at = 0;
    for (std::size_t each : lengths) {
      ByteString part(data.begin() + static_cast<std::ptrdiff_t>(at),
                      data.begin() + static_cast<std::ptrdiff_t>(at + each));
      part.resize(each + 32);
      ByteString apart(each + 32);
      CK_ULONG wanted = 0;
      if (const CK_RV rv = way.update(session, part.data(), each, nullptr, &wanted); rv != CKR_OK)
        return rv;
      CK_BYTE* const to = in_place ? part.data() : apart.data();
      CK_ULONG length = wanted;
      if (const CK_RV rv = way.update(session, part.data(), each, to, &length); rv != CKR_OK)
        return rv;
      EXPECT_EQ(length, wanted);
      out->insert(out->end(), to, to + length);
      at += each;
    }
    EXPECT_EQ(at, data.size());
    CK_ULONG wanted = 0;
    if (const CK_RV rv = way.final(session, nullptr, &wanted); rv != CKR_OK) return rv;
    ByteString last(wanted + 1);
    CK_ULONG length = wanted;
    const CK_RV rv = way.final(session, last.data(), &length);
    if (rv == CKR_OK)
      out->insert(out->end(), last.begin(), last.begin() + static_cast<std::ptrdiff_t>(length));
    return rv;
  }

  CK_RV update(const Way& way, const ByteString& part, std::size_t* length) const {
    ByteString out(part.size() + 32);
    CK_ULONG written = out.size();
    const CK_RV rv =
        way.update(session, const_cast<CK_BYTE*>(part.data()), part.size(), out.data(), &written);
    *length = written;
    return rv;
  }

  CK_SESSION_HANDLE session = 0;
};

// SP 800-38A, appendix F: the same plaintext throughout.
const char* const kSp800Plaintext =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

struct Known {
  CK_MECHANISM_TYPE type;
  const char* key;
  const char* iv;
  const char* ciphertext;
};
const Known kKnown[] = {
    {CKM_AES_ECB, "2b7e151628aed2a6abf7158809cf4f3c", "",
     "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
     "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"},
    {CKM_AES_CBC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
     "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
    {CKM_AES_CBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
     "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
    {CKM_AES_CTR, "2b7e151628aed2a6abf7158809cf4f3c", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
     "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
};

TEST_F(TokenCipherTest, BlockAndCounterModesGiveThePublishedResults) {
  for (const Known& known : kKnown) {
    const CK_OBJECT_HANDLE key = key_for(CKK_AES, from_hex(known.key));
    ByteString start = from_hex(known.iv);
    CK_AES_CTR_PARAMS ctr{128, {}};
    CK_MECHANISM mechanism{known.type, start.empty() ? nullptr : start.data(), start.size()};
    if (known.type == CKM_AES_CTR) {
      std::memcpy(ctr.cb, start.data(), 16);
      mechanism = {known.type, &ctr, sizeof(ctr)};
    }
    ByteString out;
    ASSERT_CKR(CKR_OK, single(encrypting(), mechanism, key, from_hex(kSp800Plaintext), &out));
    EXPECT_EQ(out, from_hex(known.ciphertext));
    ASSERT_CKR(CKR_OK, single(decrypting(), mechanism, key, from_hex(known.ciphertext), &out));
    EXPECT_EQ(out, from_hex(kSp800Plaintext));
  }
}

TEST_F(TokenCipherTest, CcmGivesThePublishedResults) {
  // SP 800-38C, appendix C, examples 1 to 3.
  struct Example {
    const char *nonce, *aad, *plaintext, *sealed;
    CK_ULONG tag;
  };
  const Example examples[] = {
      {"10111213141516", "0001020304050607", "20212223", "7162015b4dac255d", 4},
      {"1011121314151617", "000102030405060708090a0b0c0d0e0f", "202122232425262728292a2b2c2d2e2f",
       "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd", 6},
      {"101112131415161718191a1b", "000102030405060708090a0b0c0d0e0f10111213",
       "202122232425262728292a2b2c2d2e2f3031323334353637",
       "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951", 8},
  };
  const CK_OBJECT_HANDLE key = key_for(CKK_AES, from_hex("404142434445464748494a4b4c4d4e4f"));
  for (const Example& each : examples) {
    ByteString nonce = from_hex(each.nonce);
    ByteString additional = from_hex(each.aad);
    const ByteString plaintext = from_hex(each.plaintext);
    CK_CCM_PARAMS parameters{plaintext.size(),  nonce.data(),      nonce.size(),
                             additional.data(), additional.size(), each.tag};
    const CK_MECHANISM mechanism{CKM_AES_CCM, &parameters, sizeof(parameters)};
    ByteString out;
    ASSERT_CKR(CKR_OK, single(encrypting(), mechanism, key, plaintext, &out));
    EXPECT_EQ(out, from_hex(each.sealed));
    ASSERT_CKR(CKR_OK, single(decrypting(), mechanism, key, from_hex(each.sealed), &out));
    EXPECT_EQ(out, plaintext);
  }
}

TEST_F(TokenCipherTest, ChaCha20GivesThePublishedResults) {
  // RFC 8439, 2.4.2 and 2.8.2.
  const ByteString plaintext = bytes_of(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.");
  ByteString nonce = from_hex("000000000000004a00000000");
  CK_CHACHA20_PARAMS parameters{counter, 32, nonce.data(), 96};
  ByteString out;
  ASSERT_CKR(
      CKR_OK,
      single(encrypting(), {CKM_CHACHA20, &parameters, sizeof(parameters)},
             key_for(CKK_CHACHA20,
                     from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")),
             plaintext, &out));
  EXPECT_EQ(out, from_hex("6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5"
                          "524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a61"
                          "56a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eed"
                          "f2785e42874d"));

  nonce = from_hex("070000004041424344454647");
  ByteString additional = from_hex("50515253c0c1c2c3c4c5c6c7");
  const CK_OBJECT_HANDLE key = key_for(
      CKK_CHACHA20, from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"));
  for (CK_ULONG length : {96, 12}) {
    CK_SALSA20_CHACHA20_POLY1305_PARAMS aead{nonce.data(), length, additional.data(),
                                             additional.size()};
    ASSERT_CKR(CKR_OK, single(encrypting(), {CKM_CHACHA20_POLY1305, &aead, sizeof(aead)}, key,
                              plaintext, &out));
    EXPECT_EQ(ByteString(out.end() - 16, out.end()), from_hex("1ae10b594f09e26a7e902ecbd0600691"));
  }
}

TEST_F(TokenCipherTest, PartsGiveWhatOnePartGives) {
  std::mt19937 random(20260101);
  for (const Cipher& cipher : ciphers()) {
    const CK_OBJECT_HANDLE key = key_for(cipher);
    for (std::size_t length : {0, 1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 100, 1000, 4096}) {
      length -= length % cipher.block;
      ByteString data(length);
      for (CK_BYTE& byte : data) byte = static_cast<CK_BYTE>(random());
      SCOPED_TRACE(std::string(cipher.name) + " " + std::to_string(length));
      const CK_MECHANISM mechanism = cipher.mechanism(length);
      ByteString whole;
      ASSERT_CKR(CKR_OK, single(encrypting(), mechanism, key, data, &whole));
      ByteString back;
      ASSERT_CKR(CKR_OK, single(decrypting(), mechanism, key, whole, &back));
      EXPECT_EQ(back, data);
      for (int round = 0; round < 6; ++round) {
        const auto cut = [&](std::size_t total) {
          std::vector<std::size_t> lengths;
          while (total != 0) {
            const std::size_t each =
                std::min<std::size_t>(total, random() % (round < 3 ? 20 : 600));
            lengths.push_back(each);
            total -= each;
          }
          return lengths;
        };
        const bool in_place = round % 2 != 0;
        ByteString out;
        ASSERT_CKR(CKR_OK,
                   parts(encrypting(), mechanism, key, data, cut(data.size()), in_place, &out));
        EXPECT_EQ(out, whole);
        ASSERT_CKR(CKR_OK,
                   parts(decrypting(), mechanism, key, whole, cut(whole.size()), in_place, &out));
        EXPECT_EQ(out, data);
      }
    }
  }
}

TEST_F(TokenCipherTest, SinglePartsWorkInPlace) {
  for (const Cipher& cipher : ciphers()) {
    const CK_OBJECT_HANDLE key = key_for(cipher);
    ByteString room(80, 5);
    CK_MECHANISM mechanism = cipher.mechanism(48);
    ByteString apart;
    ASSERT_CKR(CKR_OK, single(encrypting(), mechanism, key, ByteString(48, 5), &apart));
    CK_ULONG length = room.size();
    ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
    ASSERT_CKR(CKR_OK, c().C_Encrypt(session, room.data(), 48, room.data(), &length));
    EXPECT_EQ(ByteString(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(length)), apart);
    CK_ULONG opened = room.size();
    ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
    ASSERT_CKR(CKR_OK, c().C_Decrypt(session, room.data(), length, room.data(), &opened));
    EXPECT_EQ(ByteString(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(opened)),
              ByteString(48, 5));
    // Places that share bytes without being the same would destroy each other.
    ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
    length = 70;
    EXPECT_CKR(CKR_ARGUMENTS_BAD,
               c().C_Encrypt(session, room.data(), 48, room.data() + 1, &length));
  }
}

TEST_F(TokenCipherTest, ShortRoomChangesNothing) {
  for (const Cipher& cipher : ciphers()) {
    SCOPED_TRACE(cipher.name);
    const CK_OBJECT_HANDLE key = key_for(cipher);
    CK_MECHANISM mechanism = cipher.mechanism(40 - 40 % cipher.block);
    const ByteString data(40 - 40 % cipher.block, 9);
    ByteString whole;
    ASSERT_CKR(CKR_OK, single(encrypting(), mechanism, key, data, &whole));
    for (bool encrypts : {true, false}) {
      const Way way = encrypts ? encrypting() : decrypting();
      ByteString from = encrypts ? data : whole;
      const ByteString to = encrypts ? whole : data;
      ByteString out(64);
      // One part.
      ASSERT_CKR(CKR_OK, way.init(session, &mechanism, key));
      CK_ULONG length = to.size() - 1;
      EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
                 way.single(session, from.data(), from.size(), out.data(), &length));
      EXPECT_EQ(length, to.size());
      EXPECT_CKR(CKR_OPERATION_ACTIVE, way.init(session, &mechanism, key));
      ASSERT_CKR(CKR_OK, way.single(session, from.data(), from.size(), out.data(), &length));
      EXPECT_EQ(ByteString(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)), to);
      EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
                 way.single(session, from.data(), from.size(), out.data(), &length));
      // Parts.
      ASSERT_CKR(CKR_OK, way.init(session, &mechanism, key));
      CK_ULONG first = 0;
      ASSERT_CKR(CKR_OK, way.update(session, from.data(), from.size(), nullptr, &first));
      if (first != 0) {
        length = first - 1;
        EXPECT_CKR(CKR_BUFFER_TOO_SMALL,
                   way.update(session, from.data(), from.size(), out.data(), &length));
        EXPECT_EQ(length, first);
      }
      length = first;
      ASSERT_CKR(CKR_OK, way.update(session, from.data(), from.size(), out.data(), &length));
      CK_ULONG last = to.size() - first;
      if (last != 0) {
        length = last - 1;
        EXPECT_CKR(CKR_BUFFER_TOO_SMALL, way.final(session, out.data() + first, &length));
        EXPECT_EQ(length, last);
      }
      length = last;
      ASSERT_CKR(CKR_OK, way.final(session, out.data() + first, &length));
      EXPECT_EQ(ByteString(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(to.size())), to);
      EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, way.final(session, out.data(), &length));
    }
  }
}

TEST_F(TokenCipherTest, ErrorsEndTheOperation) {
  const CK_OBJECT_HANDLE key = key_for(CKK_AES, ByteString(16, 3));
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  ByteString out(64);
  CK_ULONG length = out.size();
  CK_BYTE byte = 0;
  for (const Way& way : {encrypting(), decrypting()}) {
    const CK_RV range =
        way.init == c().C_EncryptInit ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    // No whole blocks.
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    EXPECT_CKR(range, way.single(session, out.data(), 17, out.data(), &length));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
               way.single(session, out.data(), 16, out.data(), &length));
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    length = out.size();
    ASSERT_CKR(CKR_OK, way.update(session, &byte, 1, out.data(), &length));
    EXPECT_EQ(length, 0u);
    EXPECT_CKR(range, way.final(session, out.data(), &length));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, way.final(session, out.data(), &length));
    // Null where something is.
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    EXPECT_CKR(CKR_ARGUMENTS_BAD, way.update(session, nullptr, 1, out.data(), &length));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, way.final(session, out.data(), &length));
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    EXPECT_CKR(CKR_ARGUMENTS_BAD, way.update(session, &byte, 1, out.data(), nullptr));
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    EXPECT_CKR(CKR_ARGUMENTS_BAD, way.final(session, out.data(), nullptr));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, way.final(session, out.data(), &length));
    // What began in parts ends in parts.
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    length = out.size();
    ASSERT_CKR(CKR_OK, way.update(session, out.data(), 16, out.data(), &length));
    length = out.size();
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
               way.single(session, out.data(), 16, out.data(), &length));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, way.final(session, out.data(), &length));
    // Cancelled.
    ASSERT_CKR(CKR_OK, way.init(session, &ecb, key));
    length = out.size();
    ASSERT_CKR(CKR_OK, way.update(session, out.data(), 16, out.data(), &length));
    ASSERT_CKR(CKR_OK, way.init(session, nullptr, 0));
    EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, way.final(session, out.data(), &length));
  }
  // Parts of another operation are none of this one.
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &ecb, key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_DecryptUpdate(session, out.data(), 16, out.data(), &length));
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, nullptr, 0));
  // OAEP has single parts only.
  const Pair rsa = make_rsa(session);
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
  CK_MECHANISM rsa_oaep{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &rsa_oaep, rsa.public_key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_EncryptUpdate(session, out.data(), 16, out.data(), &length));
}

TEST_F(TokenCipherTest, AnOperationInPartsEndsWithItsKey) {
  const CK_OBJECT_HANDLE key = key_for(CKK_AES, ByteString(16, 3));
  CK_MECHANISM cbc{CKM_AES_CBC, iv, 16};
  ByteString out(64);
  CK_ULONG length = out.size();
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &cbc, key));
  ASSERT_CKR(CKR_OK, c().C_EncryptUpdate(session, out.data(), 16, out.data(), &length));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, key));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED,
             c().C_EncryptUpdate(session, out.data(), 16, out.data(), &length));
}

TEST_F(TokenCipherTest, DamagedPaddingIsRefusedAndLeavesNothing) {
  const CK_OBJECT_HANDLE key = key_for(CKK_AES, ByteString(32, 3));
  const CK_MECHANISM cbc{CKM_AES_CBC, iv, 16};
  const CK_MECHANISM padded{CKM_AES_CBC_PAD, iv, 16};
  // Every last byte, behind a block that makes all of them wrong but its own and 1.
  for (unsigned last = 0; last < 256; ++last) {
    ByteString plaintext(32, 0xa5);
    plaintext[31] = static_cast<CK_BYTE>(last);
    ByteString sealed;
    ASSERT_CKR(CKR_OK, single(encrypting(), cbc, key, plaintext, &sealed));
    for (bool in_parts : {false, true}) {
      ByteString out;
      const CK_RV rv = in_parts ? parts(decrypting(), padded, key, sealed, {20, 12}, false, &out)
                                : single(decrypting(), padded, key, sealed, &out);
      EXPECT_CKR(last == 1 ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID, rv);
    }
  }
  // Padding of every length, and each byte of it changed.
  for (std::size_t length = 1; length <= 16; ++length) {
    for (std::size_t wrong = 0; wrong <= length; ++wrong) {
      ByteString plaintext(32, 0xa5);
      std::fill(plaintext.end() - static_cast<std::ptrdiff_t>(length), plaintext.end(),
                static_cast<CK_BYTE>(length));
      if (wrong != 0) plaintext[32 - wrong] ^= 0x40;
      ByteString sealed;
      ASSERT_CKR(CKR_OK, single(encrypting(), cbc, key, plaintext, &sealed));
      ByteString out;
      EXPECT_CKR(wrong == 0 ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID,
                 single(decrypting(), padded, key, sealed, &out));
      if (wrong == 0) {
        EXPECT_EQ(out, ByteString(32 - length, 0xa5));
      }
    }
  }
  CK_MECHANISM mechanism = padded;
  ByteString sealed;
  ASSERT_CKR(CKR_OK, single(encrypting(), cbc, key, ByteString(32, 0xa5), &sealed));
  ByteString out(32, 0);
  CK_ULONG length = out.size();
  ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
  EXPECT_CKR(CKR_ENCRYPTED_DATA_INVALID,
             c().C_Decrypt(session, sealed.data(), 32, out.data(), &length));
  EXPECT_EQ(out, ByteString(32, 0));
  for (CK_ULONG wrong : {0, 15, 17}) {
    ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
    EXPECT_CKR(CKR_ENCRYPTED_DATA_LEN_RANGE,
               c().C_Decrypt(session, sealed.data(), wrong, out.data(), &length));
  }
}

TEST_F(TokenCipherTest, NoPlaintextBeforeItsTagIsChecked) {
  for (const Cipher& cipher : ciphers()) {
    if (!cipher.held_back) continue;
    SCOPED_TRACE(cipher.name);
    const CK_OBJECT_HANDLE key = key_for(cipher);
    CK_MECHANISM mechanism = cipher.mechanism(64);
    ByteString sealed;
    ASSERT_CKR(CKR_OK, single(encrypting(), mechanism, key, ByteString(64, 9), &sealed));
    for (std::size_t damaged : {std::size_t{0}, std::size_t{63}, sealed.size() - 1}) {
      ByteString forged = sealed;
      forged[damaged] ^= 1;
      ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
      std::size_t length = 1;
      ASSERT_CKR(CKR_OK, update(decrypting(), forged, &length));
      EXPECT_EQ(length, 0u);
      ByteString out(64, 0);
      CK_ULONG room = out.size();
      EXPECT_CKR(CKR_ENCRYPTED_DATA_INVALID, c().C_DecryptFinal(session, out.data(), &room));
      EXPECT_EQ(out, ByteString(64, 0));
      EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_DecryptFinal(session, out.data(), &room));
      // The key's contexts are as good as before.
      ByteString opened;
      ASSERT_CKR(CKR_OK, single(decrypting(), mechanism, key, sealed, &opened));
      EXPECT_EQ(opened, ByteString(64, 9));
    }
    ASSERT_CKR(CKR_OK, c().C_DecryptInit(session, &mechanism, key));
    std::size_t length = 1;
    ASSERT_CKR(CKR_OK, update(decrypting(), ByteString(3), &length));
    CK_ULONG room = 0;
    EXPECT_CKR(CKR_ENCRYPTED_DATA_LEN_RANGE, c().C_DecryptFinal(session, nullptr, &room));
  }
}

TEST_F(TokenCipherTest, CountersAreNotCountedPastTheirEnd) {
  const CK_OBJECT_HANDLE key = key_for(CKK_AES, ByteString(32, 3));
  struct Case {
    CK_ULONG bits;
    const char* block;
    std::size_t longest;
  };
  for (const Case& each : {Case{1, "00000000000000000000000000000000", 32},
                           {1, "00000000000000000000000000000001", 16},
                           {8, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaafd", 48},
                           {32, "000000000000000000000000fffffffe", 32},
                           {64, "0000000000000000ffffffffffffffff", 16},
                           {65, "0000000000000001ffffffffffffffff", 16},
                           {128, "ffffffffffffffffffffffffffffffff", 16}}) {
    CK_AES_CTR_PARAMS parameters{each.bits, {}};
    const ByteString block = from_hex(each.block);
    std::memcpy(parameters.cb, block.data(), 16);
    const CK_MECHANISM mechanism{CKM_AES_CTR, &parameters, sizeof(parameters)};
    ByteString out;
    EXPECT_CKR(CKR_OK, single(encrypting(), mechanism, key, ByteString(each.longest), &out));
    EXPECT_CKR(CKR_DATA_LEN_RANGE,
               single(encrypting(), mechanism, key, ByteString(each.longest + 1), &out));
    EXPECT_CKR(CKR_ENCRYPTED_DATA_LEN_RANGE,
               single(decrypting(), mechanism, key, ByteString(each.longest + 1), &out));
    EXPECT_CKR(CKR_DATA_LEN_RANGE, parts(encrypting(), mechanism, key, ByteString(each.longest + 1),
                                         {each.longest, 1}, false, &out));
  }
  // Not the last value of a wider counter: there is room.
  for (const Case& each : {Case{65, "0000000000000000ffffffffffffffff", 64},
                           {33, "000000000000000000000000fffffffe", 64}}) {
    CK_AES_CTR_PARAMS parameters{each.bits, {}};
    const ByteString block = from_hex(each.block);
    std::memcpy(parameters.cb, block.data(), 16);
    ByteString out;
    EXPECT_CKR(CKR_OK, single(encrypting(), {CKM_AES_CTR, &parameters, sizeof(parameters)}, key,
                              ByteString(each.longest), &out));
  }
  const CK_OBJECT_HANDLE chacha = key_for(CKK_CHACHA20, ByteString(32, 3));
  ByteString end(8, 0xff);
  CK_CHACHA20_PARAMS narrow{end.data(), 32, iv, 96};
  CK_CHACHA20_PARAMS wide{end.data(), 64, iv, 64};
  for (CK_CHACHA20_PARAMS* parameters : {&narrow, &wide}) {
    const CK_MECHANISM mechanism{CKM_CHACHA20, parameters, sizeof(*parameters)};
    ByteString out;
    EXPECT_CKR(CKR_OK, single(encrypting(), mechanism, chacha, ByteString(64), &out));
    EXPECT_CKR(CKR_DATA_LEN_RANGE, single(encrypting(), mechanism, chacha, ByteString(65), &out));
  }
}

TEST_F(TokenCipherTest, ParametersAreChecked) {
  const CK_OBJECT_HANDLE key = key_for(CKK_AES, ByteString(32, 3));
  const CK_OBJECT_HANDLE chacha = key_for(CKK_CHACHA20, ByteString(32, 3));
  const auto refused = [&](CK_MECHANISM_TYPE type, void* parameter, CK_ULONG length) {
    CK_MECHANISM mechanism{type, parameter, length};
    const bool of_chacha = type == CKM_CHACHA20 || type == CKM_CHACHA20_POLY1305;
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               c().C_EncryptInit(session, &mechanism, of_chacha ? chacha : key));
    EXPECT_CKR(CKR_MECHANISM_PARAM_INVALID,
               c().C_DecryptInit(session, &mechanism, of_chacha ? chacha : key));
  };
  refused(CKM_AES_ECB, iv, 16);
  refused(CKM_AES_CBC, nullptr, 0);
  refused(CKM_AES_CBC, iv, 15);
  refused(CKM_AES_CBC_PAD, iv, 12);
  for (CK_ULONG bits : {0, 129}) {
    CK_AES_CTR_PARAMS ctr{bits, {}};
    refused(CKM_AES_CTR, &ctr, sizeof(ctr));
  }
  for (CK_CCM_PARAMS ccm : {CK_CCM_PARAMS{0, iv, 6, aad, 3, 8},
                            {0, iv, 14, aad, 3, 8},
                            {0, iv, 12, aad, 3, 3},
                            {0, iv, 12, aad, 3, 18},
                            {0, iv, 12, aad, 3, 5},
                            {0, nullptr, 12, aad, 3, 8},
                            {0, iv, 12, nullptr, 3, 8},
                            {65536, iv, 13, aad, 3, 8}})
    refused(CKM_AES_CCM, &ccm, sizeof(ccm));
  for (CK_CHACHA20_PARAMS each : {CK_CHACHA20_PARAMS{counter, 32, iv, 64},
                                  {counter, 16, iv, 96},
                                  {nullptr, 32, iv, 96},
                                  {counter, 32, nullptr, 96},
                                  {counter, 32, iv, 192}})
    refused(CKM_CHACHA20, &each, sizeof(each));
  for (CK_SALSA20_CHACHA20_POLY1305_PARAMS each :
       {CK_SALSA20_CHACHA20_POLY1305_PARAMS{iv, 64, aad, 3},
        {iv, 192, aad, 3},
        {nullptr, 96, aad, 3},
        {iv, 96, nullptr, 3}})
    refused(CKM_CHACHA20_POLY1305, &each, sizeof(each));
  // CCM's message has the length that was named.
  CK_CCM_PARAMS ccm{16, iv, 12, aad, 3, 8};
  const CK_MECHANISM mechanism{CKM_AES_CCM, &ccm, sizeof(ccm)};
  ByteString out;
  EXPECT_CKR(CKR_DATA_LEN_RANGE, single(encrypting(), mechanism, key, ByteString(15), &out));
  EXPECT_CKR(CKR_ENCRYPTED_DATA_LEN_RANGE,
             single(decrypting(), mechanism, key, ByteString(25), &out));
  EXPECT_CKR(CKR_DATA_LEN_RANGE,
             parts(encrypting(), mechanism, key, ByteString(15), {15}, false, &out));
  // Keys of the other cipher.
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, c().C_EncryptInit(session, &ecb, chacha));
}

TEST_F(TokenCipherTest, ChaCha20KeysHaveOneLength) {
  CK_OBJECT_HANDLE key = 0;
  Attributes plain;
  ASSERT_CKR(CKR_OK, generate(session, CKM_CHACHA20_KEY_GEN, plain, &key));
  EXPECT_TRUE(flag(session, key, CKA_ENCRYPT));
  EXPECT_FALSE(flag(session, key, CKA_SIGN));
  ByteString out;
  CK_SALSA20_CHACHA20_POLY1305_PARAMS parameters{iv, 96, nullptr, 0};
  EXPECT_CKR(CKR_OK, single(encrypting(), {CKM_CHACHA20_POLY1305, &parameters, sizeof(parameters)},
                            key, ByteString(5), &out));
  Attributes named;
  named.number(CKA_VALUE_LEN, 32);
  EXPECT_CKR(CKR_OK, generate(session, CKM_CHACHA20_KEY_GEN, named, &key));
  Attributes wrong;
  wrong.number(CKA_VALUE_LEN, 16);
  EXPECT_CKR(CKR_ATTRIBUTE_VALUE_INVALID, generate(session, CKM_CHACHA20_KEY_GEN, wrong, &key));
}

}  // namespace
}  // namespace strongroom::test
