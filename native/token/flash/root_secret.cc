// root_secret.cc: root secret and anchor in a directory of files, and in memory.
//
// The file root-secret is made last and never written again: it is there, or there is no device.
// The file anchor has two slots, written in turn and each a page of its own, so that a torn write
// leaves the other.

#include <algorithm>
#include <array>
#include <cerrno>

#include "token/algorithms/algorithms.h"
#include "token/drbg/drbg.h"
#include "token/flash/flash.h"
#include "token/flash/layout.h"
#include "token/flash/sync_sites.h"

namespace strongroom::flash {
namespace {

// File root-secret.
constexpr std::string_view kMagic = "SRSECRET";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kLengthAt = 12;
constexpr std::size_t kSecretAt = 16;
constexpr std::size_t kSecretCheckAt = kSecretAt + kRootSecretBytes;
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kSecretFileBytes = kSecretCheckAt + kDigestBytes;

// The same under a passphrase: its version is one more than the format's. The key that seals the
// secret is PBKDF2-HMAC-SHA-256 of passphrase and salt; what lies before the nonce is authenticated
// with it.
constexpr std::uint32_t kSealedVersion = kFormatVersion + 1;
constexpr std::uint32_t kPassphraseIterations = 600'000;
constexpr std::uint32_t kPassphraseIterationsMax = 100'000'000;  // a damaged count does not hang us
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kNonceBytes = 28;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kIterationsAt = 16;
constexpr std::size_t kSaltAt = 24;
constexpr std::size_t kNonceAt = kSaltAt + kSaltBytes;
constexpr std::size_t kCiphertextAt = kNonceAt + kNonceBytes;
constexpr std::size_t kTagAt = kCiphertextAt + kRootSecretBytes;
constexpr std::size_t kSealedCheckAt = kTagAt + kTagBytes;
constexpr std::size_t kSealedFileBytes = kSealedCheckAt + kDigestBytes;

CK_RV passphrase_key(Bytes passphrase, Bytes salt, std::uint32_t iterations,
                     std::shared_ptr<algorithms::Key>* key) {
  Secret derived(kRootSecretBytes);
  if (!derived) return CKR_HOST_MEMORY;
  const CK_RV rv =
      algorithms::pbkdf2_hmac_sha256(passphrase, salt, iterations, derived.mutable_bytes());
  if (rv != CKR_OK) return rv;
  *key = algorithms::Key::make(std::move(derived));
  return *key ? CKR_OK : CKR_HOST_MEMORY;
}

// A slot of the file anchor: counter, length, zeros, content, SHA-256 of all before.
constexpr std::size_t kSlotBytes = 4096;
constexpr std::size_t kCounterAt = 0;
constexpr std::size_t kContentLengthAt = 8;
constexpr std::size_t kContentAt = 16;
constexpr std::size_t kContentMax = kSlotBytes - kContentAt - kDigestBytes;
using Slot = std::array<std::uint8_t, kSlotBytes>;

CK_RV make_slot(std::uint64_t counter, Bytes content, Slot* slot) {
  if (content.size() > kContentMax) return CKR_ARGUMENTS_BAD;
  slot->fill(0);
  store_u64(slot->data() + kCounterAt, counter);
  store_u32(slot->data() + kContentLengthAt, static_cast<std::uint32_t>(content.size()));
  std::copy(content.begin(), content.end(), slot->begin() + kContentAt);
  const std::size_t digest_at = kContentAt + content.size();
  return algorithms::sha256(Bytes(*slot).first(digest_at),
                            MutableBytes(*slot).subspan(digest_at, kDigestBytes));
}

// False: torn, damaged or never written.
bool read_slot(const Slot& slot, std::uint64_t* counter, Bytes* content) {
  const std::size_t length = load_u32(slot.data() + kContentLengthAt);
  if (length > kContentMax) return false;
  std::array<std::uint8_t, kDigestBytes> digest{};
  const Bytes covered = Bytes(slot).first(kContentAt + length);
  if (algorithms::sha256(covered, digest) != CKR_OK) return false;
  const Bytes stored = Bytes(slot).subspan(covered.size(), kDigestBytes);
  if (!std::equal(digest.begin(), digest.end(), stored.begin())) return false;
  *counter = load_u64(slot.data() + kCounterAt);
  *content = covered.subspan(kContentAt);
  return true;
}

std::uint64_t slot_offset(std::uint64_t counter) { return counter % 2 * kSlotBytes; }

class FileRootSecret final : public RootSecretProvider {
 public:
  FileRootSecret(FileSystem& file_system, std::string directory, Bytes passphrase)
      : file_system_(file_system),
        directory_(std::move(directory)),
        passphrase_(passphrase),
        secret_path_(directory_ + "/root-secret"),
        anchor_path_(directory_ + "/anchor") {}

