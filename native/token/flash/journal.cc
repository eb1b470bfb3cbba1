// journal.cc: the journal's bytes: header, batches, their chain, and what is accepted at the end.

#include "token/flash/journal.h"

#include <algorithm>

#include "token/drbg/drbg.h"
#include "token/flash/sync_sites.h"

namespace strongroom::flash {
namespace {

// Header.
constexpr std::string_view kMagic = "SRJOURNL";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kHeaderLengthAt = 12;
constexpr std::size_t kDeviceIdAt = 16;
constexpr std::size_t kGenerationAt = 32;
constexpr std::size_t kBaseSequenceAt = 40;
constexpr std::size_t kSaltAt = 48;
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kHeaderMacAt = 80;
static_assert(kHeaderMacAt + kMacBytes == kJournalHeaderBytes);

// Batch.
constexpr std::size_t kLengthAt = 0;
constexpr std::size_t kFlagsAt = 4;
constexpr std::size_t kSequenceAt = 8;
constexpr std::size_t kNonceAt = 16;
constexpr std::size_t kNonceBytes = 28;
constexpr std::size_t kTagAt = 44;
static_assert(kTagAt + algorithms::kGcmTagBytes == kBatchFrameBytes);
static_assert(algorithms::kGcmTagBytes == std::tuple_size_v<Chain>);

// Change.
constexpr std::size_t kIdAt = 0;
constexpr std::size_t kSlotAt = 8;
constexpr std::size_t kTypeAt = 12;
constexpr std::size_t kOperationAt = 16;
constexpr std::size_t kValueLengthAt = 20;
// Read at a time: of a whole journal, of a few batches at its end.
constexpr std::size_t kWindowBytes = 256u << 10;
constexpr std::size_t kTailBytes = 8u << 10;

constexpr std::uint32_t kPut = 1;
constexpr std::uint32_t kErase = 2;

// What a batch's tag covers beside its plaintext: the chain and the first 16 bytes of its frame.
// Nonce and tag need no cover: a changed one does not open.
using BatchAad = std::array<std::uint8_t, sizeof(Chain) + kNonceAt>;

BatchAad batch_aad(const Chain& chain, const std::uint8_t* frame) {
  BatchAad aad{};
  std::copy(chain.begin(), chain.end(), aad.begin());
  std::copy_n(frame, kNonceAt, aad.begin() + chain.size());
  return aad;
}

// The journal's key: bound to device, generation and a salt of its own, and so never used for
// another file.
CK_RV journal_key(algorithms::Key& root, const std::uint8_t* header,
                  std::shared_ptr<algorithms::Key>* key) {
  std::array<std::uint8_t, sizeof(DeviceId) + sizeof(std::uint64_t) + kSaltBytes> context{};
  std::copy_n(header + kDeviceIdAt, sizeof(DeviceId) + sizeof(std::uint64_t), context.begin());
  std::copy_n(header + kSaltAt, kSaltBytes,
              context.begin() + sizeof(DeviceId) + sizeof(std::uint64_t));
  return derive_key_object(root, kJournalLabel, context, key);
}

CK_RV header_mac(algorithms::Key& root, const std::uint8_t* header, MutableBytes mac) {
  std::shared_ptr<algorithms::Key> key;
  const CK_RV rv =
      derive_key_object(root, kHeaderLabel, Bytes(header + kDeviceIdAt, sizeof(DeviceId)), &key);
  return rv == CKR_OK ? algorithms::hmac_sha256(*key, Bytes(header, kHeaderMacAt), mac) : rv;
}

// The changes of an opened batch. Empty result: not what a BatchWriter makes.
std::vector<Change> parse_changes(Bytes plaintext) {
  if (plaintext.size() < kBatchCountBytes) return {};
  std::size_t count = load_u32(plaintext.data());
  if (count > plaintext.size() / kChangeHeaderBytes) return {};
  std::vector<Change> changes;
  changes.reserve(count);
  Bytes rest = plaintext.subspan(kBatchCountBytes);
  for (; count > 0; --count) {
    if (rest.size() < kChangeHeaderBytes) return {};
    const std::uint8_t* const from = rest.data();
    const std::uint32_t operation = load_u32(from + kOperationAt);
    const std::size_t length = load_u32(from + kValueLengthAt);
    rest = rest.subspan(kChangeHeaderBytes);
    if (length > rest.size()) return {};
    if (operation != kPut && (operation != kErase || length != 0)) return {};
    changes.push_back({load_u64(from + kIdAt), load_u32(from + kSlotAt), load_u32(from + kTypeAt),
                       rest.first(length), operation == kErase});
    rest = rest.subspan(length);
  }
  if (!rest.empty()) return {};
  return changes;
}

}  // namespace

BatchWriter::BatchWriter(std::size_t change_bytes) {
  plaintext_.reserve(kBatchCountBytes + change_bytes);  // so that no copy is left behind by growing
  plaintext_.resize(kBatchCountBytes);
}

BatchWriter::~BatchWriter() { wipe(plaintext_.data(), plaintext_.size()); }

void BatchWriter::add(const Change& change) {
  const std::size_t at = plaintext_.size();
  plaintext_.resize(at + kChangeHeaderBytes);
  std::uint8_t* const to = plaintext_.data() + at;
  store_u64(to + kIdAt, change.id);
  store_u32(to + kSlotAt, change.slot);
  store_u32(to + kTypeAt, change.type);
  store_u32(to + kOperationAt, change.erase ? kErase : kPut);
  store_u32(to + kValueLengthAt, static_cast<std::uint32_t>(change.value.size()));
  plaintext_.insert(plaintext_.end(), change.value.begin(), change.value.end());
  ++count_;
}

Bytes BatchWriter::finish() {
  store_u32(plaintext_.data(), count_);
  return plaintext_;
}

Journal::Journal(std::unique_ptr<File> file, std::shared_ptr<algorithms::Key> key, std::size_t room)
    : file_(std::move(file)), key_(std::move(key)), room_(room) {}

CK_RV Journal::create(FileSystem& file_system, const std::string& path, algorithms::Key& root,
                      const DeviceId& device_id, std::uint64_t generation, std::uint64_t sequence,
                      std::size_t room, std::unique_ptr<Journal>* out) {
  std::array<std::uint8_t, kJournalHeaderBytes> header{};
  std::copy(kMagic.begin(), kMagic.end(), header.begin());
  store_u32(header.data() + kVersionAt, kFormatVersion);
  store_u32(header.data() + kHeaderLengthAt, kJournalHeaderBytes);
  std::copy(device_id.begin(), device_id.end(), header.begin() + kDeviceIdAt);
  store_u64(header.data() + kGenerationAt, generation);
  store_u64(header.data() + kBaseSequenceAt, sequence);
  CK_RV rv = drbg::generate(MutableBytes(header).subspan(kSaltAt, kSaltBytes));
  if (rv == CKR_OK)
    rv = header_mac(root, header.data(), MutableBytes(header).subspan(kHeaderMacAt));
  std::shared_ptr<algorithms::Key> key;
  if (rv == CKR_OK) rv = journal_key(root, header.data(), &key);
  if (rv != CKR_OK) return rv;

  if (file_system.exists(path) && !file_system.remove(path)) return file_failure();
  auto file = file_system.open(path, true, true);
  if (file == nullptr || !file->write_at(0, header)) return file_failure();
  std::unique_ptr<Journal> journal(new Journal(std::move(file), std::move(key), room));
  journal->base_sequence_ = sequence;
  journal->head_ = {generation, sequence, {}, kJournalHeaderBytes};
  std::copy_n(header.data() + kHeaderMacAt, sizeof(Chain), journal->head_.chain.begin());
  *out = std::move(journal);
  return CKR_OK;
}

CK_RV Journal::seal(Bytes plaintext, std::vector<std::uint8_t>* batch, Head* next) {
  batch->resize(kBatchFrameBytes + plaintext.size());
  std::uint8_t* const frame = batch->data();
  store_u32(frame + kLengthAt, static_cast<std::uint32_t>(plaintext.size()));
  store_u32(frame + kFlagsAt, 0);
  store_u64(frame + kSequenceAt, head_.sequence + 1);
  const MutableBytes nonce(frame + kNonceAt, kNonceBytes);
  const MutableBytes tag(frame + kTagAt, algorithms::kGcmTagBytes);
  const MutableBytes ciphertext(frame + kBatchFrameBytes, plaintext.size());
  // A fresh key and IV per batch from a hedged nonce, not the sequence as IV: a batch torn by a
  // crash, or written by each of two copies of a machine, would use one IV for two plaintexts.
  const CK_RV rv = algorithms::derive_seal(*key_, batch_aad(head_.chain, frame), plaintext, nonce,
                                           ciphertext, tag);
  if (rv != CKR_OK) return rv;
  *next = head_;
  next->sequence = head_.sequence + 1;
  next->length = head_.length + batch->size();
  std::copy(tag.begin(), tag.end(), next->chain.begin());
  return CKR_OK;
}

CK_RV Journal::append_unsynced(Bytes plaintext) {
  std::vector<std::uint8_t> batch;
  Head next;
  const CK_RV rv = seal(plaintext, &batch, &next);
  if (rv != CKR_OK) return rv;
  if (!file_->write_at(head_.length, batch)) return file_failure();
  head_ = next;
  return CKR_OK;
}

// Where the room ends, the batch brings the next one along. On a disk that is too full for that the
// batch alone has to do.
CK_RV Journal::write_batch(std::vector<std::uint8_t>& batch) {
  const std::size_t length = batch.size();
  std::uint64_t file_length = 0;
  if (!file_->size(&file_length)) return CKR_DEVICE_ERROR;
  if (room_ > 0 && head_.length + length > file_length) {
    batch.resize(length + room_);
    const bool written = file_->write_at(head_.length, batch);
    const CK_RV failure = written ? CKR_OK : file_failure();
    batch.resize(length);
    if (failure != CKR_DEVICE_MEMORY) return failure;
    if (!file_->truncate(head_.length)) return CKR_DEVICE_ERROR;
  }
  return file_->write_at(head_.length, batch) ? CKR_OK : file_failure();
}

CK_RV Journal::append(Bytes plaintext, Head* next) {
  std::vector<std::uint8_t> batch;
  if (const CK_RV rv = seal(plaintext, &batch, next); rv != CKR_OK) return rv;
  if (const CK_RV rv = write_batch(batch); rv != CKR_OK) {
    cut_back();
    return broken_ ? CKR_DEVICE_ERROR : rv;
  }
  if (!file_->sync(sync_site::kJournalCommit)) {
    broken_ = true;
    return CKR_DEVICE_ERROR;
  }
  return CKR_OK;
}

// A failed write may have left the whole batch. Were the cut not synced, a crash could bring a
// commit back that was answered with an error.
void Journal::cut_back() {
  broken_ = !file_->truncate(head_.length) || !file_->sync(sync_site::kJournalCutBack);
}

CK_RV Journal::sync(const char* site) {
  if (file_->sync(site)) return CKR_OK;
  broken_ = true;
  return CKR_DEVICE_ERROR;
}

// The batch that follows head_. found false: it is not one, or torn.
CK_RV Journal::open_batch(Bytes batch, std::vector<std::uint8_t>* plaintext, Head* next,
                          bool* found) {
  *found = false;
  const std::uint8_t* const frame = batch.data();
  if (load_u64(frame + kSequenceAt) != head_.sequence + 1) return CKR_OK;
  const Bytes ciphertext = batch.subspan(kBatchFrameBytes);
  const Bytes tag(frame + kTagAt, algorithms::kGcmTagBytes);
  plaintext->resize(ciphertext.size());
  const CK_RV rv =
      algorithms::derive_open(*key_, Bytes(frame + kNonceAt, kNonceBytes),
                              batch_aad(head_.chain, frame), ciphertext, tag, *plaintext);
  if (rv == CKR_ENCRYPTED_DATA_INVALID) return CKR_OK;
  if (rv != CKR_OK) return rv;
  *next = head_;
  next->sequence = head_.sequence + 1;
  next->length = head_.length + batch.size();
  std::copy(tag.begin(), tag.end(), next->chain.begin());
  *found = true;
  return CKR_OK;
}

// Visits what chains on from head_, as far as batch `sequence`, within the first `length` bytes.
CK_RV Journal::advance_to(std::uint64_t sequence, std::uint64_t length, std::size_t window_bytes,
                          const Visit& visit) {
  std::vector<std::uint8_t> window;  // of the file, from head_ on
  std::vector<std::uint8_t> plaintext;
  std::size_t used = 0;
  while (head_.sequence < sequence) {
    const Bytes rest = Bytes(window).subspan(used);
    std::size_t wanted = kBatchFrameBytes;
    if (rest.size() >= kBatchFrameBytes) {
      const std::size_t content = load_u32(rest.data() + kLengthAt);
      if (content > kBatchPlaintextMax) return CKR_OK;
      wanted += content;
    }
    if (rest.size() < wanted) {
      const std::uint64_t left = length - std::min(length, head_.length);
      if (left < wanted) return CKR_OK;
      window.resize(std::min<std::uint64_t>(left, std::max(wanted, window_bytes)));
      std::size_t got = 0;
      if (!file_->read_at(head_.length, window, &got)) return CKR_DEVICE_ERROR;
      if (got < wanted) return CKR_OK;
      window.resize(got);
      used = 0;
      continue;
    }
    Head next;
    bool found = false;
    const CK_RV rv = open_batch(rest.first(wanted), &plaintext, &next, &found);
    if (rv != CKR_OK || !found) return rv;
    const auto changes = parse_changes(plaintext);
    if (changes.empty()) return CKR_STRONGROOM_FLASH_INTEGRITY;
    visit(changes);
    wipe(plaintext.data(), plaintext.size());
    head_ = next;
    used += wanted;
  }
  return CKR_OK;
}

bool Journal::advance(std::uint64_t sequence, const Visit& visit) {
  std::uint64_t length = 0;
  return file_->size(&length) && advance_to(sequence, length, kTailBytes, visit) == CKR_OK &&
         head_.sequence >= sequence;
}

CK_RV Journal::replay(const Head& committed, bool settle, const Visit& visit, std::string* cause) {
  const auto refuse = [&](const char* why) {
    *cause = why;
    return CKR_STRONGROOM_FLASH_INTEGRITY;
  };
  constexpr char kImpossible[] = "A batch of the journal has contents that cannot be.";
  if (head_.sequence > committed.sequence)
    return refuse("The journal begins after the end that the anchor names.");
  CK_RV rv = advance_to(committed.sequence, committed.length, kWindowBytes, visit);
  if (rv == CKR_STRONGROOM_FLASH_INTEGRITY) return refuse(kImpossible);
  if (rv != CKR_OK) return rv;
  if (head_.sequence < committed.sequence)
    return refuse("The journal is cut or damaged before the end that the anchor names.");
  if (head_ != committed)
    return refuse("The journal does not match the anchor: one of the two was replaced.");
  if (!settle) return CKR_OK;

  std::uint64_t length = 0;
  if (!file_->size(&length)) return CKR_DEVICE_ERROR;
  rv = advance_to(committed.sequence + 1, length, kTailBytes, visit);
  if (rv == CKR_STRONGROOM_FLASH_INTEGRITY) return refuse(kImpossible);
  if (rv == CKR_OK && head_ != committed) {
    // Every commit stores the anchor before the next one writes, so only one can be ahead of it.
    bool another = false;
    rv = advance_to(committed.sequence + 2, length, kTailBytes, [&](auto) { another = true; });
    if (another || rv == CKR_STRONGROOM_FLASH_INTEGRITY)
      return refuse("The anchor is older than the journal: it was rolled back.");
    if (rv == CKR_OK) rv = write_again(committed.length);
  }
  return rv == CKR_OK ? settle_end() : rv;
}

// A batch is seen, but perhaps only in memory, left there by a process that died before its sync,
// or whose sync failed: then the system holds these pages to be clean. Written again, they are
// synced.
CK_RV Journal::write_again(std::uint64_t from) {
  std::vector<std::uint8_t> batch(head_.length - from);
  std::size_t got = 0;
  if (!file_->read_at(from, batch, &got) || got < batch.size()) return CKR_DEVICE_ERROR;
  return file_->write_at(from, batch) ? CKR_OK : file_failure();
}

CK_RV Journal::open(FileSystem& file_system, const std::string& path, algorithms::Key& root,
                    const DeviceId& device_id, const Head& committed, std::size_t room,
                    std::unique_ptr<Journal>* out, std::string* cause) {
  const auto refuse = [&](std::string why) {
    *cause = std::move(why);
    return CKR_STRONGROOM_FLASH_INTEGRITY;
  };
  if (!file_system.exists(path)) return refuse("The journal that the anchor names is missing.");
  auto file = file_system.open(path, false, false);
  if (file == nullptr) return CKR_DEVICE_ERROR;
  std::array<std::uint8_t, kJournalHeaderBytes> header{};
  std::uint64_t length = 0;
  std::size_t got = 0;
  if (!file->size(&length) || !file->read_at(0, header, &got)) return CKR_DEVICE_ERROR;
  if (got < kHeaderLengthAt || !std::equal(kMagic.begin(), kMagic.end(), header.begin())) {
    return refuse("The journal's header is damaged.");
  }
  const std::uint32_t version = load_u32(header.data() + kVersionAt);
  if (version > kFormatVersion) {
    *cause = newer_version("The journal", version);
    return CKR_STRONGROOM_FLASH_VERSION;
  }
  if (got < header.size()) return refuse("The journal is cut in its header.");
  if (!std::equal(device_id.begin(), device_id.end(), header.begin() + kDeviceIdAt)) {
    return refuse("The journal belongs to another device than the root secret.");
  }
  std::array<std::uint8_t, kMacBytes> mac{};
  CK_RV rv = header_mac(root, header.data(), mac);
  if (rv != CKR_OK) return rv;
  if (!algorithms::equal_constant_time(mac, Bytes(header).subspan(kHeaderMacAt)) ||
      version != kFormatVersion ||
      load_u32(header.data() + kHeaderLengthAt) != kJournalHeaderBytes) {
    return refuse("The journal's header is damaged.");
  }
  if (load_u64(header.data() + kGenerationAt) != committed.generation) {
    return refuse("The journal is of another generation than the anchor.");
  }
  std::shared_ptr<algorithms::Key> key;
  rv = journal_key(root, header.data(), &key);
  if (rv != CKR_OK) return rv;

  std::unique_ptr<Journal> journal(new Journal(std::move(file), std::move(key), room));
  journal->base_sequence_ = load_u64(header.data() + kBaseSequenceAt);
  journal->head_ = {committed.generation, journal->base_sequence_, {}, kJournalHeaderBytes};
  std::copy_n(header.data() + kHeaderMacAt, sizeof(Chain), journal->head_.chain.begin());
  *out = std::move(journal);
  return CKR_OK;
}

// What settling found must stay true: also that nothing more is there. The cut may be one that a
// dead process made and never synced, or whose sync failed; zeros make it anew, where a frame would
// begin. On a full disk they cannot be written, and the cut alone must do. Room, which is zeros as
// well, stays.
CK_RV Journal::settle_end() {
  static constexpr std::array<std::uint8_t, kBatchFrameBytes> kZeros{};
  std::uint64_t length = 0;
  if (!file_->size(&length)) return CKR_DEVICE_ERROR;
  bool room = length > head_.length;
  std::vector<std::uint8_t> behind(kWindowBytes);
  for (std::uint64_t at = head_.length; room && at < length; at += behind.size()) {
    std::size_t got = 0;
    if (!file_->read_at(at, behind, &got)) return CKR_DEVICE_ERROR;
    room = std::all_of(behind.begin(), behind.begin() + static_cast<std::ptrdiff_t>(got),
                       [](std::uint8_t byte) { return byte == 0; });
  }
  file_->write_at(head_.length, kZeros);
  if (!room && !file_->truncate(head_.length)) return file_failure();
  return sync(sync_site::kJournalOpen);
}

}  // namespace strongroom::flash
