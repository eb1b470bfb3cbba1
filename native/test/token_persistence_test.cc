// What a device keeps: objects, PINs and spent tries across closing and opening, and the bytes of
// its records, read here the way docs/formats/token-objects.md tells another program to.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>

#include "test/persistent_token.h"
#include "token/flash/flash.h"

namespace strongroom::test {

TEST_F(TokenPersistenceTest, KeyPairsComeBack) {
  struct Kind {
    CK_MECHANISM_TYPE generation;
    CK_MECHANISM_TYPE signature;
    CK_ULONG signature_length;
  };
  constexpr Kind kKinds[] = {{CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA256, 64},
                             {CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS, 256}};
  CK_SESSION_HANDLE session = open_session();
  login(session);
  ByteString message = bytes_of("a message");
  std::vector<ByteString> signatures;
  std::vector<ByteString> infos;
  for (const Kind& kind : kKinds) {
    Attributes of_public;
    of_public.flag(CKA_TOKEN, true);
    if (kind.generation == CKM_EC_KEY_PAIR_GEN) {
      of_public.bytes(CKA_EC_PARAMS, p256_parameters());
    } else {
      of_public.number(CKA_MODULUS_BITS, 2048);
    }
    Attributes of_private;
    of_private.flag(CKA_TOKEN, true);
    Pair pair;
    ASSERT_CKR(CKR_OK, generate_pair(session, kind.generation, of_public, of_private, &pair));
    CK_MECHANISM mechanism{kind.signature, nullptr, 0};
    ByteString signature(kind.signature_length);
    CK_ULONG length = signature.size();
    ASSERT_CKR(CKR_OK, sr().SR_Sign(session, &mechanism, pair.private_key, message.data(),
                                    message.size(), signature.data(), &length));
    signatures.push_back(signature);
    infos.emplace_back();
    ASSERT_CKR(CKR_OK, get(session, pair.public_key, CKA_PUBLIC_KEY_INFO, &infos.back()));
  }

  reopen();
  session = open_session();
  Attributes any;
  EXPECT_EQ(find(session, any).size(), 2u);  // the public ones, without a login
  for (std::size_t i = 0; i < 2; ++i) {
    Attributes of_public;
    of_public.number(CKA_CLASS, CKO_PUBLIC_KEY).bytes(CKA_PUBLIC_KEY_INFO, infos[i]);
    const auto found = find(session, of_public);
    ASSERT_EQ(found.size(), 1u);
    CK_MECHANISM mechanism{kKinds[i].signature, nullptr, 0};
    EXPECT_CKR(CKR_OK, sr().SR_Verify(session, &mechanism, found[0], message.data(), message.size(),
                                      signatures[i].data(), signatures[i].size()));
  }
  login(session);
  for (std::size_t i = 0; i < 2; ++i) {
    Attributes of_private;
    of_private.number(CKA_CLASS, CKO_PRIVATE_KEY)
        .bytes(CKA_PUBLIC_KEY_INFO, infos[i])
        .flag(CKA_LOCAL, true)
        .flag(CKA_NEVER_EXTRACTABLE, true);
    const auto found = find(session, of_private);
    ASSERT_EQ(found.size(), 1u);
    CK_MECHANISM mechanism{kKinds[i].signature, nullptr, 0};
    ByteString again(signatures[i].size());
    CK_ULONG length = again.size();
    EXPECT_CKR(CKR_OK, sr().SR_Sign(session, &mechanism, found[0], message.data(), message.size(),
                                    again.data(), &length));
    ByteString value;
    EXPECT_EQ(get(session, found[0], i == 0 ? CKA_VALUE : CKA_PRIME_1, &value),
              CKR_ATTRIBUTE_SENSITIVE);
  }
}

TEST_F(TokenPersistenceTest, ObjectsAndTheirAttributesComeBack) {
  CK_SESSION_HANDLE session = open_session();
  login(session);
  Attributes inner;
  inner.flag(CKA_SENSITIVE, true);
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_TOKEN, true)
      .label("kept")
      .flag(CKA_SENSITIVE, true)
      .nested(CKA_UNWRAP_TEMPLATE, inner)
      .mechanisms({CKM_AES_GCM});
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
  make_aes(session);  // a session object
  Attributes public_attributes;
  aes_template(public_attributes);
  public_attributes.flag(CKA_TOKEN, true).flag(CKA_PRIVATE, false).label("public");
  CK_OBJECT_HANDLE public_key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, public_attributes, &public_key));
  Attributes id;
  id.bytes(CKA_ID, {1, 2, 3});
  ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, id.data(), id.count()));
  const ByteString iv(12, 1);
  ByteString sealed;
  ByteString public_sealed;
  ASSERT_CKR(CKR_OK, encrypt(session, key, iv, {}, bytes_of("data"), &sealed));
  ASSERT_CKR(CKR_OK, encrypt(session, public_key, iv, {}, bytes_of("data"), &public_sealed));
  ByteString unique_id;
  ASSERT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &unique_id));

  reopen();
  session = open_session();
  Attributes all;
  ASSERT_EQ(find(session, all).size(), 1u);  // the public one, without a login
  ByteString opened;
  EXPECT_CKR(CKR_OK, decrypt(session, find(session, all)[0], iv, {}, public_sealed, &opened));
  login(session);
  EXPECT_EQ(find(session, all).size(), 2u);
  Attributes kept;
  kept.label("kept")
      .bytes(CKA_ID, {1, 2, 3})
      .flag(CKA_LOCAL, true)
      .flag(CKA_ALWAYS_SENSITIVE, true);
  const auto found = find(session, kept);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_CKR(CKR_OK, decrypt(session, found[0], iv, {}, sealed, &opened));
  EXPECT_EQ(opened, bytes_of("data"));
  ByteString same_id;
  ASSERT_CKR(CKR_OK, get(session, found[0], CKA_UNIQUE_ID, &same_id));
  EXPECT_EQ(same_id, unique_id);
  ByteString value;
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, found[0], CKA_VALUE, &value));
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, found[0]));

  reopen();
  session = open_session();
  login(session);
  EXPECT_EQ(find(session, all).size(), 1u);
}

