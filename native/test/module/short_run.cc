// short_run MODE: one short life of a program with libstrongroom-pkcs11.so, on the initialised
// token that STRONGROOM_TOKEN_DIR names. Ends 0 when every call answered CKR_OK, and is expected to
// end at all: by itself, without a signal.
//
//   make     initialises the token instead
//   login    logs in, works, logs out, C_Finalize, dlclose
//   tidy     works, C_Finalize, dlclose
//   abrupt   returns from main with the session open
//   threads  exits while four threads are inside
//   forks    a child, forked while four threads are inside, says CKR_CRYPTOKI_NOT_INITIALIZED,
//   shares
//            the token, works and exits
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "test/module/module.h"

using namespace strongroom::test;

namespace {

int failed(const char* where, CK_RV rv) {
  static_cast<void>(std::fprintf(stderr, "%s answered 0x%lx\n", where, rv));
  return EXIT_FAILURE;
}

// Work without an end, in a session each; returns when all of them are inside.
void start_threads(CK_FUNCTION_LIST* list) {
  static std::atomic<unsigned> inside{0};
  for (int i = 0; i < 4; ++i) {
    std::thread([list] {
      CK_SESSION_HANDLE session = 0;
      CK_OBJECT_HANDLE key = 0;
      if (list->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK ||
          make_key(list, session, CK_FALSE, &key) != CKR_OK) {
        std::abort();
      }
      ++inside;
      while (encrypt_once(list, session, key) == CKR_OK) continue;
    }).detach();
  }
  while (inside != 4) std::this_thread::yield();
}

CK_RV child_works(CK_FUNCTION_LIST* list) {
  CK_INFO info;
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE key = 0;
  if (list->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED) return CKR_GENERAL_ERROR;
  CK_RV rv = list->C_Initialize(nullptr);
  if (rv == CKR_OK) rv = list->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  if (rv == CKR_OK) rv = make_key(list, session, CK_FALSE, &key);
  if (rv == CKR_OK) rv = encrypt_once(list, session, key);
  return rv == CKR_OK ? list->C_Finalize(nullptr) : rv;
}

int fork_child(CK_FUNCTION_LIST* list) {
  const pid_t child = fork();
  if (child == 0) {
    const CK_RV rv = child_works(list);
    std::exit(rv == CKR_OK ? EXIT_SUCCESS : failed("the child's work", rv));
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                  : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  void* const library = load_module(module_path());
  CK_FUNCTION_LIST* const list = library != nullptr ? function_list_of(library) : nullptr;
  if (list == nullptr) return EXIT_FAILURE;
  CK_C_INITIALIZE_ARGS arguments{nullptr, nullptr, nullptr, nullptr, CKF_OS_LOCKING_OK, nullptr};
  if (const CK_RV rv = list->C_Initialize(&arguments); rv != CKR_OK)
    return failed("C_Initialize", rv);
  if (mode == "make") {
    const CK_RV rv = make_token(list);
    return rv == CKR_OK ? EXIT_SUCCESS : failed("make_token", rv);
  }
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE key = 0;
  const CK_RV opened = mode == "login"
                           ? open_user_session(list, &session)
                           : list->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  if (opened != CKR_OK) return failed("a session", opened);
  if (const CK_RV rv = make_key(list, session, CK_FALSE, &key); rv != CKR_OK)
    return failed("C_GenerateKey", rv);
  if (const CK_RV rv = encrypt_once(list, session, key); rv != CKR_OK)
    return failed("C_Encrypt", rv);
  if (mode == "abrupt") return EXIT_SUCCESS;
  if (mode == "threads") {
    start_threads(list);
    std::exit(EXIT_SUCCESS);
  }
  if (mode == "forks") {
    start_threads(list);
    std::exit(fork_child(list));
  }
  if (mode == "login") {
    if (const CK_RV rv = list->C_Logout(session); rv != CKR_OK) return failed("C_Logout", rv);
  }
  if (const CK_RV rv = list->C_Finalize(nullptr); rv != CKR_OK) return failed("C_Finalize", rv);
  return dlclose(library) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
