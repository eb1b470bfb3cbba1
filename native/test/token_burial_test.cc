// SR_BuryWrapped: what was buried is never unwrapped again, on this device, whatever the rest of
// the world restores.
#include <openssl/sha.h>

#include "test/persistent_token.h"
#include "token/flash/flash.h"

namespace strongroom::test {

class TokenBurialTest : public TokenPersistenceTest {
 protected:
  void SetUp() override {
    TokenPersistenceTest::SetUp();
    enter();
    one = make_wrapping_key("one");
    two = make_wrapping_key("two");
    wrap(one, aad, &wrapped);
  }
  void enter() {
    session = open_session();
    login(session);
  }
  void reenter() {
    reopen();
    enter();
    one = named("one");
    two = named("two");
  }

  CK_OBJECT_HANDLE make_wrapping_key(std::string_view label) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32)
        .label(label)
        .flag(CKA_TOKEN, true)
        .flag(CKA_WRAP, true)
        .flag(CKA_UNWRAP, true);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &key));
    return key;
  }
  CK_OBJECT_HANDLE named(std::string_view label) {
    Attributes wanted;
    wanted.label(label);
    const auto found = find(session, wanted);
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? CK_INVALID_HANDLE : found[0];
  }

  struct Wrapped {
    ByteString iv;
    ByteString bytes;
  };
  void wrap(CK_OBJECT_HANDLE key, const ByteString& data, Wrapped* out) {
    Attributes attributes;
    attributes.number(CKA_VALUE_LEN, 32).flag(CKA_EXTRACTABLE, true);
    CK_OBJECT_HANDLE inner = CK_INVALID_HANDLE;
    ASSERT_CKR(CKR_OK, generate(session, CKM_GENERIC_SECRET_KEY_GEN, attributes, &inner));
    ASSERT_CKR(CKR_OK, wrap_gcm(session, key, inner, data, &out->iv, &out->bytes));
  }
  CK_RV unwrap(CK_OBJECT_HANDLE key, const ByteString& data, const Wrapped& what) {
    Attributes attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    return unwrap_gcm(session, key, what.iv, data, what.bytes, attributes, &made);
  }
  CK_RV bury(CK_OBJECT_HANDLE key, const ByteString& data) { return bury(session, key, data); }
  static CK_RV bury(CK_SESSION_HANDLE from, CK_OBJECT_HANDLE key, const ByteString& data) {
    const SR_BURIAL burial{key, const_cast<CK_BYTE*>(data.data()), data.size()};
    return sr().SR_BuryWrapped(from, &burial, 1);
  }
  CK_ULONG flash_bytes() {
    SR_DEVICE_STATUS status{};
    status.ulSize = sizeof(status);
    EXPECT_CKR(CKR_OK, sr().SR_GetDeviceStatus(device, &status));
    return status.ulFlashBytes;
  }

  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE one = 0;
  CK_OBJECT_HANDLE two = 0;
  const ByteString aad = bytes_of("account, key id, material id");
  const ByteString other = bytes_of("account, key id, another material id");
  Wrapped wrapped;
};

TEST_F(TokenBurialTest, WhatWasBuriedIsNeverUnwrappedAgain) {
  Wrapped kept, of_two;
  wrap(one, other, &kept);
  wrap(two, aad, &of_two);
  ASSERT_CKR(CKR_OK, unwrap(one, aad, wrapped));
  ASSERT_CKR(CKR_OK, bury(one, aad));
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(one, aad, wrapped));
  // Also what is wrapped only now: the name is buried, not the bytes.
  Wrapped later;
  wrap(one, aad, &later);
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(one, aad, later));
  EXPECT_CKR(CKR_OK, unwrap(one, other, kept));
  EXPECT_CKR(CKR_OK, unwrap(two, aad, of_two));

  reenter();
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(one, aad, wrapped));
  EXPECT_CKR(CKR_OK, unwrap(one, other, kept));
  EXPECT_CKR(CKR_OK, unwrap(two, aad, of_two));
}

TEST_F(TokenBurialTest, OneCallBuriesSeveralAndWritesOnce) {
  Wrapped of_two;
  wrap(two, other, &of_two);
  CK_BYTE* const first = const_cast<CK_BYTE*>(aad.data());
  CK_BYTE* const second = const_cast<CK_BYTE*>(other.data());
  const SR_BURIAL several[] = {{one, first, aad.size()},
                               {two, second, other.size()},
                               {one, first, aad.size()},
                               {one, nullptr, 0}};
  ASSERT_CKR(CKR_OK, sr().SR_BuryWrapped(session, several, 4));
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(one, aad, wrapped));
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(two, other, of_two));
  const CK_ULONG before = flash_bytes();
  ASSERT_CKR(CKR_OK, sr().SR_BuryWrapped(session, several, 4));
  EXPECT_EQ(flash_bytes(), before);  // nothing new, nothing written
  reenter();
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(one, aad, wrapped));
  EXPECT_CKR(CKR_WRAPPED_KEY_INVALID, unwrap(two, other, of_two));
}