  CK_RV load(Secret* root_secret, std::vector<std::uint8_t>* anchor, LockMode mode) override {
    mode_ = mode;
    if (!file_system_.exists(directory_)) return CKR_TOKEN_NOT_PRESENT;
    CK_RV rv = take_lock();
    if (rv != CKR_OK) return rv;
    if (!file_system_.exists(secret_path_)) return CKR_TOKEN_NOT_PRESENT;
    Secret secret;
    rv = read_secret(&secret);
    if (rv == CKR_OK) {
      anchor_file_ = file_system_.open(anchor_path_, false, false);
      rv = load_anchor(true, anchor);
    }
    // A creation that died after its rename and before this sync: seen, and not yet durable.
    if (rv == CKR_OK && !file_system_.sync_directory(directory_, sync_site::kRootDirectoryLoad)) {
      rv = CKR_DEVICE_ERROR;
    }
    if (rv == CKR_OK) *root_secret = std::move(secret);
    return rv;
  }

  CK_RV create(const Secret& root_secret, Bytes anchor) override {
    if (root_secret.size() != kRootSecretBytes) return CKR_ARGUMENTS_BAD;
    if (!file_system_.make_directory(directory_) ||
        !file_system_.sync_directory(parent_directory(directory_), sync_site::kRootParent)) {
      return file_failure();
    }
    CK_RV rv = take_lock();
    if (rv != CKR_OK) return rv;
    if (file_system_.exists(secret_path_)) return CKR_DEVICE_ERROR;
    rv = create_anchor(anchor);
    if (rv == CKR_OK) rv = create_secret(root_secret, passphrase_.bytes());
    return rv;
  }

  CK_RV load_anchor(bool settle, std::vector<std::uint8_t>* anchor) override {
    if (anchor_file_ == nullptr) return CKR_DEVICE_ERROR;
    std::array<Slot, 2> slots{};
    const Slot* newest = nullptr;
    Bytes content;
    counter_ = 0;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      std::size_t got = 0;
      std::uint64_t counter = 0;
      Bytes found;
      if (!anchor_file_->read_at(i * kSlotBytes, slots[i], &got)) return CKR_DEVICE_ERROR;
      if (got == kSlotBytes && read_slot(slots[i], &counter, &found) &&
          slot_offset(counter) == i * kSlotBytes && counter > counter_) {
        newest = &slots[i];
        content = found;
        counter_ = counter;
      }
    }
    if (newest == nullptr) return CKR_DEVICE_ERROR;
    // The newest slot is seen, but perhaps only in memory, left there by a process that died before
    // its sync, or whose sync failed: then the system holds these pages to be clean. Made durable
    // before the other slot is overwritten, or one crash could tear both.
    if (settle) {
      if (!anchor_file_->write_at(slot_offset(counter_), *newest)) return file_failure();
      if (!anchor_file_->sync(sync_site::kAnchorLoad)) return CKR_DEVICE_ERROR;
    }
    anchor->assign(content.begin(), content.end());
    return CKR_OK;
  }

