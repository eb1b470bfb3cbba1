// Sessions, logins and applications: every state and every refusal (PKCS#11 v3.2, 5.6).
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "test/token_fixture.h"

namespace strongroom::test {

using TokenSessionTest = TokenTest;

TEST_F(TokenSessionTest, StatesFollowLogin) {
  const CK_SESSION_HANDLE ro = open_session(false);
  const CK_SESSION_HANDLE rw = open_session(true);
  EXPECT_EQ(state(ro), CKS_RO_PUBLIC_SESSION);
  EXPECT_EQ(state(rw), CKS_RW_PUBLIC_SESSION);
  login(ro);  // one login for all sessions of the application
  EXPECT_EQ(state(ro), CKS_RO_USER_FUNCTIONS);
  EXPECT_EQ(state(rw), CKS_RW_USER_FUNCTIONS);
  EXPECT_EQ(state(open_session(false)), CKS_RO_USER_FUNCTIONS);
  EXPECT_CKR(CKR_USER_ALREADY_LOGGED_IN, try_login(rw, CKU_USER, kUserPin));
  EXPECT_CKR(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, try_login(rw, CKU_SO, kSoPin));
  EXPECT_CKR(CKR_OK, c().C_Logout(rw));
  EXPECT_EQ(state(ro), CKS_RO_PUBLIC_SESSION);
  EXPECT_CKR(CKR_USER_NOT_LOGGED_IN, c().C_Logout(ro));
}

TEST_F(TokenSessionTest, SecurityOfficerAndReadOnlySessionsExcludeEachOther) {
  const CK_SESSION_HANDLE ro = open_session(false);
  const CK_SESSION_HANDLE rw = open_session(true);
  EXPECT_CKR(CKR_SESSION_READ_ONLY_EXISTS, try_login(rw, CKU_SO, kSoPin));
  EXPECT_EQ(token_info(slot).flags & CKF_SO_PIN_COUNT_LOW, 0u);  // refused before a try was spent
  ASSERT_CKR(CKR_OK, c().C_CloseSession(ro));
  login(rw, CKU_SO);
  EXPECT_EQ(state(rw), CKS_RW_SO_FUNCTIONS);
  CK_SESSION_HANDLE session;
  EXPECT_CKR(CKR_SESSION_READ_WRITE_SO_EXISTS,
             sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION, &session));
  EXPECT_EQ(state(open_session(true)), CKS_RW_SO_FUNCTIONS);
  EXPECT_CKR(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, try_login(rw, CKU_USER, kUserPin));
}

TEST_F(TokenSessionTest, LoginArguments) {
  const CK_SESSION_HANDLE session = open_session();
  EXPECT_CKR(CKR_USER_TYPE_INVALID, try_login(session, 3, kUserPin));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, try_login(session, CKU_CONTEXT_SPECIFIC, kUserPin));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_Login(session, CKU_USER, nullptr, 0));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, try_login(session + 1, CKU_USER, kUserPin));
  EXPECT_EQ(token_info(slot).flags & CKF_USER_PIN_COUNT_LOW, 0u);
  EXPECT_CKR(CKR_PIN_INCORRECT, try_login(session, CKU_USER, "not the pin"));
  EXPECT_EQ(state(session), CKS_RW_PUBLIC_SESSION);
}

TEST_F(TokenSessionTest, OpenSessionFlags) {
  CK_SESSION_HANDLE session;
  EXPECT_CKR(CKR_SESSION_PARALLEL_NOT_SUPPORTED,
             sr().SR_OpenSession(application, slot, CKF_RW_SESSION, &session));
  EXPECT_CKR(
      CKR_SESSION_ASYNC_NOT_SUPPORTED,
      sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, &session));
  EXPECT_CKR(CKR_SLOT_ID_INVALID,
             sr().SR_OpenSession(application, slot + 77, CKF_SERIAL_SESSION, &session));
  EXPECT_CKR(CKR_TOKEN_NOT_RECOGNIZED,
             sr().SR_OpenSession(application, empty_slot, CKF_SERIAL_SESSION, &session));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION, nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_OpenSession(application + 999, slot, CKF_SERIAL_SESSION, &session));
}

