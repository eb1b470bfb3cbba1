// The way in: function lists, interfaces, C_Initialize and C_Finalize, forked children (PKCS#11
// v3.2, 5.4).
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

SR_DEVICE_CONFIG memory_config() {
  SR_DEVICE_CONFIG config{};
  config.ulSize = sizeof(config);
  config.ulSlotCount = 1;
  config.ulPinIterations = 1;
  config.bCreate = CK_TRUE;
  return config;
}

}  // namespace

TEST(TokenInterfaceTest, ListsAreOfTheirVersionsAndComplete) {
  CK_FUNCTION_LIST_PTR list = nullptr;
  ASSERT_CKR(CKR_OK, c().C_GetFunctionList(&list));
  EXPECT_EQ(list->version.major, 2);
  EXPECT_EQ(list->version.minor, 40);
  EXPECT_EQ(list->C_Encrypt, c().C_Encrypt);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetFunctionList(nullptr));
  EXPECT_EQ(c().version.major, 3);
  EXPECT_EQ(c().version.minor, 2);
#define SR_PRESENT(name) EXPECT_NE(c().name, nullptr);
  SR_FOR_EACH_FUNCTION_2_40(SR_PRESENT)
  SR_FOR_EACH_FUNCTION_3_0(SR_PRESENT)
  SR_FOR_EACH_FUNCTION_3_2(SR_PRESENT)
#undef SR_PRESENT
#define SR_SAME(name) EXPECT_EQ(c().name, list->name);
  SR_FOR_EACH_FUNCTION_2_40(SR_SAME)
#undef SR_SAME
}

TEST(TokenInterfaceTest, InterfacesAreFoundByNameAndVersion) {
  CK_ULONG count = 0;
  ASSERT_CKR(CKR_OK, c().C_GetInterfaceList(nullptr, &count));
  std::vector<CK_INTERFACE> list(count);
  CK_ULONG fewer = count - 1;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, c().C_GetInterfaceList(list.data(), &fewer));
  ASSERT_CKR(CKR_OK, c().C_GetInterfaceList(list.data(), &count));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetInterfaceList(list.data(), nullptr));

  CK_INTERFACE_PTR found = nullptr;
  ASSERT_CKR(CKR_OK, c().C_GetInterface(nullptr, nullptr, &found, 0));
  EXPECT_EQ(found->pFunctionList, &c());
  CK_VERSION three{3, 0};
  ASSERT_CKR(CKR_OK, c().C_GetInterface(text("PKCS 11"), &three, &found, 0));
  EXPECT_EQ(static_cast<CK_FUNCTION_LIST_3_0*>(found->pFunctionList)->C_MessageVerifyFinal,
            c().C_MessageVerifyFinal);
  ASSERT_CKR(CKR_OK, c().C_GetInterface(text("Strongroom"), nullptr, &found, 0));
  EXPECT_EQ(found->pFunctionList, &sr());
  CK_VERSION four{4, 0};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetInterface(text("PKCS 11"), &four, &found, 0));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetInterface(text("Vendor"), nullptr, &found, 0));
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             c().C_GetInterface(text("PKCS 11"), nullptr, &found, CKF_INTERFACE_FORK_SAFE));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetInterface(text("PKCS 11"), nullptr, nullptr, 0));
}

TEST(TokenInterfaceTest, NothingWorksBeforeSomethingIsOpen) {
  CK_INFO info;
  CK_SESSION_HANDLE session;
  CK_ULONG count = 0;
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_GetInfo(&info));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_GetSlotList(CK_TRUE, nullptr, &count));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED,
             c().C_OpenSession(256, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_CopyObject(1, 1, nullptr, 0, nullptr));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_Finalize(nullptr));
}

