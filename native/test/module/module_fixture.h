// module_fixture.h: the library loaded, with a token directory of the test's own, and what tests of
// several processes share.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "test/module/module.h"

namespace strongroom::test {

namespace fs = std::filesystem;

class ModuleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sr-module-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    scratch_ = name;
    for (const char* each :
         {"STRONGROOM_TOKEN_DIR", "STRONGROOM_PKCS11_CONF", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}) {
      unsetenv(each);
    }
    setenv("HOME", scratch_.c_str(), 1);
    setenv("STRONGROOM_TOKEN_DIR", (scratch_ / "token").c_str(), 1);
    library_ = load_module(module_path());
    ASSERT_NE(library_, nullptr);
    list_ = function_list_of(library_);
    ASSERT_NE(list_, nullptr);
    CK_INTERFACE_PTR found = nullptr;
    const auto get = reinterpret_cast<CK_C_GetInterface>(dlsym(library_, "C_GetInterface"));
    ASSERT_EQ(get(nullptr, nullptr, &found, 0), CKR_OK);
    newest_ = static_cast<CK_FUNCTION_LIST_3_2*>(found->pFunctionList);
  }

  void TearDown() override {
    if (list_ != nullptr) list_->C_Finalize(nullptr);  // where a test has not
    if (library_ != nullptr) dlclose(library_);
    fs::remove_all(scratch_);
  }

  CK_RV initialize() const { return list_->C_Initialize(nullptr); }
  CK_RV finalize() const { return list_->C_Finalize(nullptr); }

  std::size_t slot_count() const {
    CK_ULONG count = 0;
    return list_->C_GetSlotList(CK_TRUE, nullptr, &count) == CKR_OK ? count : 0;
  }

  std::size_t object_count() const {
    CK_SESSION_HANDLE session = 0;
    EXPECT_EQ(open_user_session(list_, &session), CKR_OK);
    CK_OBJECT_HANDLE handles[64];
    CK_ULONG count = 0;
    EXPECT_EQ(list_->C_FindObjectsInit(session, nullptr, 0), CKR_OK);
    EXPECT_EQ(list_->C_FindObjects(session, handles, 64, &count), CKR_OK);
    EXPECT_EQ(list_->C_FindObjectsFinal(session), CKR_OK);
    EXPECT_EQ(list_->C_CloseSession(session), CKR_OK);
    return count;
  }

  void configure(const std::string& text) const {
    fs::create_directories(scratch_ / ".config/strongroom");
    std::ofstream(scratch_ / ".config/strongroom/pkcs11.conf") << text;
  }

  fs::path scratch_;
  void* library_ = nullptr;
  CK_FUNCTION_LIST* list_ = nullptr;
  CK_FUNCTION_LIST_3_2* newest_ = nullptr;
};

// A forked child that answers true. It leaves without the parent's exit handlers.
inline void expect_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Two processes that take turns.
class Turn {
 public:
  Turn() { EXPECT_EQ(pipe(ends_), 0); }
  ~Turn() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool give() const { return write(ends_[1], "!", 1) == 1; }
  bool take() const {
    char byte = 0;
    return read(ends_[0], &byte, 1) == 1;
  }

 private:
  int ends_[2] = {-1, -1};
};

}  // namespace strongroom::test