TEST_F(TokenSessionTest, SessionInfoAndCounts) {
  CK_SESSION_INFO info{};
  const CK_SESSION_HANDLE rw = open_session(true);
  open_session(false);
  ASSERT_CKR(CKR_OK, c().C_GetSessionInfo(rw, &info));
  EXPECT_EQ(info.slotID, slot);
  EXPECT_EQ(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetSessionInfo(rw, nullptr));
  CK_TOKEN_INFO token = token_info(slot);
  EXPECT_EQ(token.ulSessionCount, 2u);
  EXPECT_EQ(token.ulRwSessionCount, 1u);
  ASSERT_CKR(CKR_OK, c().C_CloseSession(rw));
  token = token_info(slot);
  EXPECT_EQ(token.ulSessionCount, 1u);
  EXPECT_EQ(token.ulRwSessionCount, 0u);
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_CloseSession(rw));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(rw, &info));
}

TEST_F(TokenSessionTest, ClosedHandlesNeverNameALaterSession) {
  std::set<CK_SESSION_HANDLE> seen;
  for (int i = 0; i < 3000; ++i) {
    const CK_SESSION_HANDLE session = open_session();
    EXPECT_TRUE(seen.insert(session).second);
    ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  }
  for (CK_SESSION_HANDLE session : seen)
    EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_CloseSession(session));
}

TEST_F(TokenSessionTest, ThousandsOfSessionsUpToTheLimit) {
  constexpr CK_ULONG kLimit = 5000;
  const Device small = open_memory_device(kLimit, 1);
  initialise(small.slots[0], small.application);
  EXPECT_EQ(token_info(small.slots[0]).ulMaxSessionCount, kLimit);
  std::vector<CK_SESSION_HANDLE> sessions;
  for (CK_ULONG i = 0; i < kLimit; ++i)
    sessions.push_back(open_session_of(small.application, small.slots[0]));
  CK_SESSION_HANDLE one_more = 0;
  EXPECT_CKR(CKR_SESSION_COUNT,
             sr().SR_OpenSession(small.application, small.slots[0], CKF_SERIAL_SESSION, &one_more));
  ASSERT_CKR(CKR_OK, c().C_CloseSession(sessions[17]));
  EXPECT_CKR(CKR_OK,
             sr().SR_OpenSession(small.application, small.slots[0], CKF_SERIAL_SESSION, &one_more));
  ASSERT_CKR(CKR_OK, sr().SR_CloseAllSessions(small.application, small.slots[0]));
  EXPECT_EQ(token_info(small.slots[0]).ulSessionCount, 0u);
  EXPECT_CKR(CKR_OK, sr().SR_CloseDevice(small.device));
}

TEST_F(TokenSessionTest, ClosingTheLastSessionLogsOut) {
  const CK_SESSION_HANDLE first = open_session();
  const CK_SESSION_HANDLE second = open_session();
  login(first);
  ASSERT_CKR(CKR_OK, c().C_CloseSession(first));
  EXPECT_EQ(state(second), CKS_RW_USER_FUNCTIONS);
  ASSERT_CKR(CKR_OK, c().C_CloseSession(second));
  EXPECT_EQ(state(open_session()), CKS_RW_PUBLIC_SESSION);
  ASSERT_CKR(CKR_OK, sr().SR_CloseAllSessions(application, slot));
}

TEST_F(TokenSessionTest, SessionObjectsDieWithTheirSession) {
  const CK_SESSION_HANDLE keeper = open_session();
  const CK_SESSION_HANDLE owner = open_session();
  login(keeper);
  const CK_OBJECT_HANDLE key = make_aes(owner);
  ByteString value;
  ASSERT_CKR(CKR_OK,
             get(keeper, key, CKA_CLASS, &value));  // shared among the application's sessions
  ASSERT_CKR(CKR_OK, c().C_CloseSession(owner));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(keeper, key, CKA_CLASS, &value));
  SR_DEVICE_STATUS status{};
  status.ulSize = sizeof(status);
  ASSERT_CKR(CKR_OK, sr().SR_GetDeviceStatus(device, &status));
  EXPECT_EQ(status.ulSessionObjectCount, 0u);
  EXPECT_EQ(status.ulSessionCount, 1u);
  EXPECT_EQ(status.ulApplicationCount, 1u);
}