TEST(TokenInterfaceTest, InitializeWithoutADeviceListsNoSlot) {
  ASSERT_CKR(CKR_OK, c().C_Initialize(nullptr));
  EXPECT_CKR(CKR_CRYPTOKI_ALREADY_INITIALIZED, c().C_Initialize(nullptr));
  CK_ULONG count = 1;
  EXPECT_CKR(CKR_OK, c().C_GetSlotList(CK_TRUE, nullptr, &count));
  EXPECT_EQ(count, 0u);
  CK_SESSION_HANDLE session;
  EXPECT_CKR(CKR_SLOT_ID_INVALID,
             c().C_OpenSession(256, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
  CK_INFO info{};
  ASSERT_CKR(CKR_OK, c().C_GetInfo(&info));
  EXPECT_EQ(info.cryptokiVersion.major, 3);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_GetInfo(nullptr));
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_Finalize(&info));
  EXPECT_CKR(CKR_OK, c().C_Finalize(nullptr));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_Finalize(nullptr));
}

TEST(TokenInterfaceTest, InitializeArguments) {
  int callback = 0;
  CK_C_INITIALIZE_ARGS some{&callback, nullptr, nullptr, nullptr, 0, nullptr};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_Initialize(&some));
  CK_C_INITIALIZE_ARGS own_locks{&callback, &callback, &callback, &callback, 0, nullptr};
  EXPECT_CKR(CKR_CANT_LOCK, c().C_Initialize(&own_locks));
  own_locks.flags = CKF_OS_LOCKING_OK;
  EXPECT_CKR(CKR_OK, c().C_Initialize(&own_locks));
  EXPECT_CKR(CKR_OK, c().C_Finalize(nullptr));
  SR_DEVICE_CONFIG wrong = memory_config();
  wrong.ulSize = 8;
  CK_C_INITIALIZE_ARGS reserved{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, &wrong};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, c().C_Initialize(&reserved));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_Finalize(nullptr));
}

TEST(TokenInterfaceTest, PlainCryptokiWorksOnTheDefaultDevice) {
  SR_DEVICE_CONFIG config = memory_config();
  CK_C_INITIALIZE_ARGS args{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, &config};
  ASSERT_CKR(CKR_OK, c().C_Initialize(&args));
  CK_SLOT_ID slot = 0;
  CK_ULONG count = 1;
  ASSERT_CKR(CKR_OK, c().C_GetSlotList(CK_FALSE, &slot, &count));
  ASSERT_EQ(count, 1u);
  CK_SLOT_INFO slot_info{};
  ASSERT_CKR(CKR_OK, c().C_GetSlotInfo(slot, &slot_info));
  EXPECT_EQ(slot_info.flags, CKF_TOKEN_PRESENT);
  std::string label(32, ' ');
  ASSERT_CKR(CKR_OK, c().C_InitToken(slot, text(kSoPin), kSoPin.size(), text(label)));
  CK_SESSION_HANDLE session = 0;
  ASSERT_CKR(CKR_OK, c().C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                       &session));
  EXPECT_CKR(CKR_SLOT_ID_INVALID,
             c().C_OpenSession(slot + 1, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
  ASSERT_CKR(CKR_OK, c().C_Login(session, CKU_SO, text(kSoPin), kSoPin.size()));
  ASSERT_CKR(CKR_OK, c().C_CloseAllSessions(slot));
  CK_SESSION_INFO info;
  EXPECT_CKR(CKR_SESSION_HANDLE_INVALID, c().C_GetSessionInfo(session, &info));
  ASSERT_CKR(CKR_OK, c().C_Finalize(nullptr));
  EXPECT_CKR(CKR_CRYPTOKI_NOT_INITIALIZED, c().C_GetSlotInfo(slot, &slot_info));
}

TEST(TokenInterfaceTest, OpenDeviceArguments) {
  SR_DEVICE device;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(nullptr, &device));
  SR_DEVICE_CONFIG config = memory_config();
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(&config, nullptr));
  config.ulSize = 0;
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(&config, &device));
  for (CK_ULONG slots : {0ul, 65ul}) {
    config = memory_config();
    config.ulSlotCount = slots;
    EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(&config, &device));
  }
  config = memory_config();
  config.bCreate = CK_FALSE;
  EXPECT_CKR(CKR_TOKEN_NOT_PRESENT, sr().SR_OpenDevice(&config, &device));
  config = memory_config();
  config.pFlashDirectory = "/nonexistent";
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_OpenDevice(&config, &device));  // no root directory
  config.pRootDirectory = "/nonexistent";
  EXPECT_CKR(CKR_ARGUMENTS_BAD,
             sr().SR_OpenDevice(&config, &device));  // one iteration, not in memory
}