  CK_RV store_anchor(Bytes anchor) override {
    if (anchor_file_ == nullptr) return CKR_DEVICE_ERROR;
    Slot slot{};
    const CK_RV rv = make_slot(counter_ + 1, anchor, &slot);
    if (rv != CKR_OK) return rv;
    if (!anchor_file_->write_at(slot_offset(counter_ + 1), slot)) return file_failure();
    if (!anchor_file_->sync(sync_site::kAnchorStore)) return CKR_DEVICE_ERROR;
    ++counter_;
    return CKR_OK;
  }

  // After load. What lay in the file before is overwritten once the new one is durable.
  CK_RV change_passphrase(const Secret& root_secret, Bytes passphrase) {
    const auto before = file_system_.open(secret_path_, false, false);
    std::uint64_t length = 0;
    if (before == nullptr || !before->size(&length)) return CKR_DEVICE_ERROR;
    const CK_RV rv = create_secret(root_secret, passphrase);
    if (rv != CKR_OK) return rv;
    const std::vector<std::uint8_t> zeros(length);
    const bool done = before->write_at(0, zeros) && before->sync(sync_site::kRootSecretDestroy);
    return done ? CKR_OK : CKR_DEVICE_ERROR;
  }

  CK_RV destroy() override {
    const CK_RV rv = take_lock();
    if (rv != CKR_OK) return rv;
    anchor_file_.reset();
    bool done = true;
    if (file_system_.exists(secret_path_)) {
      const std::array<std::uint8_t, kSecretFileBytes> zeros{};
      const auto file = file_system_.open(secret_path_, false, false);
      done =
          file != nullptr && file->write_at(0, zeros) && file->sync(sync_site::kRootSecretDestroy);
      done = file_system_.remove(secret_path_) && done;
    }
    if (file_system_.exists(anchor_path_)) done = file_system_.remove(anchor_path_) && done;
    done = file_system_.sync_directory(directory_, sync_site::kRootDirectoryDestroy) && done;
    return done ? CKR_OK : CKR_DEVICE_ERROR;
  }

 private:
  CK_RV take_lock() {
    if (lock_ != nullptr) return CKR_OK;
    auto lock = file_system_.lock_file(directory_ + "/lock");
    if (lock == nullptr) return file_failure();
    if (!lock->take(mode_, false)) {
      return errno == EWOULDBLOCK ? CKR_STRONGROOM_FLASH_IN_USE : file_failure();
    }
    lock_ = std::move(lock);
    return CKR_OK;
  }

  CK_RV read_secret(Secret* root_secret) {
    Secret content(kSealedFileBytes);
    if (!content) return CKR_HOST_MEMORY;
    const auto file = file_system_.open(secret_path_, false, false);
    std::size_t got = 0;
    if (file == nullptr || !file->read_at(0, content.mutable_bytes(), &got))
      return CKR_DEVICE_ERROR;
    if (got < kLengthAt || !std::equal(kMagic.begin(), kMagic.end(), content.data()))
      return CKR_DEVICE_ERROR;
    const std::uint32_t version = load_u32(content.data() + kVersionAt);
    if (version > kSealedVersion) return CKR_STRONGROOM_FLASH_VERSION;
    if ((version == kSealedVersion) != (passphrase_.size() != 0)) return CKR_PIN_INVALID;
    if (version == kSealedVersion) return open_secret(content.bytes().first(got), root_secret);
    std::array<std::uint8_t, kDigestBytes> digest{};
    const CK_RV rv = algorithms::sha256(content.bytes().first(kSecretCheckAt), digest);
    if (rv != CKR_OK) return rv;
    if (got != kSecretFileBytes || load_u32(content.data() + kVersionAt) != kFormatVersion ||
        load_u32(content.data() + kLengthAt) != kRootSecretBytes ||
        !algorithms::equal_constant_time(digest,
                                         content.bytes().subspan(kSecretCheckAt, kDigestBytes))) {
      return CKR_DEVICE_ERROR;
    }
    *root_secret = Secret(content.bytes().subspan(kSecretAt, kRootSecretBytes));
    return *root_secret ? CKR_OK : CKR_HOST_MEMORY;
  }