TEST_F(TokenSessionTest, LogoutEndsPrivateObjectsAndKeepsPublicOnes) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_PRIVATE, false);
  CK_OBJECT_HANDLE public_key = 0;
  ASSERT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, attributes, &public_key));
  const CK_OBJECT_HANDLE session_key = make_aes(session);
  const CK_OBJECT_HANDLE token_key = make_aes(session, true);
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  ByteString value;
  EXPECT_CKR(CKR_OK, get(session, public_key, CKA_CLASS, &value));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(session, session_key, CKA_CLASS, &value));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(session, token_key, CKA_CLASS, &value));
  login(session);
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID,
             get(session, token_key, CKA_CLASS, &value));  // old handle, same object
  Attributes all;
  EXPECT_EQ(find(session, all).size(), 2u);
}

TEST_F(TokenSessionTest, ApplicationsHaveTheirOwnLoginAndAttachersShareIt) {
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  SR_APPLICATION other = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  SR_APPLICATION attached = 0;
  ASSERT_CKR(CKR_OK, sr().SR_AttachApplication(attach_id, &attached));
  const CK_SESSION_HANDLE mine = open_session();
  const CK_SESSION_HANDLE theirs = open_session_of(other, slot);
  const CK_SESSION_HANDLE joined = open_session_of(attached, slot);
  login(theirs);
  EXPECT_EQ(state(mine), CKS_RW_PUBLIC_SESSION);
  EXPECT_EQ(state(joined), CKS_RW_USER_FUNCTIONS);
  // The first of two references goes; the sessions stay until the second.
  EXPECT_CKR(CKR_OK, sr().SR_CloseApplication(other));
  EXPECT_EQ(state(joined), CKS_RW_USER_FUNCTIONS);
  EXPECT_CKR(CKR_OK, sr().SR_CloseApplication(attached));
  CK_SESSION_INFO info;
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(joined, &info));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(theirs, &info));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_CloseApplication(other));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_AttachApplication(attach_id, &attached));
  CK_BYTE guess[SR_ATTACH_ID_BYTES] = {};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_AttachApplication(guess, &attached));
}

TEST_F(TokenSessionTest, SessionObjectsBelongToOneApplication) {
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  SR_APPLICATION other = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  const CK_SESSION_HANDLE mine = open_session();
  const CK_SESSION_HANDLE theirs = open_session_of(other, slot);
  Attributes attributes;
  aes_template(attributes);
  attributes.flag(CKA_PRIVATE, false);  // public: no login stands between
  CK_OBJECT_HANDLE key = 0;
  ASSERT_CKR(CKR_OK, generate(mine, CKM_AES_KEY_GEN, attributes, &key));
  ByteString value;
  EXPECT_CKR(CKR_OK, get(mine, key, CKA_CLASS, &value));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(theirs, key, CKA_CLASS, &value));
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, c().C_DestroyObject(theirs, key));
  Attributes all;
  EXPECT_TRUE(find(theirs, all).empty());
}

TEST_F(TokenSessionTest, LogoutEndsOperationsWithPrivateTokenKeys) {
  // Another application keeps the key in memory, so only this one's login decides.
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  SR_APPLICATION other = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  login(open_session_of(other, slot));
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  const CK_OBJECT_HANDLE key = make_aes(session, true);
  CK_BYTE iv[12] = {};
  CK_GCM_PARAMS parameters{iv, 12, 96, nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  ASSERT_CKR(CKR_OK, c().C_EncryptInit(session, &mechanism, key));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  login(session);  // nor does a later login bring it back
  CK_BYTE out[32];
  CK_ULONG length = sizeof(out);
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_Encrypt(session, iv, 12, out, &length));
}

TEST_F(TokenSessionTest, TwoApplicationsMayBeUserAndSecurityOfficer) {
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  SR_APPLICATION other = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other));
  const CK_SESSION_HANDLE mine = open_session();
  const CK_SESSION_HANDLE theirs = open_session_of(other, slot);
  login(mine);
  login(theirs, CKU_SO);
  const CK_OBJECT_HANDLE key = make_aes(mine, true);
  ASSERT_CKR(CKR_OK, sr().SR_CloseApplication(other));
  ByteString value;
  EXPECT_CKR(CKR_OK, get(mine, key, CKA_CLASS, &value));
}

