// PINs: InitToken, InitPIN, SetPIN, tries and lockout.
#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

constexpr int kTries = 10;
constexpr std::string_view kNewPin = "another pin";

}  // namespace

class TokenPinTest : public TokenTest {
 protected:
  static CK_FLAGS flags(CK_SLOT_ID slot_id) { return token_info(slot_id).flags; }
  static CK_RV init_token(CK_SLOT_ID slot_id, std::string_view pin) {
    std::string label(32, ' ');
    return c().C_InitToken(slot_id, text(pin), pin.size(), text(label));
  }
};

TEST_F(TokenPinTest, TokenInfoTellsWhatIsInitialised) {
  const CK_TOKEN_INFO empty = token_info(empty_slot);
  EXPECT_EQ(empty.flags, CKF_RNG | CKF_LOGIN_REQUIRED);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(empty.label), 32), std::string(32, ' '));
  const CK_TOKEN_INFO info = token_info(slot);
  EXPECT_EQ(info.flags,
            CKF_RNG | CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(info.label), 6), "test  ");
  EXPECT_EQ(info.ulMinPinLen, 4u);
  EXPECT_EQ(info.ulMaxPinLen, 255u);
  EXPECT_NE(std::string(reinterpret_cast<const char*>(info.serialNumber), 16),
            std::string(reinterpret_cast<const char*>(empty.serialNumber), 16));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetTokenInfo(slot, nullptr));
  CK_TOKEN_INFO none;
  EXPECT_CKR(CKR_SLOT_ID_INVALID, c().C_GetTokenInfo(slot + 99, &none));
}

TEST_F(TokenPinTest, InitTokenArguments) {
  std::string label(32, ' ');
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_InitToken(empty_slot, nullptr, 0, text(label)));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_InitToken(empty_slot, text(kSoPin), kSoPin.size(), nullptr));
  EXPECT_CKR(CKR_SLOT_ID_INVALID, c().C_InitToken(99, text(kSoPin), kSoPin.size(), text(label)));
  EXPECT_CKR(CKR_PIN_LEN_RANGE, init_token(empty_slot, "abc"));
  EXPECT_CKR(CKR_PIN_LEN_RANGE, init_token(empty_slot, std::string(256, 'x')));
  EXPECT_EQ(flags(empty_slot) & CKF_TOKEN_INITIALIZED, 0u);
  EXPECT_CKR(CKR_OK, init_token(empty_slot, std::string(255, 'x')));
}

TEST_F(TokenPinTest, InitTokenNeedsThePinAndNoSessionAndDestroysEverything) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  make_aes(session, true);
  Attributes public_data;
  public_data.number(CKA_CLASS, CKO_DATA).flag(CKA_TOKEN, true).flag(CKA_PRIVATE, false);
  CK_OBJECT_HANDLE data = 0;
  ASSERT_CKR(CKR_OK, c().C_CreateObject(session, public_data.data(), public_data.count(), &data));
  EXPECT_CKR(CKR_SESSION_EXISTS, init_token(slot, kSoPin));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  EXPECT_CKR(CKR_PIN_INCORRECT, init_token(slot, "wrong pin"));
  EXPECT_NE(flags(slot) & CKF_SO_PIN_COUNT_LOW, 0u);
  SR_DEVICE_STATUS status{};
  status.ulSize = sizeof(status);
  ASSERT_CKR(CKR_OK, sr().SR_GetDeviceStatus(device, &status));
  EXPECT_EQ(status.ulTokenObjectCount, 2u);

  EXPECT_CKR(CKR_OK, init_token(slot, kSoPin));
  EXPECT_EQ(flags(slot), CKF_RNG | CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED);
  ASSERT_CKR(CKR_OK, sr().SR_GetDeviceStatus(device, &status));
  EXPECT_EQ(status.ulTokenObjectCount, 0u);
  const CK_SESSION_HANDLE again = open_session();
  Attributes all;
  EXPECT_TRUE(find(again, all).empty());
  EXPECT_CKR(CKR_USER_PIN_NOT_INITIALIZED, try_login(again, CKU_USER, kUserPin));
  login(again, CKU_SO);
}

