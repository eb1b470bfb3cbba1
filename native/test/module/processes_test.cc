// Several processes with libstrongroom-pkcs11.so on one token directory: what one does the others
// see, what they count together, and what is left when some of them are killed.
#include <signal.h>

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "test/module/module_fixture.h"

namespace strongroom::test {
namespace {

// A process that does one thing at a time, when it is told to.
class ProcessesTest : public ModuleTest {
 protected:
  // The library's other processes fork from this one before anything is initialised here.
  class Peer {
   public:
    using Task = std::function<CK_RV(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session)>;

    Peer(CK_FUNCTION_LIST* list, std::vector<Task> tasks) {
      EXPECT_EQ(pipe(orders_), 0);
      EXPECT_EQ(pipe(answers_), 0);
      process_ = fork();
      if (process_ != 0) return;
      close(orders_[1]);
      CK_SESSION_HANDLE session = 0;
      std::uint8_t order = 0;
      while (read(orders_[0], &order, 1) == 1) {
        const CK_RV rv = tasks[order](list, &session);
        if (write(answers_[1], &rv, sizeof(rv)) != sizeof(rv)) break;
      }
      _exit(0);
    }
    ~Peer() {
      close(orders_[0]);
      close(orders_[1]);
      close(answers_[0]);
      close(answers_[1]);
      int status = -1;
      waitpid(process_, &status, 0);
      EXPECT_TRUE(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    CK_RV does(std::uint8_t task) const {
      CK_RV rv = CKR_GENERAL_ERROR;
      EXPECT_EQ(write(orders_[1], &task, 1), 1);
      EXPECT_EQ(read(answers_[0], &rv, sizeof(rv)), static_cast<ssize_t>(sizeof(rv)));
      return rv;
    }
    void die() const { EXPECT_EQ(kill(process_, SIGKILL), 0); }

   private:
    int orders_[2] = {-1, -1};
    int answers_[2] = {-1, -1};
    pid_t process_ = -1;
  };

  void make() const {
    ASSERT_EQ(initialize(), CKR_OK);
    ASSERT_EQ(make_token(list_), CKR_OK);
  }
};

CK_RV start(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE*) { return list->C_Initialize(nullptr); }
CK_RV start_and_log_in(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
  const CK_RV rv = list->C_Initialize(nullptr);
  return rv == CKR_OK ? open_user_session(list, session) : rv;
}
CK_RV make_token_key(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
  CK_OBJECT_HANDLE key = 0;
  return make_key(list, *session, CK_TRUE, &key);
}
// Every object in sight.
std::vector<CK_OBJECT_HANDLE> objects(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE session) {
  std::vector<CK_OBJECT_HANDLE> handles(4096);
  CK_ULONG count = 0;
  if (list->C_FindObjectsInit(session, nullptr, 0) != CKR_OK) return {};
  list->C_FindObjects(session, handles.data(), handles.size(), &count);
  list->C_FindObjectsFinal(session);
  handles.resize(count);
  return handles;
}
CK_RV destroy_one(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
  const auto all = objects(list, *session);
  return all.empty() ? CKR_OBJECT_HANDLE_INVALID : list->C_DestroyObject(*session, all[0]);
}
CK_RV set_label(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                std::string label) {
  CK_ATTRIBUTE attribute{CKA_LABEL, label.data(), label.size()};
  return list->C_SetAttributeValue(session, object, &attribute, 1);
}
CK_RV rename_one(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
  const auto all = objects(list, *session);
  return all.empty() ? CKR_OBJECT_HANDLE_INVALID : set_label(list, *session, all[0], "renamed");
}
std::string label_of(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  std::string label(64, '\0');
  CK_ATTRIBUTE attribute{CKA_LABEL, label.data(), label.size()};
  if (list->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK) return "gone";
  label.resize(attribute.ulValueLen);
  return label;
}
CK_RV log_in(CK_FUNCTION_LIST* list, CK_SESSION_HANDLE session, CK_USER_TYPE user,
             const char* pin) {
  return list->C_Login(session, user, utf8(pin), std::strlen(pin));
}

TEST_F(ProcessesTest, ObjectsAppearChangeAndGoElsewhere) {
  const Peer peer(list_, {start_and_log_in, make_token_key, rename_one, destroy_one});
  make();
  CK_SESSION_HANDLE session = 0;
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  ASSERT_EQ(peer.does(0), CKR_OK);
  ASSERT_EQ(peer.does(1), CKR_OK);
  const auto found = objects(list_, session);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(encrypt_once(list_, session, found[0]), CKR_OK);
  EXPECT_EQ(label_of(list_, session, found[0]), "module");
  ASSERT_EQ(peer.does(2), CKR_OK);
  EXPECT_EQ(label_of(list_, session, found[0]), "renamed");
  // A change that is made of both: neither is lost, and the handle is the same.
  CK_BYTE id[] = {1, 2};
  CK_ATTRIBUTE attribute{CKA_ID, id, sizeof(id)};
  ASSERT_EQ(set_label(list_, session, found[0], "ours"), CKR_OK);
  ASSERT_EQ(peer.does(2), CKR_OK);
  ASSERT_EQ(list_->C_SetAttributeValue(session, found[0], &attribute, 1), CKR_OK);
  EXPECT_EQ(label_of(list_, session, found[0]), "renamed");
  EXPECT_EQ(objects(list_, session), found);

  // A key that is in use goes away under it.
  CK_BYTE iv[12] = {};
  CK_GCM_PARAMS parameters{iv, sizeof(iv), 8 * sizeof(iv), nullptr, 0, 128};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof(parameters)};
  ASSERT_EQ(list_->C_EncryptInit(session, &mechanism, found[0]), CKR_OK);
  ASSERT_EQ(peer.does(3), CKR_OK);
  CK_BYTE out[64];
  CK_ULONG length = sizeof(out);
  EXPECT_EQ(list_->C_Encrypt(session, iv, sizeof(iv), out, &length), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(encrypt_once(list_, session, found[0]), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(label_of(list_, session, found[0]), "gone");
  EXPECT_EQ(list_->C_DestroyObject(session, found[0]), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_TRUE(objects(list_, session).empty());
}

TEST_F(ProcessesTest, PrivateObjectsAreSeenByWhoeverIsLoggedIn) {
  const Peer peer(list_, {start_and_log_in, make_token_key});
  make();
  CK_SESSION_HANDLE session = 0;
  ASSERT_EQ(list_->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_OK);
  ASSERT_EQ(peer.does(0), CKR_OK);
  ASSERT_EQ(peer.does(1), CKR_OK);
  EXPECT_TRUE(objects(list_, session).empty());
  CK_SESSION_INFO info;
  EXPECT_EQ(list_->C_GetSessionInfo(session, &info), CKR_OK);
  EXPECT_EQ(info.state, CKS_RO_PUBLIC_SESSION);  // a login is a process's own
  ASSERT_EQ(log_in(list_, session, CKU_USER, kModulePin), CKR_OK);
  EXPECT_EQ(objects(list_, session).size(), 1u);
  ASSERT_EQ(peer.does(1), CKR_OK);
  EXPECT_EQ(objects(list_, session).size(), 2u);
  ASSERT_EQ(list_->C_Logout(session), CKR_OK);
  ASSERT_EQ(peer.does(1), CKR_OK);
  EXPECT_TRUE(objects(list_, session).empty());
}

TEST_F(ProcessesTest, APinChangedElsewhereIsTheOneToKnow) {
  const auto change_pin = [](CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
    return list->C_SetPIN(*session, utf8(kModulePin), sizeof(kModulePin) - 1, utf8("new pin"), 7);
  };
  const Peer peer(list_, {start_and_log_in, change_pin, make_token_key});
  make();
  CK_SESSION_HANDLE session = 0;
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  ASSERT_EQ(peer.does(0), CKR_OK);
  ASSERT_EQ(peer.does(1), CKR_OK);
  // Who is logged in stays so, and sees what is new.
  ASSERT_EQ(peer.does(2), CKR_OK);
  EXPECT_EQ(objects(list_, session).size(), 1u);
  ASSERT_EQ(list_->C_Logout(session), CKR_OK);
  EXPECT_EQ(log_in(list_, session, CKU_USER, kModulePin), CKR_PIN_INCORRECT);
  EXPECT_EQ(log_in(list_, session, CKU_USER, "new pin"), CKR_OK);
}

TEST_F(ProcessesTest, TriesAreCountedInAllProcesses) {
  const auto guess = [](CK_FUNCTION_LIST* list, CK_SESSION_HANDLE* session) {
    if (*session == 0) list->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, session);
    return log_in(list, *session, CKU_USER, "wrong");
  };
  const Peer peer(list_, {start, guess});
  const Peer other(list_, {start, guess});
  make();
  ASSERT_EQ(peer.does(0), CKR_OK);
  ASSERT_EQ(other.does(0), CKR_OK);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(peer.does(1), CKR_PIN_INCORRECT);
    CK_TOKEN_INFO info;
    ASSERT_EQ(list_->C_GetTokenInfo(0, &info), CKR_OK);
    EXPECT_EQ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0, i == 4);
    EXPECT_NE(info.flags & CKF_USER_PIN_COUNT_LOW, 0u);
    EXPECT_EQ(other.does(1), CKR_PIN_INCORRECT);
  }
  EXPECT_EQ(peer.does(1), CKR_PIN_LOCKED);
  EXPECT_EQ(other.does(1), CKR_PIN_LOCKED);
  CK_SESSION_HANDLE session = 0;
  EXPECT_EQ(open_user_session(list_, &session), CKR_PIN_LOCKED);
  CK_TOKEN_INFO info;
  ASSERT_EQ(list_->C_GetTokenInfo(0, &info), CKR_OK);
  EXPECT_NE(info.flags & CKF_USER_PIN_LOCKED, 0u);
}

TEST_F(ProcessesTest, ATokenIsInitialisedWhenNobodyHasASession) {
  const auto finish = [](CK_FUNCTION_LIST* list, CK_SESSION_HANDLE*) {
    return list->C_CloseAllSessions(0);
  };
  const auto initialise = [](CK_FUNCTION_LIST* list, CK_SESSION_HANDLE*) {
    return make_token(list);
  };
  const Peer peer(list_, {start_and_log_in, make_token_key, finish, initialise});
  make();
  ASSERT_EQ(peer.does(0), CKR_OK);
  ASSERT_EQ(peer.does(1), CKR_OK);
  EXPECT_EQ(make_token(list_), CKR_SESSION_EXISTS);
  ASSERT_EQ(peer.does(2), CKR_OK);
  CK_SESSION_HANDLE session = 0;
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  EXPECT_EQ(peer.does(3), CKR_SESSION_EXISTS);
  EXPECT_EQ(objects(list_, session).size(), 1u);
  ASSERT_EQ(list_->C_CloseSession(session), CKR_OK);
  ASSERT_EQ(peer.does(3), CKR_OK);
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  EXPECT_TRUE(objects(list_, session).empty());
  EXPECT_EQ(make_token_key(list_, &session), CKR_OK);
}

TEST_F(ProcessesTest, TwoThatFindNothingMakeOneToken) {
  for (int round = 0; round < 5; ++round) {
    setenv("STRONGROOM_TOKEN_DIR", (scratch_ / std::to_string(round)).c_str(), 1);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(initialize() == CKR_OK ? 0 : 1);
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = -1;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    EXPECT_EQ(initialize(), CKR_OK);
    EXPECT_EQ(make_token(list_), CKR_OK);
    EXPECT_EQ(finalize(), CKR_OK);
  }
}

// --- hammering ---

// What a process says, durably or not, before it is killed: the label of a key that is there, or is
// gone.
struct Said {
  std::uint32_t process;
  std::uint32_t key;
  enum What : std::uint32_t { kMaking, kMade, kDestroying, kDestroyed, kFailed } what;
  std::uint32_t rv;
};

std::string key_label(std::uint32_t process, std::uint32_t key) {
  return std::to_string(process) + "/" + std::to_string(key);
}

// Makes and destroys keys until it is killed or has done enough.
void hammer(CK_FUNCTION_LIST* list, std::uint32_t process, int out) {
  const auto say = [&](Said::What what, std::uint32_t key, CK_RV rv = CKR_OK) {
    const Said said{process, key, what, static_cast<std::uint32_t>(rv)};
    if (write(out, &said, sizeof(said)) != sizeof(said)) _exit(2);
  };
  CK_SESSION_HANDLE session = 0;
  CK_RV rv = start_and_log_in(list, &session);
  if (rv != CKR_OK) return say(Said::kFailed, 0, rv);
  std::minstd_rand random(process + 1);
  std::map<std::uint32_t, CK_OBJECT_HANDLE> own;
  for (std::uint32_t key = 0; key < 150; ++key) {
    say(Said::kMaking, key);
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    CK_ULONG bytes = 16;
    CK_BBOOL yes = CK_TRUE;
    std::string label = key_label(process, key);
    CK_BBOOL is_private = key % 2 == 0 ? CK_TRUE : CK_FALSE;
    CK_ATTRIBUTE wanted[] = {{CKA_VALUE_LEN, &bytes, sizeof(bytes)},
                             {CKA_TOKEN, &yes, sizeof(yes)},
                             {CKA_PRIVATE, &is_private, sizeof(is_private)},
                             {CKA_LABEL, label.data(), label.size()}};
    CK_OBJECT_HANDLE handle = 0;
    rv = list->C_GenerateKey(session, &mechanism, wanted, 4, &handle);
    if (rv != CKR_OK) return say(Said::kFailed, key, rv);
    say(Said::kMade, key);
    own[key] = handle;
    if (key % 8 == 0 && objects(list, session).size() < own.size())
      return say(Said::kFailed, key, CKR_OBJECT_HANDLE_INVALID);
    if (random() % 3 == 0) continue;
    const auto victim = std::next(own.begin(), static_cast<std::ptrdiff_t>(random() % own.size()));
    say(Said::kDestroying, victim->first);
    rv = list->C_DestroyObject(session, victim->second);
    if (rv != CKR_OK) return say(Said::kFailed, victim->first, rv);
    say(Said::kDestroyed, victim->first);
    own.erase(victim);
  }
  rv = list->C_Finalize(nullptr);
  if (rv != CKR_OK) say(Said::kFailed, 0, rv);
}

TEST_F(ProcessesTest, SomeAreKilledAndWhatWasAnsweredIsThere) {
  constexpr std::uint32_t kProcesses = 6;
  make();
  CK_SESSION_HANDLE session = 0;
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::vector<pid_t> children;
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      hammer(list_, i, ends[1]);
      _exit(0);
    }
    children.push_back(child);
  }
  close(ends[1]);
  std::thread killer([&] {
    std::minstd_rand random(static_cast<unsigned>(getpid()));
    for (std::size_t i = 0; i < kProcesses / 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300 + random() % 300));
      kill(children[i], SIGKILL);
    }
  });
  std::set<std::string> there;
  std::map<std::string, Said::What> last;
  std::size_t made = 0;
  for (Said said{}; read(ends[0], &said, sizeof(said)) == sizeof(said);) {
    const std::string label = key_label(said.process, said.key);
    EXPECT_NE(said.what, Said::kFailed) << label << " answered 0x" << std::hex << said.rv;
    last[label] = said.what;
    if (said.what == Said::kMade) there.insert(label);
    if (said.what == Said::kMade) ++made;
    if (said.what == Said::kDestroying) there.erase(label);
  }
  close(ends[0]);
  killer.join();
  for (const pid_t child : children) waitpid(child, nullptr, 0);

  const auto labels = [&](CK_SESSION_HANDLE in) {
    std::set<std::string> found;
    for (const CK_OBJECT_HANDLE handle : objects(list_, in)) {
      EXPECT_TRUE(found.insert(label_of(list_, in, handle)).second) << "twice";
    }
    return found;
  };
  const auto check = [&](const std::set<std::string>& found) {
    for (const std::string& label : there)
      EXPECT_TRUE(found.contains(label)) << label << " is lost";
    for (const std::string& label : found) {
      // What was under way when its process was killed may be there or not.
      EXPECT_TRUE(there.contains(label) || last[label] == Said::kMaking ||
                  last[label] == Said::kDestroying)
          << label << " is back";
    }
  };
  const auto seen = labels(session);
  check(seen);
  ASSERT_EQ(finalize(), CKR_OK);
  ASSERT_EQ(initialize(), CKR_OK);
  ASSERT_EQ(open_user_session(list_, &session), CKR_OK);
  const auto opened = labels(session);
  check(opened);
  for (const std::string& label : seen) EXPECT_TRUE(opened.contains(label)) << label;
  std::cout << made << " keys made, " << opened.size() << " left\n";
  EXPECT_EQ(make_token_key(list_, &session), CKR_OK);
}

}  // namespace
}  // namespace strongroom::test