TEST_F(TokenPersistenceTest, SpentTriesAndLocksComeBack) {
  for (int i = 0; i < 9; ++i) {
    EXPECT_CKR(CKR_PIN_INCORRECT, try_login(open_session(), CKU_USER, "wrong pin"));
    reopen();
  }
  EXPECT_NE(token_info(slot).flags & CKF_USER_PIN_FINAL_TRY, 0u);
  EXPECT_CKR(CKR_PIN_INCORRECT, try_login(open_session(), CKU_USER, "wrong pin"));
  reopen();
  EXPECT_CKR(CKR_PIN_LOCKED, try_login(open_session(), CKU_USER, kUserPin));
  const CK_SESSION_HANDLE session = open_session();
  login(session, CKU_SO);
  EXPECT_CKR(CKR_OK, c().C_InitPIN(session, text(kUserPin), kUserPin.size()));
  reopen();
  EXPECT_CKR(CKR_OK, try_login(open_session(), CKU_USER, kUserPin));
}

TEST_F(TokenPersistenceTest, SerialNumberAndLabelComeBack) {
  const CK_TOKEN_INFO before = token_info(slot);
  reopen();
  const CK_TOKEN_INFO after = token_info(slot);
  EXPECT_EQ(std::memcmp(before.serialNumber, after.serialNumber, sizeof(before.serialNumber)), 0);
  EXPECT_EQ(std::memcmp(before.label, after.label, sizeof(before.label)), 0);
}

TEST_F(TokenPersistenceTest, AFlashIsUsedOnce) {
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof(config);
  config.pFlashDirectory = flash_directory.c_str();
  config.pRootDirectory = root_directory.c_str();
  config.ulSlotCount = 1;
  SR_DEVICE second;
  EXPECT_CKR(CKR_STRONGROOM_FLASH_IN_USE, sr().SR_OpenDevice(&config, &second));
}

TEST_F(TokenPersistenceTest, ATokenRecordOfALaterBuildIsNotTakenForAnEmptyToken) {
  close();
  auto& files = flash::posix_file_system();
  std::unique_ptr<flash::Flash> flash;
  ASSERT_CKR(CKR_OK,
             flash::Flash::open(files, flash_directory,
                                flash::file_root_secret(files, root_directory), false, &flash));
  ByteString before;
  flash::RecordId id = 0;
  flash->for_each([&](const flash::Record& record) {
    before.assign(record.value.begin(), record.value.end());
    id = record.id;
  });
  const auto put = [&](const ByteString& value) {
    const flash::Change change{.id = id, .slot = 0, .type = 1, .value = value, .erase = false};
    ASSERT_CKR(CKR_OK, flash->commit({&change, 1}));
  };
  ByteString later = before;
  later[0] = 2;
  put(later);
  flash.reset();
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof(config);
  config.pFlashDirectory = flash_directory.c_str();
  config.pRootDirectory = root_directory.c_str();
  config.ulSlotCount = 1;
  EXPECT_CKR(CKR_STRONGROOM_FLASH_VERSION, sr().SR_OpenDevice(&config, &device));
  ASSERT_CKR(CKR_OK,
             flash::Flash::open(files, flash_directory,
                                flash::file_root_secret(files, root_directory), false, &flash));
  ByteString reserved_in_use = before;
  reserved_in_use[2] = 1;
  put(reserved_in_use);
  flash.reset();
  EXPECT_CKR(CKR_STRONGROOM_FLASH_VERSION, sr().SR_OpenDevice(&config, &device));
  ASSERT_CKR(CKR_OK,
             flash::Flash::open(files, flash_directory,
                                flash::file_root_secret(files, root_directory), false, &flash));
  put(before);
  flash.reset();
  open();
  login(open_session());
}

