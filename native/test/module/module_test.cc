// libstrongroom-pkcs11.so from outside: its function lists, configuration, C_Initialize and
// C_Finalize, forked children, and being unloaded.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "test/module/module_fixture.h"

namespace strongroom::test {
namespace {

template <class... Arguments>
CK_RV with_nothing(CK_RV (*function)(Arguments...)) {
  return function(Arguments{}...);
}

TEST_F(ModuleTest, EveryListHasItsVersionAndEveryFunctionThatIsExported) {
  EXPECT_EQ(list_->version.major, 2);
  EXPECT_EQ(list_->version.minor, 40);
  EXPECT_EQ(newest_->version.major, 3);
  EXPECT_EQ(newest_->version.minor, 2);
  CK_VERSION three{3, 0};
  CK_INTERFACE_PTR found = nullptr;
  ASSERT_EQ(newest_->C_GetInterface(utf8("PKCS 11"), &three, &found, 0), CKR_OK);
  const auto* middle = static_cast<CK_FUNCTION_LIST_3_0*>(found->pFunctionList);
  EXPECT_EQ(middle->version.major, 3);
  EXPECT_EQ(middle->version.minor, 0);
  // 68, 92 and 104 functions behind a version, each list longer than the one before.
  EXPECT_EQ(sizeof(CK_FUNCTION_LIST), 69 * sizeof(void*));
  EXPECT_EQ(sizeof(CK_FUNCTION_LIST_3_0), 93 * sizeof(void*));
  EXPECT_EQ(sizeof(CK_FUNCTION_LIST_3_2), 105 * sizeof(void*));
#define SR_EXPECT(list, name) \
  EXPECT_EQ(reinterpret_cast<void*>((list)->name), dlsym(library_, #name)) << #name;
#define SR_EXPECT_2_40(name) SR_EXPECT(list_, name) SR_EXPECT(middle, name) SR_EXPECT(newest_, name)
#define SR_EXPECT_3_0(name) SR_EXPECT(middle, name) SR_EXPECT(newest_, name)
#define SR_EXPECT_3_2(name) SR_EXPECT(newest_, name)
  // What dlsym did not find would equal a null entry.
#define SR_THERE(name) EXPECT_NE(dlsym(library_, #name), nullptr) << #name;
  SR_FOR_EACH_FUNCTION_2_40(SR_EXPECT_2_40)
  SR_FOR_EACH_FUNCTION_3_0(SR_EXPECT_3_0)
  SR_FOR_EACH_FUNCTION_3_2(SR_EXPECT_3_2)
  SR_FOR_EACH_FUNCTION_2_40(SR_THERE)
  SR_FOR_EACH_FUNCTION_3_0(SR_THERE) SR_FOR_EACH_FUNCTION_3_2(SR_THERE)
#undef SR_THERE
#undef SR_EXPECT_3_2
#undef SR_EXPECT_3_0
#undef SR_EXPECT_2_40
#undef SR_EXPECT
}

TEST_F(ModuleTest, EveryFunctionAnswersWithNothingGivenToIt) {
  const auto each = [&](const std::function<void(const char*, CK_RV)>& visit) {
    const auto call = [&](const char* name, auto function) {
      const std::string text = name;
      if (text != "C_Initialize" && text != "C_Finalize" && text != "C_GetFunctionList" &&
          text != "C_GetInterfaceList" && text != "C_GetInterface")
        visit(name, with_nothing(function));
    };
#define SR_CALL(name) call(#name, newest_->name);
    SR_FOR_EACH_FUNCTION_2_40(SR_CALL)
    SR_FOR_EACH_FUNCTION_3_0(SR_CALL) SR_FOR_EACH_FUNCTION_3_2(SR_CALL)
#undef SR_CALL
  };
  each([](const char* name, CK_RV rv) { EXPECT_EQ(rv, CKR_CRYPTOKI_NOT_INITIALIZED) << name; });
  ASSERT_EQ(initialize(), CKR_OK);
  std::string absent;
  each([&](const char* name, CK_RV rv) {
    if (rv == CKR_FUNCTION_NOT_SUPPORTED)
      absent += absent.empty() ? name : std::string(" ") + name;
    else
      EXPECT_TRUE(rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_ARGUMENTS_BAD ||
                  (rv == CKR_OK && name == std::string("C_CloseAllSessions")) ||
                  (rv == CKR_NO_EVENT && name == std::string("C_WaitForSlotEvent")))
          << name << " answered " << rv;
  });
  std::cout << "CKR_FUNCTION_NOT_SUPPORTED: " << absent << '\n';
}

TEST_F(ModuleTest, InitializeArguments) {
  int callback = 0;
  CK_C_INITIALIZE_ARGS own_locks{&callback, &callback, &callback, &callback, 0, nullptr};
  EXPECT_EQ(list_->C_Initialize(&own_locks), CKR_CANT_LOCK);
  CK_C_INITIALIZE_ARGS some{&callback, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, nullptr};
  EXPECT_EQ(list_->C_Initialize(&some), CKR_ARGUMENTS_BAD);
  CK_C_INITIALIZE_ARGS reserved{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, &callback};
  EXPECT_EQ(list_->C_Initialize(&reserved), CKR_ARGUMENTS_BAD);
  EXPECT_FALSE(fs::exists(scratch_ / "token"));
  own_locks.flags = CKF_OS_LOCKING_OK;
  EXPECT_EQ(list_->C_Initialize(&own_locks), CKR_OK);
  EXPECT_EQ(initialize(), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  EXPECT_EQ(list_->C_Finalize(&callback), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(finalize(), CKR_OK);
  EXPECT_EQ(finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
}

TEST_F(ModuleTest, KeepsWhatIsOnTheTokenThroughManyCycles) {
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(make_token(list_), CKR_OK);
  for (std::size_t cycle = 1; cycle <= 20; ++cycle) {
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
    ASSERT_EQ(make_key(list_, session, CK_TRUE, &key), CKR_OK);
    ASSERT_EQ(make_key(list_, session, CK_FALSE, &key), CKR_OK);
    ASSERT_EQ(finalize(), CKR_OK);
    EXPECT_EQ(encrypt_once(list_, session, key), CKR_CRYPTOKI_NOT_INITIALIZED);
    if (cycle % 2 == 0) {
      // dlclose: the library stays mapped, and works when it is asked for again.
      ASSERT_EQ(dlclose(library_), 0);
      library_ = load_module(module_path());
      list_ = function_list_of(library_);
    }
    ASSERT_EQ(initialize(), CKR_OK);
    EXPECT_EQ(encrypt_once(list_, session, key), CKR_SESSION_HANDLE_INVALID);
    EXPECT_EQ(slot_count(), 1u);
    EXPECT_EQ(object_count(), cycle);
  }
}

TEST_F(ModuleTest, TheDeviceIsWhereTheEnvironmentSaysAndItsOwnersAlone) {
  setenv("STRONGROOM_TOKEN_DIR", (scratch_ / "a/b/c").c_str(), 1);
  const mode_t before = umask(0);
  ASSERT_EQ(initialize(), CKR_OK);
  umask(before);
  for (const char* each : {"a", "a/b/c", "a/b/c/flash", "a/b/c/root"}) {
    struct stat status {};
    ASSERT_EQ(stat((scratch_ / each).c_str(), &status), 0) << each;
    EXPECT_EQ(status.st_mode & 0777, 0700u) << each;
  }
  EXPECT_FALSE(fs::exists(scratch_ / ".local"));
}

TEST_F(ModuleTest, ARelativeDirectoryIsThatOfInitialize) {
  const fs::path before = fs::current_path();
  fs::current_path(scratch_);
  setenv("STRONGROOM_TOKEN_DIR", "here", 1);
  ASSERT_EQ(initialize(), CKR_OK);
  fs::current_path(before);
  EXPECT_EQ(make_token(list_), CKR_OK);
  EXPECT_TRUE(fs::exists(scratch_ / "here/flash"));
}

TEST_F(ModuleTest, WithoutAnyConfigurationItIsInTheUsersDataDirectory) {
  unsetenv("STRONGROOM_TOKEN_DIR");
  ASSERT_EQ(initialize(), CKR_OK);
  EXPECT_TRUE(fs::exists(scratch_ / ".local/share/strongroom/token/flash"));
  ASSERT_EQ(finalize(), CKR_OK);
  setenv("XDG_DATA_HOME", (scratch_ / "data").c_str(), 1);
  ASSERT_EQ(initialize(), CKR_OK);
  EXPECT_TRUE(fs::exists(scratch_ / "data/strongroom/token/flash"));
  ASSERT_EQ(finalize(), CKR_OK);
  unsetenv("XDG_DATA_HOME");
  unsetenv("HOME");
  EXPECT_EQ(initialize(), CKR_FUNCTION_FAILED);
}

TEST_F(ModuleTest, ReadsAConfigurationFile) {
  unsetenv("STRONGROOM_TOKEN_DIR");
  configure("# a comment\n\n  slots = 3\ndirectory=~/tokens\nsessions = 2\n");
  ASSERT_EQ(initialize(), CKR_OK);
  EXPECT_EQ(slot_count(), 3u);
  EXPECT_TRUE(fs::exists(scratch_ / "tokens/flash"));
  ASSERT_EQ(make_token(list_), CKR_OK);
  CK_SESSION_HANDLE session = 0;
  EXPECT_EQ(list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_OK);
  EXPECT_EQ(list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_OK);
  EXPECT_EQ(list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
            CKR_SESSION_COUNT);
  ASSERT_EQ(finalize(), CKR_OK);

  // One that the environment names stands before it, and the directory of the environment before
  // both.
  std::ofstream(scratch_ / "other.conf") << "slots = 5\ndirectory = /nowhere/at/all\n";
  setenv("STRONGROOM_PKCS11_CONF", (scratch_ / "other.conf").c_str(), 1);
  setenv("STRONGROOM_TOKEN_DIR", (scratch_ / "token").c_str(), 1);
  ASSERT_EQ(initialize(), CKR_OK);
  EXPECT_EQ(slot_count(), 5u);
  ASSERT_EQ(finalize(), CKR_OK);
  setenv("STRONGROOM_PKCS11_CONF", (scratch_ / "absent.conf").c_str(), 1);
  EXPECT_EQ(initialize(), CKR_FUNCTION_FAILED);
}

TEST_F(ModuleTest, LimitsOnSessionsAreTheConfigurations) {
  configure("rw_sessions = 1\nsession_idle_seconds = 1\n");
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(make_token(list_), CKR_OK);
  CK_TOKEN_INFO info;
  ASSERT_EQ(list_->C_GetTokenInfo(0, &info), CKR_OK);
  EXPECT_EQ(info.ulMaxRwSessionCount, 1u);
  const CK_FLAGS read_write = CKF_SERIAL_SESSION | CKF_RW_SESSION;
  CK_SESSION_HANDLE session = 0;
  CK_SESSION_HANDLE second = 0;
  ASSERT_EQ(list_->C_OpenSession(0, read_write, nullptr, nullptr, &session), CKR_OK);
  EXPECT_EQ(list_->C_OpenSession(0, read_write, nullptr, nullptr, &second), CKR_SESSION_COUNT);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(list_->C_OpenSession(0, read_write, nullptr, nullptr, &second), CKR_OK);
  EXPECT_EQ(list_->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
  ASSERT_EQ(finalize(), CKR_OK);
}

TEST_F(ModuleTest, AWrongConfigurationIsRefusedAndExplained) {
  setenv("STRONGROOM_PKCS11_VERBOSE", "1", 1);
  unsetenv("STRONGROOM_TOKEN_DIR");
  for (const auto& [text, why] : std::initializer_list<std::pair<const char*, const char*>>{
           {"slots = 0\n", "line 1: slots has to be 1 to 64"},
           {"\nslots = 65\n", "line 2: slots has to be 1 to 64"},
           {"slots = 1x\n", "line 1: slots has to be 1 to 64"},
           {"sessions = -1\n", "line 1: sessions has to be 1 to 1048576"},
           {"rw_sessions = 0\n", "line 1: rw_sessions has to be 1 to 1048576"},
           {"session_idle_seconds = 31536001\n",
            "line 1: session_idle_seconds has to be 0 to 31536000"},
           {"directory = tokens\n", "line 1: directory has to be an absolute path"},
           {"directory\n", "line 1: not \"name = value\""},
           {"slot = 1\n", "line 1: unknown setting slot"},
       }) {
    configure(text);
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(initialize(), CKR_FUNCTION_FAILED) << text;
    EXPECT_NE(::testing::internal::GetCapturedStderr().find(why), std::string::npos) << text;
  }
  unsetenv("STRONGROOM_PKCS11_VERBOSE");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(initialize(), CKR_FUNCTION_FAILED);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(ModuleTest, AForkedChildIsNotInitialisedAndCanInitialize) {
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(make_token(list_), CKR_OK);
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE key = 0;
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  ASSERT_EQ(make_key(list_, session, CK_TRUE, &key), CKR_OK);
  expect_child([&] {
    CK_INFO info;
    CK_ULONG count = 0;
    if (list_->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED ||
        list_->C_GetSlotList(CK_TRUE, nullptr, &count) != CKR_CRYPTOKI_NOT_INITIALIZED ||
        encrypt_once(list_, session, key) != CKR_CRYPTOKI_NOT_INITIALIZED ||
        finalize() != CKR_CRYPTOKI_NOT_INITIALIZED) {
      return false;
    }
    // It shares the token with its parent, and is another application: it logs in for itself.
    CK_SESSION_HANDLE own = 0;
    CK_SESSION_INFO state;
    return initialize() == CKR_OK && slot_count() == 1 &&
           list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &own) == CKR_OK &&
           list_->C_GetSessionInfo(own, &state) == CKR_OK && state.state == CKS_RO_PUBLIC_SESSION &&
           list_->C_CloseSession(own) == CKR_OK && object_count() == 1 &&
           open_user_session(list_, &own) == CKR_OK &&
           make_key(list_, own, CK_TRUE, &key) == CKR_OK && finalize() == CKR_OK;
  });
  EXPECT_EQ(encrypt_once(list_, session, key), CKR_OK);
  EXPECT_EQ(list_->C_CloseSession(session), CKR_OK);
  EXPECT_EQ(object_count(), 2u);
}

TEST_F(ModuleTest, AChildThatNeverInitializesHoldsNothing) {
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(make_token(list_), CKR_OK);
  CK_SESSION_HANDLE session = 0;
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  const Turn ours;
  const Turn childs;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(ours.give() && childs.take() ? 0 : 1);
  ASSERT_TRUE(ours.take());  // it runs: fork has done there what it has to
  EXPECT_EQ(finalize(), CKR_OK);
  for (const char* directory : {"flash", "root"}) {
    const std::string path = scratch_ / "token" / directory / "lock";
    const int lock = open(path.c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0) << directory;
    close(lock);
  }
  EXPECT_EQ(initialize(), CKR_OK);
  EXPECT_EQ(make_token(list_), CKR_OK);  // nobody has a session
  ASSERT_TRUE(childs.give());
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ModuleTest, AServersDeviceIsRefusedAndExplained) {
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(finalize(), CKR_OK);
  const std::string path = scratch_ / "token/flash/lock";
  const int lock = open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  setenv("STRONGROOM_PKCS11_VERBOSE", "1", 1);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(initialize(), CKR_STRONGROOM_FLASH_IN_USE);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("a server has this token open"),
            std::string::npos);
  unsetenv("STRONGROOM_PKCS11_VERBOSE");
  close(lock);
  EXPECT_EQ(initialize(), CKR_OK);
}

TEST_F(ModuleTest, ParentAndChildDrawDifferentNumbers) {
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(make_token(list_), CKR_OK);
  CK_SESSION_HANDLE session = 0;
  std::array<CK_BYTE, 32> ours{};
  ASSERT_EQ(list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_OK);
  ASSERT_EQ(list_->C_GenerateRandom(session, ours.data(), ours.size()), CKR_OK);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  for (int i = 0; i < 2; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::array<CK_BYTE, 32> theirs{};
      setenv("STRONGROOM_TOKEN_DIR", (scratch_ / std::to_string(i)).c_str(), 1);
      const bool good =
          initialize() == CKR_OK && make_token(list_) == CKR_OK &&
          list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session) == CKR_OK &&
          list_->C_GenerateRandom(session, theirs.data(), theirs.size()) == CKR_OK &&
          write(ends[1], theirs.data(), theirs.size()) == 32;
      _exit(good ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  std::array<CK_BYTE, 32> first{};
  std::array<CK_BYTE, 32> second{};
  ASSERT_EQ(read(ends[0], first.data(), first.size()), 32);
  ASSERT_EQ(read(ends[0], second.data(), second.size()), 32);
  close(ends[0]);
  close(ends[1]);
  ASSERT_EQ(list_->C_GenerateRandom(session, ours.data(), ours.size()), CKR_OK);
  const std::array<CK_BYTE, 32> zeros{};
  EXPECT_NE(first, zeros);
  EXPECT_NE(first, second);
  EXPECT_NE(ours, first);
  EXPECT_NE(ours, second);
}

TEST_F(ModuleTest, ChildrenOfChildrenInitialize) {
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(make_token(list_), CKR_OK);
  ASSERT_EQ(finalize(), CKR_OK);
  expect_child([&] {
    if (initialize() != CKR_OK || object_count() != 0 || finalize() != CKR_OK) return false;
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      std::thread([&] {
        _exit(initialize() == CKR_OK && object_count() == 0 && finalize() == CKR_OK ? 0 : 1);
      }).join();
    }
    int status = -1;
    return waitpid(grandchild, &status, 0) == grandchild && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
  });
}

TEST_F(ModuleTest, WorksThroughASymbolicLink) {
  const fs::path link = scratch_ / "pkcs11.so";
  fs::create_symlink(module_path(), link);
  // The loader knows one library under one name: a program of its own has to load the link first.
  expect_child([&] {
    const fs::path program = fs::path(module_path()).parent_path() / "strongroom-short-run";
    const std::string script = "LD_PRELOAD=" + link.string() + " " + program.string() + " make";
    return std::system(script.c_str()) == 0;  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
  });
}

}  // namespace
}  // namespace strongroom::test