  CK_RV open_secret(Bytes content, Secret* root_secret) {
    if (content.size() != kSealedFileBytes) return CKR_DEVICE_ERROR;
    std::array<std::uint8_t, kDigestBytes> digest{};
    CK_RV rv = algorithms::sha256(content.first(kSealedCheckAt), digest);
    if (rv != CKR_OK) return rv;
    const std::uint32_t iterations = load_u32(content.data() + kIterationsAt);
    if (!algorithms::equal_constant_time(digest, content.subspan(kSealedCheckAt)) ||
        load_u32(content.data() + kLengthAt) != kRootSecretBytes || iterations == 0 ||
        iterations > kPassphraseIterationsMax) {
      return CKR_DEVICE_ERROR;
    }
    std::shared_ptr<algorithms::Key> key;
    rv =
        passphrase_key(passphrase_.bytes(), content.subspan(kSaltAt, kSaltBytes), iterations, &key);
    if (rv != CKR_OK) return rv;
    Secret opened(kRootSecretBytes);
    if (!opened) return CKR_HOST_MEMORY;
    rv = algorithms::derive_open(*key, content.subspan(kNonceAt, kNonceBytes),
                                 content.first(kNonceAt),
                                 content.subspan(kCiphertextAt, kRootSecretBytes),
                                 content.subspan(kTagAt, kTagBytes), opened.mutable_bytes());
    if (rv == CKR_ENCRYPTED_DATA_INVALID) return CKR_PIN_INVALID;
    if (rv == CKR_OK) *root_secret = std::move(opened);
    return rv;
  }

  // What the file root-secret holds: sealed if there is a passphrase.
  CK_RV write_down(const Secret& root_secret, Bytes passphrase, Secret* content) {
    const bool sealed = !passphrase.empty();
    *content = Secret(sealed ? kSealedFileBytes : kSecretFileBytes);
    if (!*content) return CKR_HOST_MEMORY;
    std::uint8_t* const to = content->data();
    std::fill_n(to, content->size(), std::uint8_t{0});
    std::copy(kMagic.begin(), kMagic.end(), to);
    store_u32(to + kVersionAt, sealed ? kSealedVersion : kFormatVersion);
    store_u32(to + kLengthAt, kRootSecretBytes);
    CK_RV rv = CKR_OK;
    if (sealed) {
      store_u32(to + kIterationsAt, kPassphraseIterations);
      rv = drbg::generate(content->mutable_bytes().subspan(kSaltAt, kSaltBytes));
      std::shared_ptr<algorithms::Key> key;
      if (rv == CKR_OK)
        rv = passphrase_key(passphrase, content->bytes().subspan(kSaltAt, kSaltBytes),
                            kPassphraseIterations, &key);
      if (rv == CKR_OK)
        rv = algorithms::derive_seal(
            *key, content->bytes().first(kNonceAt), root_secret.bytes(),
            content->mutable_bytes().subspan(kNonceAt, kNonceBytes),
            content->mutable_bytes().subspan(kCiphertextAt, kRootSecretBytes),
            content->mutable_bytes().subspan(kTagAt, kTagBytes));
    } else {
      std::copy_n(root_secret.data(), kRootSecretBytes, to + kSecretAt);
    }
    if (rv != CKR_OK) return rv;
    const std::size_t check_at = content->size() - kDigestBytes;
    return algorithms::sha256(content->bytes().first(check_at),
                              content->mutable_bytes().subspan(check_at));
  }

