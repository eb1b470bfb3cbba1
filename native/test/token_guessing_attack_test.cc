// An attacker has the device directory's owner's rights and guesses PINs: in new processes, from
// several at once where the device lets them in, and killing each at the moment that might save a
// try. What counts is how many verdicts come out.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

constexpr int kTries = 10;

}  // namespace

class TokenGuessingAttackTest : public TokenTest {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/strongroom-guess-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory = pattern;
    flash = directory + "/flash";
    root = directory + "/root";
    config.ulSize = sizeof(config);
    config.pFlashDirectory = flash.c_str();
    config.pRootDirectory = root.c_str();
    config.ulSlotCount = 1;
    config.ulPinIterations = 1000;
    config.bCreate = CK_TRUE;
    open();
    initialise(slot, application);
    close();
  }
  void TearDown() override {
    TokenTest::TearDown();
    std::filesystem::remove_all(directory);
  }
  void open() {
    ASSERT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &device));
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &application));
    CK_ULONG count = 1;
    ASSERT_CKR(CKR_OK, sr().SR_GetSlotList(application, CK_TRUE, &slot, &count));
  }
  void close() {
    ASSERT_CKR(CKR_OK, sr().SR_CloseDevice(device));
    device = 0;
  }

  // In a child of its own: opens the device and guesses until it is killed, or a verdict that is no
  // CKR_PIN_INCORRECT comes. Each verdict goes through the pipe the moment it is known.
  [[noreturn]] void guess(CK_USER_TYPE user, int out) {
    CK_C_INITIALIZE_ARGS args{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, &config};
    CK_SESSION_HANDLE session = 0;
    // The parent's device is closed; its lock goes with the last process that has it open.
    while (c().C_Initialize(&args) == CKR_STRONGROOM_FLASH_IN_USE) usleep(1000);
    if (c().C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session) !=
        CKR_OK)
      _exit(2);
    for (;;) {
      const CK_RV rv = try_login(session, user, "a wrong guess");
      if (write(out, &rv, sizeof(rv)) != sizeof(rv)) _exit(3);
      if (rv != CKR_PIN_INCORRECT) _exit(0);
    }
  }

  // Starts a guesser, lets it live for so long, kills it. How many verdicts came; the last of them.
  struct Verdicts {
    int wrong = 0;
    CK_RV last = CKR_OK;
    bool ended = false;  // by itself
  };
  Verdicts guess_for(CK_USER_TYPE user, std::chrono::microseconds life) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      ::close(ends[0]);
      guess(user, ends[1]);
    }
    ::close(ends[1]);
    std::this_thread::sleep_for(life);
    kill(child, SIGKILL);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    Verdicts verdicts;
    CK_RV rv;
    while (read(ends[0], &rv, sizeof(rv)) == sizeof(rv)) {
      verdicts.last = rv;
      if (rv == CKR_PIN_INCORRECT) ++verdicts.wrong;
    }
    ::close(ends[0]);
    verdicts.ended = WIFEXITED(status);
    if (verdicts.ended) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    return verdicts;
  }

  std::string directory;
  std::string flash;
  std::string root;
  SR_DEVICE_CONFIG config{};
};

TEST_F(TokenGuessingAttackTest, KilledProcessesGetNoMoreVerdictsThanOneThatLives) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const CK_USER_TYPE user : {CKU_USER, CKU_SO}) {
    int wrong = 0;
    int processes = 0;
    Verdicts last;
    // Lives from before the first count to after several verdicts, on any machine: longer when
    // nothing came.
    for (std::uint32_t most_us = 2000; !last.ended && processes < 400; ++processes) {
      last = guess_for(user, std::chrono::microseconds(random() % most_us));
      wrong += last.wrong;
      if (last.wrong == 0) most_us = std::min<std::uint32_t>(most_us + most_us / 8, 4'000'000);
    }
    EXPECT_TRUE(last.ended) << "after " << processes << " processes";
    EXPECT_CKR(CKR_PIN_LOCKED, last.last);
    EXPECT_LE(wrong, kTries);
  }
  // Killed at any moment, the device is as whole as before, and the right PIN is too late.
  open();
  const CK_TOKEN_INFO info = token_info(slot);
  EXPECT_NE(info.flags & CKF_USER_PIN_LOCKED, 0u);
  EXPECT_NE(info.flags & CKF_SO_PIN_LOCKED, 0u);
  const CK_SESSION_HANDLE session = open_session();
  EXPECT_CKR(CKR_PIN_LOCKED, try_login(session, CKU_USER, kUserPin));
  EXPECT_CKR(CKR_PIN_LOCKED, try_login(session, CKU_SO, kSoPin));
}

TEST_F(TokenGuessingAttackTest, GuessersInOneProcessShareTheTries) {
  open();
  std::atomic<int> wrong{0};
  std::vector<std::thread> guessers;
  for (int i = 0; i < 4; ++i) {
    guessers.emplace_back([&, i] {
      CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
      SR_APPLICATION own;
      ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &own));
      const CK_SESSION_HANDLE session = open_session_of(own, slot);
      for (;;) {
        // C_Login and C_SetPIN are two doors to one count.
        const CK_RV rv = i % 2 == 0 ? try_login(session, CKU_USER, "a wrong guess")
                                    : c().C_SetPIN(session, text("wrong"), 5, text("new pin"), 7);
        if (rv != CKR_PIN_INCORRECT) {
          EXPECT_CKR(CKR_PIN_LOCKED, rv);
          return;
        }
        ++wrong;
      }
    });
  }
  for (std::thread& each : guessers) each.join();
  EXPECT_EQ(wrong, kTries);
}

}  // namespace strongroom::test