TEST_F(TokenSessionTest, SeveralDevicesLiveSideBySide) {
  const Device second = open_memory_device();
  initialise(second.slots[0], second.application);
  EXPECT_NE(second.slots[0], slot);
  const CK_SESSION_HANDLE here = open_session();
  const CK_SESSION_HANDLE there = open_session_of(second.application, second.slots[0]);
  login(here);
  login(there);
  const CK_OBJECT_HANDLE key = make_aes(here);
  ByteString value;
  EXPECT_CKR(CKR_OBJECT_HANDLE_INVALID, get(there, key, CKA_CLASS, &value));
  CK_SESSION_HANDLE session;
  EXPECT_CKR(CKR_SLOT_ID_INVALID,
             sr().SR_OpenSession(application, second.slots[0], CKF_SERIAL_SESSION, &session));
  ASSERT_CKR(CKR_OK, sr().SR_CloseDevice(second.device));
  CK_SESSION_INFO info;
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(there, &info));
  EXPECT_CKR(CKR_OK, get(here, key, CKA_CLASS, &value));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_CloseDevice(second.device));
  CK_TOKEN_INFO token;
  EXPECT_CKR(CKR_SLOT_ID_INVALID, c().C_GetTokenInfo(second.slots[0], &token));
}

TEST_F(TokenSessionTest, LogoutEndsSearches) {
  const CK_SESSION_HANDLE session = open_session();
  const CK_SESSION_HANDLE other = open_session(false);
  login(session);
  make_aes(session, true);
  CK_OBJECT_HANDLE found;
  CK_ULONG count = 0;
  ASSERT_CKR(CKR_OK, c().C_FindObjectsInit(session, nullptr, 0));
  ASSERT_CKR(CKR_OK, c().C_FindObjectsInit(other, nullptr, 0));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_FindObjects(session, &found, 1, &count));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_FindObjectsFinal(other));
  EXPECT_EQ(count, 0u);
  // A login tells of nothing that was not to be seen before, so it ends none.
  ASSERT_CKR(CKR_OK, c().C_FindObjectsInit(session, nullptr, 0));
  login(session);
  EXPECT_CKR(CKR_OK, c().C_FindObjects(session, &found, 1, &count));
  EXPECT_EQ(count, 0u);
  EXPECT_CKR(CKR_OK, c().C_FindObjectsFinal(session));
}

TEST_F(TokenSessionTest, CancelEndsTheNamedOperationsOnly) {
  const CK_SESSION_HANDLE session = open_session();
  ASSERT_CKR(CKR_OK, c().C_FindObjectsInit(session, nullptr, 0));
  EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, 0));
  EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, CKF_ENCRYPT | CKF_SIGN));
  EXPECT_CKR(CKR_OPERATION_ACTIVE, c().C_FindObjectsInit(session, nullptr, 0));
  EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, CKF_FIND_OBJECTS));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_FindObjectsFinal(session));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_SessionCancel(0, CKF_FIND_OBJECTS));
}

TEST_F(TokenSessionTest, EachOperationIsCancelledByItsFlagAlone) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  const CK_OBJECT_HANDLE aes = make_aes(session);
  const Pair pair = make_p256(session);
  CK_BYTE iv[12] = {};
  CK_GCM_PARAMS gcm{iv, 12, 96, nullptr, 0, 128};
  CK_MECHANISM by_gcm{CKM_AES_GCM, &gcm, sizeof(gcm)};
  CK_MECHANISM messages{CKM_AES_GCM, nullptr, 0};
  CK_MECHANISM ecdsa{CKM_ECDSA_SHA256, nullptr, 0};
  CK_MECHANISM sha{CKM_SHA256, nullptr, 0};
  const struct {
    CK_FLAGS flag;
    std::function<CK_RV()> init;
  } operations[] = {
      {CKF_FIND_OBJECTS, [&] { return c().C_FindObjectsInit(session, nullptr, 0); }},
      {CKF_ENCRYPT, [&] { return c().C_EncryptInit(session, &by_gcm, aes); }},
      {CKF_DECRYPT, [&] { return c().C_DecryptInit(session, &by_gcm, aes); }},
      {CKF_SIGN, [&] { return c().C_SignInit(session, &ecdsa, pair.private_key); }},
      {CKF_VERIFY, [&] { return c().C_VerifyInit(session, &ecdsa, pair.public_key); }},
      {CKF_DIGEST, [&] { return c().C_DigestInit(session, &sha); }},
      {CKF_MESSAGE_ENCRYPT, [&] { return c().C_MessageEncryptInit(session, &messages, aes); }},
      {CKF_MESSAGE_DECRYPT, [&] { return c().C_MessageDecryptInit(session, &messages, aes); }},
  };
  for (const auto& each : operations) {
    ASSERT_CKR(CKR_OK, each.init());
    EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, ~each.flag));
    EXPECT_CKR(CKR_OPERATION_ACTIVE, each.init());
    EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, each.flag));
    EXPECT_CKR(CKR_OK, c().C_SessionCancel(session, each.flag));  // nothing there: nothing to do
  }
}

