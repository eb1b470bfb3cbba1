// session.h: one session: who it belongs to, its one active operation and its session objects.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_set>
#include <vector>

#include "token/algorithms/digest_state.h"
#include "token/cipher_stream.h"
#include "token/handle_table.h"
#include "token/mechanisms.h"
#include "token/no_wait.h"
#include "token/parameters.h"
#include "token/spin_lock.h"
#include "token/wiped_buffer.h"

namespace strongroom::token {

class Application;
class ApplicationSlot;
class Device;
class Slot;

// Operation: what C_*Init left in the session (PKCS#11 v3.2, 5.7 onwards). Its buffers keep their
// room from one operation to the next, so that a warm session allocates nothing.
struct Operation {
  enum class Kind : std::uint8_t {
    kNone,
    kFind,
    kEncrypt,
    kDecrypt,
    kSign,
    kVerify,
    kDigest,
    kMessageEncrypt,
    kMessageDecrypt,
  };
  std::atomic<Kind> kind{Kind::kNone};  // written with the OperationLock, read by anybody
  const MechanismRow* mechanism = nullptr;
  Loan
      loan;  // of the key, from Init to the end: threads that use one key count no references of it
  Borrowed<const Object> key;
  std::uint32_t login = 0;    // ApplicationSlot::login() at Init; compared where the key is private
  bool awaits_login = false;  // CKA_ALWAYS_AUTHENTICATE, and no context-specific login yet
  SignatureParameters signature;
  CipherParameters cipher;  // iv and aad are views of the next two
  std::vector<std::uint8_t> iv;
  std::vector<std::uint8_t> aad;
  bool in_parts = false;                             // an Update has been called
  std::unique_ptr<CipherStream> stream;              // kEncrypt, kDecrypt, once in_parts
  std::unique_ptr<algorithms::CipherState> sealing;  // kMessageEncrypt, between Begin and end
  WipedBuffer parts;  // kSign, kVerify, kMessage*: what came in parts and has to wait
  std::unique_ptr<algorithms::DigestState> digest;  // kDigest
  std::vector<CK_OBJECT_HANDLE> found;              // kFind
  std::size_t next = 0;                             // kFind

  void end();
};

class Session {
 public:
  Session(CK_SESSION_HANDLE handle, std::shared_ptr<Application> application,
          ApplicationSlot& place, Slot& slot, bool read_write);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const CK_SESSION_HANDLE handle;
  const std::shared_ptr<Application> application;  // keeps place, slot and device alive
  ApplicationSlot& place;
  Slot& slot;
  const bool read_write;
  std::atomic<bool> closed{false};

  std::unordered_set<std::uint64_t> objects;  // session objects; guarded by place.mutex

  CK_STATE state() const;

  // Guarded by OperationLock.
  Operation operation;
  // Has the active operation lost its key: destroyed, or private and its user logged out?
  bool key_gone() const;

  // Has no call been inside for as long as the device allows? False where it sets no limit.
  bool idle() const;

 private:
  friend class OperationLock;
  friend class SessionUse;
  SpinLock operation_lock_;
  const Device& device_;
  std::atomic<std::uint64_t> used_ms_;  // by the device's clock
  std::atomic<std::uint32_t> uses_{0};  // calls inside; both are kept only for a limit
};

// SessionUse: one call inside a session. False: the session had been idle too long; it is closed.
class SessionUse {
 public:
  explicit SessionUse(Session& session);
  ~SessionUse();
  SessionUse(const SessionUse&) = delete;
  SessionUse& operator=(const SessionUse&) = delete;
  explicit operator bool() const { return open_; }

 private:
  Session& session_;
  bool open_ = true;
};

// OperationLock: one call at a time works on a session's operation; a second one is refused, not
// queued.
class OperationLock {
 public:
  explicit OperationLock(Session& session)
      : lock_(session.operation_lock_), held_(lock_.try_lock()) {}
  ~OperationLock() {
    if (held_) lock_.unlock();
  }
  OperationLock(const OperationLock&) = delete;
  OperationLock& operator=(const OperationLock&) = delete;
  explicit operator bool() const { return held_; }
  static CK_RV refusal() { return no_wait ? CKR_STRONGROOM_BUSY : CKR_OPERATION_ACTIVE; }

 private:
  SpinLock& lock_;
  const bool held_;
};

}  // namespace strongroom::token