TEST(TokenInterfaceTest, StatusTellsAboutTheDevice) {
  SR_DEVICE_CONFIG config = memory_config();
  SR_DEVICE device = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &device));
  SR_DEVICE_STATUS status{};
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_GetDeviceStatus(device, &status));  // no size
  status.ulSize = sizeof(status);
  EXPECT_CKR(CKR_ARGUMENTS_BAD, sr().SR_GetDeviceStatus(device + 1, &status));
  ASSERT_CKR(CKR_OK, sr().SR_GetDeviceStatus(device, &status));
  EXPECT_EQ(status.bErrorState, CK_FALSE);
  EXPECT_EQ(status.ulApplicationCount, 0u);
  EXPECT_NE(status.arena.pStart, nullptr);
  EXPECT_GT(status.arena.ulLength, 0u);
  EXPECT_GT(status.ulFlashBytes, 0u);
  CK_ULONG length = 0;
  ASSERT_CKR(CKR_OK, sr().SR_GetSelfTests(nullptr, &length));
  std::string names(length, '\0');
  CK_ULONG fewer = length - 1;
  EXPECT_CKR(CKR_BUFFER_TOO_SMALL, sr().SR_GetSelfTests(text(names), &fewer));
  ASSERT_CKR(CKR_OK, sr().SR_GetSelfTests(text(names), &length));
  EXPECT_NE(names.find("aes-gcm"), std::string::npos);
  EXPECT_CKR(CKR_OK, sr().SR_CloseDevice(device));
}

TEST(TokenInterfaceTest, AForkedChildIsNotInitialised) {
  SR_DEVICE_CONFIG config = memory_config();
  SR_DEVICE device = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &device));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    CK_INFO info;
    CK_SESSION_INFO session;
    SR_DEVICE other;
    const bool refused =
        c().C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED &&
        c().C_Finalize(nullptr) == CKR_CRYPTOKI_NOT_INITIALIZED &&
        c().C_GetSessionInfo(1, &session) == CKR_CRYPTOKI_NOT_INITIALIZED &&
        c().C_CopyObject(1, 1, nullptr, 0, nullptr) == CKR_CRYPTOKI_NOT_INITIALIZED &&
        sr().SR_OpenDevice(&config, &other) == CKR_CRYPTOKI_NOT_INITIALIZED &&
        sr().SR_CloseDevice(device) == CKR_CRYPTOKI_NOT_INITIALIZED;
    _exit(refused ? 0 : 1);
  }
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFEXITED(result) && WEXITSTATUS(result) == 0);
  EXPECT_CKR(CKR_OK, sr().SR_CloseDevice(device));
}