  // The name must be durable before the root secret's is: a root secret without an anchor is a
  // loss.
  CK_RV create_anchor(Bytes anchor) {
    if (file_system_.exists(anchor_path_) && !file_system_.remove(anchor_path_))
      return file_failure();
    std::array<Slot, 2> slots{};
    const CK_RV rv = make_slot(1, anchor, &slots[1]);
    if (rv != CKR_OK) return rv;
    auto file = file_system_.open(anchor_path_, true, true);
    if (file == nullptr || !file->write_at(0, slots[0]) || !file->write_at(kSlotBytes, slots[1])) {
      return file_failure();
    }
    if (!file->sync(sync_site::kAnchorCreate) ||
        !file_system_.sync_directory(directory_, sync_site::kRootDirectoryAnchor)) {
      return CKR_DEVICE_ERROR;
    }
    anchor_file_ = std::move(file);
    counter_ = 1;
    return CKR_OK;
  }

  CK_RV create_secret(const Secret& root_secret, Bytes passphrase) {
    Secret content;
    const CK_RV rv = write_down(root_secret, passphrase, &content);
    if (rv != CKR_OK) return rv;
    const std::string path = secret_path_ + ".new";
    if (file_system_.exists(path) && !file_system_.remove(path)) return file_failure();
    const auto file = file_system_.open(path, true, true);
    if (file == nullptr || !file->write_at(0, content.bytes())) return file_failure();
    if (!file->sync(sync_site::kRootSecretCreate)) return CKR_DEVICE_ERROR;
    if (!file_system_.rename(path, secret_path_)) return file_failure();
    if (!file_system_.sync_directory(directory_, sync_site::kRootDirectorySecret))
      return CKR_DEVICE_ERROR;
    return CKR_OK;
  }

  FileSystem& file_system_;
  std::string directory_;
  const Secret passphrase_;
  std::string secret_path_;
  std::string anchor_path_;
  LockMode mode_ = LockMode::kExclusive;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<File> anchor_file_;
  std::uint64_t counter_ = 0;  // of the newest slot that was read or written
};

class MemoryRootSecret final : public RootSecretProvider {
 public:
  CK_RV load(Secret* root_secret, std::vector<std::uint8_t>* anchor, LockMode) override {
    if (!secret_) return CKR_TOKEN_NOT_PRESENT;
    *root_secret = Secret(secret_.bytes());
    return *root_secret ? load_anchor(true, anchor) : CKR_HOST_MEMORY;
  }

  CK_RV load_anchor(bool, std::vector<std::uint8_t>* anchor) override {
    if (!secret_) return CKR_DEVICE_ERROR;
    *anchor = anchor_;
    return CKR_OK;
  }

  CK_RV create(const Secret& root_secret, Bytes anchor) override {
    if (root_secret.size() != kRootSecretBytes) return CKR_ARGUMENTS_BAD;
    secret_ = Secret(root_secret.bytes());
    if (!secret_) return CKR_HOST_MEMORY;
    return store_anchor(anchor);
  }

  CK_RV store_anchor(Bytes anchor) override {
    if (!secret_) return CKR_DEVICE_ERROR;
    anchor_.assign(anchor.begin(), anchor.end());
    return CKR_OK;
  }

  CK_RV destroy() override {
    secret_ = Secret();
    anchor_.clear();
    return CKR_OK;
  }

 private:
  Secret secret_;
  std::vector<std::uint8_t> anchor_;
};

}  // namespace

std::unique_ptr<RootSecretProvider> file_root_secret(FileSystem& file_system, std::string directory,
                                                     Bytes passphrase) {
  return std::make_unique<FileRootSecret>(file_system, std::move(directory), passphrase);
}

CK_RV change_root_passphrase(FileSystem& file_system, const std::string& directory,
                             Bytes passphrase, Bytes new_passphrase) {
  FileRootSecret root(file_system, directory, passphrase);
  Secret root_secret;
  std::vector<std::uint8_t> anchor;
  const CK_RV rv = root.load(&root_secret, &anchor, LockMode::kExclusive);
  return rv == CKR_OK ? root.change_passphrase(root_secret, new_passphrase) : rv;
}

std::unique_ptr<RootSecretProvider> memory_root_secret() {
  return std::make_unique<MemoryRootSecret>();
}

}  // namespace strongroom::flash