TEST_F(TokenSessionTest, TheUserHasNoName) {
  const CK_SESSION_HANDLE session = open_session();
  const auto login_user = [&](std::string_view name) {
    return c().C_LoginUser(session, CKU_USER, text(kUserPin), kUserPin.size(), text(name),
                           name.size());
  };
  EXPECT_CKR(CKR_ARGUMENTS_BAD, login_user("alice"));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_LoginUser(session, CKU_USER, nullptr, 0, nullptr, 0));
  EXPECT_CKR(CKR_PIN_INCORRECT, c().C_LoginUser(session, CKU_USER, text("wrong"), 5, nullptr, 0));
  EXPECT_CKR(CKR_OK, login_user(""));
  EXPECT_EQ(state(session), CKS_RW_USER_FUNCTIONS);
  EXPECT_CKR(CKR_USER_ALREADY_LOGGED_IN, login_user(""));
}

TEST_F(TokenSessionTest, NoStateIsSavedAndNoneIsBroughtBack) {
  const CK_SESSION_HANDLE session = open_session();
  CK_BYTE saved[64] = {};
  CK_ULONG length = sizeof(saved);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetOperationState(session, saved, nullptr));
  EXPECT_CKR(CKR_OPERATION_NOT_INITIALIZED, c().C_GetOperationState(session, saved, &length));
  CK_MECHANISM sha{CKM_SHA256, nullptr, 0};
  ASSERT_CKR(CKR_OK, c().C_DigestInit(session, &sha));
  EXPECT_CKR(CKR_STATE_UNSAVEABLE, c().C_GetOperationState(session, nullptr, &length));
  EXPECT_CKR(CKR_SAVED_STATE_INVALID, c().C_SetOperationState(session, saved, 64, 0, 0));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_SetOperationState(session, nullptr, 0, 0, 0));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetOperationState(0, saved, &length));
  EXPECT_CKR(CKR_OK, c().C_Digest(session, saved, 3, saved, &length));  // it went on undisturbed
}

TEST_F(TokenSessionTest, NoValidationIsClaimed) {
  const CK_SESSION_HANDLE session = open_session();
  CK_FLAGS flags = 77;
  EXPECT_CKR(CKR_OK, c().C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags));
  EXPECT_EQ(flags, 0u);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetSessionValidationFlags(session, 2, &flags));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             c().C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, nullptr));
}

TEST_F(TokenSessionTest, RelicsAreNotParallel) {
  const CK_SESSION_HANDLE session = open_session();
  EXPECT_CKR(CKR_FUNCTION_NOT_PARALLEL, c().C_GetFunctionStatus(session));
  EXPECT_CKR(CKR_FUNCTION_NOT_PARALLEL, c().C_CancelFunction(session));
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_CancelFunction(0));
}

TEST_F(TokenSessionTest, SlotEventsEndWithFinalize) {
  CK_SLOT_ID which = 0;
  // A device is open, and nobody has called C_Initialize.
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_WaitForSlotEvent(0, &which, nullptr));
  ASSERT_CKR(CKR_OK, c().C_Initialize(nullptr));
  EXPECT_CKR(CKR_NO_EVENT, c().C_WaitForSlotEvent(CKF_DONT_BLOCK, &which, nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_WaitForSlotEvent(CKF_DONT_BLOCK, nullptr, nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_WaitForSlotEvent(CKF_DONT_BLOCK, &which, &which));
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, c().C_WaitForSlotEvent(0, &which, nullptr));
  sr().SR_SetNoWait(CK_FALSE);
  std::atomic<CK_RV> answer{CKR_OK};
  std::thread waiting([&] { answer = c().C_WaitForSlotEvent(0, &which, nullptr); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // most likely it waits by now
  EXPECT_EQ(answer.load(), CKR_OK);
  ASSERT_CKR(CKR_OK, c().C_Finalize(nullptr));
  waiting.join();
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, answer.load());
}

}  // namespace strongroom::test