TEST_F(TokenBurialTest, TakesALoggedInUserAndKeysOfTheToken) {
  const CK_SESSION_HANDLE read_only = open_session(false);
  EXPECT_CKR(CKR_SESSION_READ_ONLY, bury(read_only, one, aad));
  EXPECT_CKR(CKR_UNWRAPPING_KEY_HANDLE_INVALID, bury(CK_INVALID_HANDLE, aad));
  const SR_BURIAL pointless{one, nullptr, 3};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_BuryWrapped(session, &pointless, 1));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_BuryWrapped(session, nullptr, 1));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_BuryWrapped(session, &pointless, 0));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_BuryWrapped(session, &pointless, SR_BURIALS_MAX + 1));
  Attributes of_session;
  of_session.number(CKA_VALUE_LEN, 32).flag(CKA_UNWRAP, true);
  CK_OBJECT_HANDLE passing = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, of_session, &passing));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, bury(passing, aad));
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, bury(make_aes(session, true), aad));
  // One that is refused buries none.
  CK_BYTE* const data = const_cast<CK_BYTE*>(aad.data());
  const SR_BURIAL several[] = {{one, data, aad.size()}, {passing, data, aad.size()}};
  EXPECT_CKR(CKR_KEY_FUNCTION_NOT_PERMITTED, sr().SR_BuryWrapped(session, several, 2));
  EXPECT_CKR(CKR_OK, unwrap(one, aad, wrapped));
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, bury(one, aad));
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_CKR(CKR_OK, unwrap(one, aad, wrapped));

  ASSERT_CKR(CKR_OK, c().C_CloseSession(read_only));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, bury(one, aad));
  login(session, CKU_SO);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, bury(one, aad));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  login(session);
  one = named("one");
  EXPECT_CKR(CKR_OK, unwrap(one, aad, wrapped));
}

TEST_F(TokenBurialTest, InitTokenForgetsTheBurialsWithTheirKeys) {
  ASSERT_CKR(CKR_OK, bury(one, aad));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  initialise(slot, application);
  enter();
  one = make_wrapping_key("one");
  wrap(one, aad, &wrapped);
  EXPECT_CKR(CKR_OK, unwrap(one, aad, wrapped));
  reopen();
  enter();
  one = named("one");
  EXPECT_CKR(CKR_OK, unwrap(one, aad, wrapped));
}

TEST_F(TokenBurialTest, TheRecordIsAsDocumented) {
  ByteString unique_id;
  ASSERT_CKR(CKR_OK, get(session, one, CKA_UNIQUE_ID, &unique_id));
  ASSERT_CKR(CKR_OK, bury(one, aad));
  close();
  ByteString input(4);
  input[0] = static_cast<CK_BYTE>(unique_id.size());
  input.insert(input.end(), unique_id.begin(), unique_id.end());
  input.insert(input.end(), aad.begin(), aad.end());
  ByteString expected = {1, 0, 0, 0};
  expected.resize(4 + SHA256_DIGEST_LENGTH);
  SHA256(input.data(), input.size(), expected.data() + 4);

  const auto open_flash = [&](std::unique_ptr<flash::Flash>* out) {
    auto& files = flash::posix_file_system();
    return flash::Flash::open(files, flash_directory,
                              flash::file_root_secret(files, root_directory), false, out);
  };
  flash::RecordId id = 0;
  {
    std::unique_ptr<flash::Flash> flash;
    ASSERT_CKR(CKR_OK, open_flash(&flash));
    int count = 0;
    flash->for_each([&](const flash::Record& record) {
      if (record.type != 3) return;
      ++count;
      id = record.id;
      EXPECT_EQ(ByteString(record.value.begin(), record.value.end()), expected);
    });
    EXPECT_EQ(count, 1);
    // One of a later version: this build must not take what is buried for alive.
    expected[0] = 2;
    const flash::Change change{.id = id, .slot = 0, .type = 3, .value = expected, .erase = false};
    ASSERT_CKR(CKR_OK, flash->commit({&change, 1}));
  }
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof(config);
  config.pFlashDirectory = flash_directory.c_str();
  config.pRootDirectory = root_directory.c_str();
  config.ulSlotCount = 2;
  EXPECT_CKR(CKR_STRONGROOM_FLASH_VERSION, sr().SR_OpenDevice(&config, &device));
  device = 0;
}

}  // namespace strongroom::test