TEST_F(TokenPersistenceTest, RecordsOfLaterBuildsSurvive) {
  close();
  auto& files = flash::posix_file_system();
  const std::uint8_t unknown[] = {9, 9, 9};
  // A public object of a key type this build does not know, with an attribute it does not know:
  // class 4, type 0x77.
  const std::uint8_t object[] = {
      1,    0,    0, 0,                                                 // version 1, public
      0,    0,    0, 0, 8, 0, 0, 0, 4,    0,   0,   0,   0,   0, 0, 0,  // CKA_CLASS
      1,    0,    0, 0, 1, 0, 0, 0, 1,                                  // CKA_TOKEN
      3,    0,    0, 0, 5, 0, 0, 0, 'l',  'a', 't', 'e', 'r',           // CKA_LABEL
      0,    1,    0, 0, 8, 0, 0, 0, 0x77, 0,   0,   0,   0,   0, 0, 0,  // CKA_KEY_TYPE
      0x34, 0x12, 0, 0, 2, 0, 0, 0, 1,    2,                            // an attribute
      0x11, 0,    0, 0, 4, 0, 0, 0, 1,    2,   3,   4};                 // CKA_VALUE
  const auto records = [&](auto use) {
    std::unique_ptr<flash::Flash> flash;
    ASSERT_CKR(CKR_OK,
               flash::Flash::open(files, flash_directory,
                                  flash::file_root_secret(files, root_directory), false, &flash));
    use(*flash);
  };
  flash::RecordId ids[2] = {};
  records([&](flash::Flash& flash) {
    for (auto& id : ids) id = flash.next_id();
    const flash::Change changes[] = {
        {.id = ids[0], .slot = 0, .type = 77, .value = unknown, .erase = false},
        {.id = ids[1], .slot = 0, .type = 2, .value = object, .erase = false}};
    ASSERT_CKR(CKR_OK, flash.commit(changes));
  });
  open();
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  Attributes later;
  later.label("later");
  const auto found = find(session, later);
  ASSERT_EQ(found.size(), 1u);
  ByteString value;
  EXPECT_CKR(CKR_OK, get(session, found[0], CKA_KEY_TYPE, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_SENSITIVE, get(session, found[0], CKA_VALUE, &value));
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, found[0], 0x1234, &value));
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT,
             encrypt(session, found[0], ByteString(12, 0), {}, {}, &value));
  Attributes label;
  label.label("changed");
  EXPECT_CKR(CKR_ACTION_PROHIBITED,
             c().C_SetAttributeValue(session, found[0], label.data(), label.count()));
  make_aes(session, true);
  close();
  records([&](flash::Flash& flash) {
    int seen = 0;
    flash.for_each([&](const flash::Record& record) {
      if (record.id == ids[0])
        seen += record.type == 77 &&
                ByteString(record.value.begin(), record.value.end()) == ByteString(3, 9);
      if (record.id == ids[1])
        seen += std::equal(record.value.begin(), record.value.end(), std::begin(object),
                           std::end(object));
    });
    EXPECT_EQ(seen, 2);
  });
  open();
}

namespace {

// The reader of docs/formats/token-objects.md, over OpenSSL alone.
std::uint64_t number(const ByteString& in, std::size_t offset, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{in.at(offset + i)} << (8 * i);
  return value;
}

ByteString slice(const ByteString& in, std::size_t offset, std::size_t length) {
  return {in.begin() + static_cast<long>(offset), in.begin() + static_cast<long>(offset + length)};
}

void append(ByteString* out, const ByteString& more) {
  out->insert(out->end(), more.begin(), more.end());
}

void append_number(ByteString* out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out->push_back(static_cast<CK_BYTE>(value >> (8 * i)));
}

ByteString hmac_sha256(const ByteString& key, const ByteString& data) {
  ByteString mac(32);
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), data.size(), mac.data(),
       nullptr);
  return mac;
}

bool open_gcm(const ByteString& key, const ByteString& iv, const ByteString& aad,
              const ByteString& sealed, ByteString tag, ByteString* out) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  out->resize(sealed.size());
  int written = 0;
  const bool ok =
      EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), iv.data()) == 1 &&
      EVP_DecryptUpdate(context, nullptr, &written, aad.data(), static_cast<int>(aad.size())) ==
          1 &&
      EVP_DecryptUpdate(context, out->data(), &written, sealed.data(),
                        static_cast<int>(sealed.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()),
                          tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context, nullptr, &written) == 1;
  EVP_CIPHER_CTX_free(context);
  return ok;
}

}  // namespace