TEST_F(TokenPinTest, SessionsOfOtherApplicationsBlockInitTokenToo) {
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  SR_APPLICATION other;
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  open_session_of(other, slot, false);
  EXPECT_CKR(CKR_SESSION_EXISTS, init_token(slot, kSoPin));
  ASSERT_CKR(CKR_OK, sr().SR_CloseApplication(other));
  EXPECT_CKR(CKR_OK, init_token(slot, kSoPin));
}

TEST_F(TokenPinTest, InitPinIsTheSecurityOfficers) {
  const CK_SESSION_HANDLE session = open_session();
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, c().C_InitPIN(session, text(kNewPin), kNewPin.size()));
  login(session);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, c().C_InitPIN(session, text(kNewPin), kNewPin.size()));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  login(session, CKU_SO);
  EXPECT_CKR(CKR_PIN_LEN_RANGE, c().C_InitPIN(session, text("abc"), 3));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_InitPIN(session, nullptr, 8));
  EXPECT_CKR(CKR_OK, c().C_InitPIN(session, text(kNewPin), kNewPin.size()));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_USER, kUserPin));
  EXPECT_CKR(CKR_OK, try_login(session, CKU_USER, kNewPin));
}

TEST_F(TokenPinTest, PrivateObjectsOutliveAChangeOfPin) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  make_aes(session, true);
  ASSERT_CKR(CKR_OK,
             c().C_SetPIN(session, text(kUserPin), kUserPin.size(), text(kNewPin), kNewPin.size()));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  ASSERT_CKR(CKR_OK, try_login(session, CKU_USER, kNewPin));
  Attributes all;
  EXPECT_EQ(find(session, all).size(), 1u);
}

TEST_F(TokenPinTest, SetPinChangesThePinOfWhoeverIsLoggedIn) {
  const CK_SESSION_HANDLE session = open_session();
  const auto set_pin = [&](CK_SESSION_HANDLE in, std::string_view from, std::string_view to) {
    return c().C_SetPIN(in, text(from), from.size(), text(to), to.size());
  };
  EXPECT_CKR(CKR_PIN_INCORRECT,
             set_pin(session, kSoPin, kNewPin));  // public session: the user's PIN
  EXPECT_CKR(CKR_PIN_LEN_RANGE, set_pin(session, kUserPin, "abc"));
  EXPECT_CKR(CKR_OK, set_pin(session, kUserPin, kNewPin));
  EXPECT_EQ(flags(slot) & CKF_USER_PIN_COUNT_LOW, 0u);  // success gives the tries back
  login(session, CKU_SO);
  EXPECT_CKR(CKR_PIN_INCORRECT, set_pin(session, kNewPin, kUserPin));
  EXPECT_CKR(CKR_OK, set_pin(session, kSoPin, "new so pin"));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_SO, kSoPin));
  EXPECT_CKR(CKR_OK, try_login(session, CKU_SO, "new so pin"));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  const CK_SESSION_HANDLE ro = open_session(false);
  EXPECT_CKR(CKR_SESSION_READ_ONLY, set_pin(ro, kNewPin, kUserPin));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_SetPIN(session, nullptr, 0, text(kNewPin), kNewPin.size()));
}

TEST_F(TokenPinTest, TenWrongTriesLockTheUserAndTheSecurityOfficerUnlocks) {
  const CK_SESSION_HANDLE session = open_session();
  for (int i = 1; i <= kTries; ++i) {
    EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_USER, "wrong pin"));
    EXPECT_NE(flags(slot) & CKF_USER_PIN_COUNT_LOW, 0u);
    EXPECT_EQ((flags(slot) & CKF_USER_PIN_FINAL_TRY) != 0, i == kTries - 1);
    EXPECT_EQ((flags(slot) & CKF_USER_PIN_LOCKED) != 0, i == kTries);
  }
  EXPECT_CKR(CKR_PIN_LOCKED, try_login(session, CKU_USER, kUserPin));
  EXPECT_CKR(CKR_PIN_LOCKED,
             c().C_SetPIN(session, text(kUserPin), kUserPin.size(), text(kNewPin), kNewPin.size()));
  login(session, CKU_SO);  // its own counter
  ASSERT_CKR(CKR_OK, c().C_InitPIN(session, text(kNewPin), kNewPin.size()));
  EXPECT_EQ(flags(slot) & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_COUNT_LOW), 0u);
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_OK, try_login(session, CKU_USER, kNewPin));
}