// What a child that calls C_Initialize leaves behind must be nothing it can meet again.
TEST(TokenInterfaceTest, AForkedChildInitializesAnew) {
  SR_DEVICE_CONFIG config = memory_config();
  CK_C_INITIALIZE_ARGS args{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, &config};
  ASSERT_CKR(CKR_OK, c().C_Initialize(&args));
  const std::string label(32, ' ');
  const auto open = [&](CK_SESSION_HANDLE* session) {
    return c().C_InitToken(0, text(kSoPin), kSoPin.size(), text(label)) == CKR_OK &&
           c().C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, session) ==
               CKR_OK;
  };
  CK_SESSION_HANDLE session = 0;
  ASSERT_TRUE(open(&session));
  ByteString before(32), ours(32), theirs(32);
  ASSERT_CKR(CKR_OK, c().C_GenerateRandom(session, before.data(), before.size()));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE own = 0;
    CK_ULONG count = 0;
    const bool works =
        c().C_Initialize(&args) == CKR_OK &&
        c().C_Initialize(&args) == CKR_CRYPTOKI_ALREADY_INITIALIZED &&
        c().C_GetSlotList(CK_TRUE, nullptr, &count) == CKR_OK && count == config.ulSlotCount &&
        c().C_GetSessionInfo(session, &info) == CKR_SESSION_HANDLE_INVALID && open(&own) &&
        c().C_GenerateRandom(own, theirs.data(), theirs.size()) == CKR_OK &&
        c().C_Finalize(nullptr) == CKR_OK && write(ends[1], theirs.data(), 32) == 32;
    _exit(works ? 0 : 1);
  }
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFEXITED(result) && WEXITSTATUS(result) == 0);
  ASSERT_EQ(read(ends[0], theirs.data(), theirs.size()), 32);
  close(ends[0]);
  close(ends[1]);
  ASSERT_CKR(CKR_OK, c().C_GenerateRandom(session, ours.data(), ours.size()));
  EXPECT_NE(ours, theirs);
  EXPECT_NE(theirs, ByteString(32, 0));
  EXPECT_CKR(CKR_OK, c().C_Finalize(nullptr));
}

// The error state is for the life of the process, so it is entered in a child of its own (exec: a
// fork is refused).
using TokenErrorStateTest = TokenTest;

TEST_F(TokenErrorStateTest, AFailedSelfTestStopsCryptographyAndNotStatus) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto body = [&] {
    const CK_SESSION_HANDLE session = open_session();
    login(session);
    make_aes(session);
    sr().SR_FailSelfTest("hmac-sha256");
    sr().SR_FailSelfTest("aes-kwp");
    const CK_OBJECT_HANDLE wrapping =
        create_secret(session, CKK_AES, ByteString(32, 1), {CKA_WRAP});
    const CK_OBJECT_HANDLE key = create_secret(session, CKK_AES, ByteString(32, 2), {CKA_ENCRYPT});
    CK_MECHANISM kwp{CKM_AES_KEY_WRAP_KWP, nullptr, 0};
    CK_BYTE out[64];
    CK_ULONG length = sizeof(out);
    CK_OBJECT_HANDLE other;
    Attributes attributes;
    aes_template(attributes);
    SR_DEVICE_STATUS status{};
    status.ulSize = sizeof(status);
    ByteString value;
    const bool stopped =
        c().C_WrapKey(session, &kwp, wrapping, key, out, &length) == CKR_FIPS_SELF_TEST_FAILED &&
        generate(session, CKM_AES_KEY_GEN, attributes, &other) == CKR_FIPS_SELF_TEST_FAILED &&
        encrypt(session, key, ByteString(12, 0), {}, {}, &value) == CKR_FIPS_SELF_TEST_FAILED &&
        c().C_GenerateRandom(session, out, 8) == CKR_FIPS_SELF_TEST_FAILED &&
        get(session, key, CKA_VALUE, &value) == CKR_FIPS_SELF_TEST_FAILED &&
        c().C_Logout(session) == CKR_OK &&
        try_login(session, CKU_USER, kUserPin) == CKR_FIPS_SELF_TEST_FAILED &&
        (token_info(slot).flags & (CKF_ERROR_STATE | CKF_USER_PIN_COUNT_LOW)) == CKF_ERROR_STATE &&
        sr().SR_GetDeviceStatus(device, &status) == CKR_OK && status.bErrorState == CK_TRUE &&
        std::memcmp(status.failedSelfTest, "aes-kwp ", 8) == 0;
    _exit(stopped ? 42 : 1);
  };
  EXPECT_EXIT(body(), ::testing::ExitedWithCode(42), "");
}

}  // namespace strongroom::test