TEST_F(TokenPersistenceTest, APrivateObjectOpensByTheDescriptionAlone) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  const ByteString secret(32, 0xC5);
  Attributes attributes;
  attributes.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .flag(CKA_TOKEN, true)
      .label("to be found")
      .bytes(CKA_VALUE, secret);
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, c().C_CreateObject(session, attributes.data(), attributes.count(), &key));
  close();

  auto& files = flash::posix_file_system();
  Secret root_secret;
  std::vector<std::uint8_t> anchor;
  ASSERT_CKR(CKR_OK, flash::file_root_secret(files, root_directory)->load(&root_secret, &anchor));
  std::unique_ptr<flash::Flash> flash;
  ASSERT_CKR(CKR_OK,
             flash::Flash::open(files, flash_directory,
                                flash::file_root_secret(files, root_directory), false, &flash));
  ByteString token_record;
  ByteString object_record;
  std::uint64_t object_id = 0;
  flash->for_each([&](const flash::Record& record) {
    if (record.type == 1) token_record.assign(record.value.begin(), record.value.end());
    if (record.type == 2) {
      object_record.assign(record.value.begin(), record.value.end());
      object_id = record.id;
    }
  });
  const ByteString device_id(flash->device_id().begin(), flash->device_id().end());

  // Token record: the user's PIN block is the second one.
  ASSERT_EQ(token_record.size(), 196u);
  ASSERT_EQ(number(token_record, 0, 2), 1u);
  const ByteString block = slice(token_record, 116, 80);
  const ByteString salt = slice(block, 0, 16);
  const std::uint64_t iterations = number(block, 16, 4);
  EXPECT_EQ(iterations, 1000u);
  ByteString context;
  append_number(&context, 0, 4);  // slot
  append_number(&context, 1, 1);  // user
  // SP 800-108 by hand: one block.
  ByteString input{0, 0, 0, 1};
  append(&input, bytes_of("Strongroom above flash: strongroom pin"));
  input.push_back(0);
  append(&input, context);
  append(&input, {0, 0, 1, 0});
  const ByteString root =
      hmac_sha256({root_secret.data(), root_secret.data() + root_secret.size()}, input);
  ByteString stretched(32);
  ASSERT_EQ(PKCS5_PBKDF2_HMAC(kUserPin.data(), static_cast<int>(kUserPin.size()), salt.data(),
                              static_cast<int>(salt.size()), static_cast<int>(iterations),
                              EVP_sha256(), 32, stretched.data()),
            1);
  input = bytes_of("strongroom pin");
  append(&input, stretched);
  const ByteString pin_key = hmac_sha256(root, input);
  ByteString aad = bytes_of("strongroom token object key");
  append(&aad, device_id);
  append(&aad, context);
  append(&aad, salt);
  append_number(&aad, iterations, 4);
  ByteString object_key;
  ASSERT_TRUE(open_gcm(pin_key, slice(block, 20, 12), aad, slice(block, 32, 32),
                       slice(block, 64, 16), &object_key));

  // Object record.
  ASSERT_EQ(number(object_record, 0, 2), 1u);
  ASSERT_EQ(number(object_record, 2, 2), 1u);
  aad = bytes_of("strongroom private object");
  append(&aad, device_id);
  append_number(&aad, 0, 4);
  append_number(&aad, object_id, 8);
  append(&aad, slice(object_record, 0, 4));
  const std::size_t sealed_bytes = object_record.size() - 32;
  ByteString body;
  ASSERT_TRUE(open_gcm(object_key, slice(object_record, 4, 12), aad,
                       slice(object_record, 16, sealed_bytes),
                       slice(object_record, 16 + sealed_bytes, 16), &body));
  ByteString label;
  ByteString value;
  for (std::size_t at = 0; at < body.size();) {
    const std::uint64_t type = number(body, at, 4);
    const std::uint64_t length = number(body, at + 4, 4);
    if (type == CKA_LABEL) label = slice(body, at + 8, length);
    if (type == CKA_VALUE) value = slice(body, at + 8, length);
    at += 8 + length;
  }
  EXPECT_EQ(label, bytes_of("to be found"));
  EXPECT_EQ(value, secret);

  // Nothing of it stands in the open: neither value nor label.
  const std::string record(object_record.begin(), object_record.end());
  EXPECT_EQ(record.find("to be found"), std::string::npos);
  EXPECT_EQ(record.find(std::string(8, '\xC5')), std::string::npos);
  flash.reset();
  open();
}

}  // namespace strongroom::test
