// Limits on sessions: how many, how many R/W, and how long one may be idle (vendor.h), by a clock
// that the test moves.
#include <atomic>
#include <thread>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

std::atomic<CK_ULONG> now_ms{0};
CK_ULONG clock_of_the_test() { return now_ms; }

constexpr CK_ULONG kIdleSeconds = 60;
void pass(CK_ULONG seconds) { now_ms += seconds * 1000; }

SR_DEVICE_CONFIG limited() {
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof(config);
  config.ulSlotCount = 2;
  config.ulPinIterations = 1;
  config.ulMaxSessionCount = 4;
  config.ulMaxRwSessionCount = 2;
  config.ulSessionIdleSeconds = kIdleSeconds;
  config.pMonotonicMs = clock_of_the_test;
  config.bCreate = CK_TRUE;
  return config;
}

}  // namespace

class TokenIdleTest : public TokenTest {
 protected:
  void SetUp() override {
    now_ms = 1'000'000;
    const SR_DEVICE_CONFIG config = limited();
    ASSERT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &device));
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &application));
    CK_SLOT_ID slots[2];
    CK_ULONG count = 2;
    ASSERT_CKR(CKR_OK, sr().SR_GetSlotList(application, CK_TRUE, slots, &count));
    slot = slots[0];
    initialise(slot, application);
  }
};

TEST_F(TokenIdleTest, SessionsAreCountedAgainstBothLimits) {
  const CK_TOKEN_INFO info = token_info(slot);
  EXPECT_EQ(info.ulMaxSessionCount, 4u);
  EXPECT_EQ(info.ulMaxRwSessionCount, 2u);
  const CK_SESSION_HANDLE first = open_session();
  open_session();
  CK_SESSION_HANDLE session;
  EXPECT_CKR(CKR_SESSION_COUNT,
             sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session));
  open_session(false);
  open_session(false);
  EXPECT_CKR(CKR_SESSION_COUNT,
             sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION, &session));
  EXPECT_EQ(token_info(slot).ulSessionCount, 4u);
  EXPECT_EQ(token_info(slot).ulRwSessionCount, 2u);
  ASSERT_CKR(CKR_OK, c().C_CloseSession(first));
  open_session();
}

TEST_F(TokenIdleTest, AnIdleSessionIsClosed) {
  const CK_SESSION_HANDLE session = open_session();
  const CK_SESSION_HANDLE busy = open_session();
  CK_SESSION_INFO info;
  for (CK_ULONG i = 0; i < 3; ++i) {
    pass(kIdleSeconds - 1);
    EXPECT_CKR(CKR_OK, c().C_GetSessionInfo(busy, &info));  // its use begins the time anew
  }
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(session, &info));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_CloseSession(session));
  EXPECT_EQ(token_info(slot).ulSessionCount, 1u);
  pass(kIdleSeconds);
  EXPECT_EQ(token_info(slot).ulSessionCount, 0u);  // counting is enough to find it gone
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(busy, &info));
}

TEST_F(TokenIdleTest, TheLastSessionTakesTheLoginWithIt) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  const CK_OBJECT_HANDLE key = make_aes(session);
  pass(kIdleSeconds - 1);
  EXPECT_EQ(state(open_session(false)), CKS_RO_USER_FUNCTIONS);
  pass(1);
  ByteString value;
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, get(session, key, CKA_CLASS, &value));
  // The younger one still carries the login, but the key was the other session's.
  const CK_SESSION_HANDLE next = open_session();
  EXPECT_EQ(state(next), CKS_RW_USER_FUNCTIONS);
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(next, key, CKA_CLASS, &value));
  pass(kIdleSeconds);
  EXPECT_EQ(state(open_session()), CKS_RW_PUBLIC_SESSION);
}

TEST_F(TokenIdleTest, IdleSessionsHoldUpNobody) {
  for (int i = 0; i < 4; ++i) open_session(i < 2);
  CK_SESSION_HANDLE session;
  EXPECT_CKR(CKR_SESSION_COUNT,
             sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION, &session));
  pass(kIdleSeconds);
  // Another application finds their places free, the SO no R/O session, and InitToken none at all.
  SR_APPLICATION other;
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  login(open_session_of(other, slot), CKU_SO);
  pass(kIdleSeconds);
  std::string label(32, ' ');
  EXPECT_CKR(CKR_OK, c().C_InitToken(slot, text(kSoPin), kSoPin.size(), text(label)));
}

TEST_F(TokenIdleTest, ASessionInUseIsNotIdle) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  std::atomic<bool> done{false};
  std::thread user([&] {
    for (int i = 0; i < 3; ++i) make_rsa(session);
    done = true;
  });
  // Others look, and time flies, while the call is inside.
  while (!done) token_info(slot);
  user.join();
  EXPECT_EQ(state(session), CKS_RW_USER_FUNCTIONS);
  EXPECT_EQ(token_info(slot).ulSessionCount, 1u);
}

TEST_F(TokenIdleTest, TheLimitNeedsAClock) {
  SR_DEVICE other;
  SR_DEVICE_CONFIG config = limited();
  config.pMonotonicMs = nullptr;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(&config, &other));
  config = limited();
  config.ulSessionIdleSeconds = 31'536'001;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(&config, &other));
}

}  // namespace strongroom::test