TEST_F(TokenPinTest, SuccessGivesTheTriesBack) {
  const CK_SESSION_HANDLE session = open_session();
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i < kTries; ++i)
      EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_USER, "wrong pin"));
    EXPECT_CKR(CKR_OK, try_login(session, CKU_USER, kUserPin));
    EXPECT_EQ(flags(slot) & CKF_USER_PIN_COUNT_LOW, 0u);
    ASSERT_CKR(CKR_OK, c().C_Logout(session));
  }
}

TEST_F(TokenPinTest, WrongTriesThroughInitTokenLockTheSecurityOfficer) {
  const CK_SESSION_HANDLE session = open_session();
  for (int i = 0; i < kTries / 2; ++i)
    EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_SO, "wrong pin"));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  for (int i = 0; i < kTries / 2; ++i) EXPECT_CKR(CKR_PIN_INCORRECT, init_token(slot, "wrong pin"));
  EXPECT_CKR(CKR_PIN_LOCKED, init_token(slot, kSoPin));
  EXPECT_NE(flags(slot) & CKF_SO_PIN_LOCKED, 0u);
  EXPECT_CKR(CKR_PIN_LOCKED, try_login(open_session(), CKU_SO, kSoPin));
}

TEST_F(TokenPinTest, ImpossiblePinsCountAsTries) {
  const CK_SESSION_HANDLE session = open_session();
  EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_USER, "abc"));
  EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_USER, std::string(256, 'x')));
  EXPECT_NE(flags(slot) & CKF_USER_PIN_COUNT_LOW, 0u);
}

TEST_F(TokenPinTest, ANewPinIsText) {
  const std::string_view no_text[] = {
      "pin\xff",          "\xc0\xafpin", "\xe0\x80\xafpin",     "\xed\xa0\x80pin",
      "\xf4\x90\x80\x80", "pin\xe2\x82", "\xf0\x8f\xbf\xbfpin", "\x80pin",
  };
  const CK_SESSION_HANDLE session = open_session();
  for (const std::string_view pin : no_text) {
    EXPECT_CKR(CKR_PIN_INVALID, init_token(empty_slot, pin));
    EXPECT_CKR(CKR_PIN_INVALID,
               c().C_SetPIN(session, text(kUserPin), kUserPin.size(), text(pin), pin.size()));
  }
  EXPECT_EQ(flags(slot) & CKF_USER_PIN_COUNT_LOW, 0u);
  constexpr std::string_view kText = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91";
  EXPECT_CKR(CKR_OK, init_token(empty_slot, kText));
  login(session, CKU_SO);
  EXPECT_CKR(CKR_PIN_INVALID, c().C_InitPIN(session, text(no_text[0]), no_text[0].size()));
  EXPECT_CKR(CKR_OK, c().C_InitPIN(session, text(kText), kText.size()));
}

TEST_F(TokenPinTest, NoWaitSpendsNoTry) {
  const CK_SESSION_HANDLE session = open_session();
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, try_login(session, CKU_USER, "wrong pin"));
  EXPECT_CKR(CKR_STRONGROOM_BUSY, init_token(empty_slot, kSoPin));
  EXPECT_CKR(CKR_STRONGROOM_BUSY,
             c().C_SetPIN(session, text("wrong pin"), 9, text(kNewPin), kNewPin.size()));
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_EQ(flags(slot) & CKF_USER_PIN_COUNT_LOW, 0u);
  EXPECT_EQ(flags(empty_slot) & CKF_TOKEN_INITIALIZED, 0u);
}

}  // namespace strongroom::test
