#include "token/burials.h"

#include <algorithm>

#include "token/library.h"

namespace strongroom::token {
namespace {

constexpr std::size_t kHeaderBytes = 4;  // version, reserved

}  // namespace

CK_RV burial_digest(const Object& wrapping, Bytes additional_data, BurialDigest* out) {
  const Attribute* const unique_id = wrapping.attributes.find(CKA_UNIQUE_ID);
  if (!unique_id) return CKR_GENERAL_ERROR;
  const Bytes name = unique_id->bytes();
  std::vector<std::uint8_t> input(4 + name.size() + additional_data.size());
  Writer writer(input);
  writer.integer(static_cast<std::uint32_t>(name.size()));
  writer.bytes(name);
  writer.bytes(additional_data);
  return algorithms::sha256(input, *out);
}

std::vector<std::uint8_t> encode_burials(std::span<const BurialDigest> digests) {
  std::vector<std::uint8_t> record(kHeaderBytes + digests.size() * sizeof(BurialDigest));
  Writer writer(record);
  writer.integer(kRecordVersion);
  writer.integer(std::uint16_t{0});
  for (const BurialDigest& digest : digests) writer.bytes(digest);
  return record;
}

bool Burials::load(Bytes record) {
  Reader reader(record);
  std::uint16_t version;
  std::uint16_t reserved;
  if (!reader.integer(&version) || version != kRecordVersion || !reader.integer(&reserved) ||
      reserved != 0 || reader.rest().size() % sizeof(BurialDigest) != 0) {
    return false;
  }
  std::vector<BurialDigest> digests(reader.rest().size() / sizeof(BurialDigest));
  for (BurialDigest& digest : digests) {
    Bytes raw;
    if (!reader.bytes(digest.size(), &raw)) return false;
    std::copy(raw.begin(), raw.end(), digest.begin());
  }
  insert(digests);
  return true;
}

bool Burials::contains(const BurialDigest& digest) {
  std::lock_guard lock(mutex_);
  return digests_.contains(digest);
}

void Burials::insert(std::span<const BurialDigest> digests) {
  std::lock_guard lock(mutex_);
  digests_.insert(digests.begin(), digests.end());
  count_.store(digests_.size(), std::memory_order_release);
}

void Burials::clear() {
  std::lock_guard lock(mutex_);
  digests_.clear();
  count_.store(0, std::memory_order_release);
}

CK_RV Slot::bury(Session& session, std::span<const BurialDigest> digests) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  std::shared_lock gate(write_gate_);
  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  std::vector<BurialDigest> fresh(digests.begin(), digests.end());
  std::sort(fresh.begin(), fresh.end());
  fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
  std::erase_if(fresh, [&](const BurialDigest& digest) { return burials_.contains(digest); });
  if (fresh.empty()) return CKR_OK;
  const std::vector<std::uint8_t> record = encode_burials(fresh);
  if (const CK_RV rv = commit(flash_.next_id(), kBurialRecord, record, false); rv != CKR_OK) {
    return rv;
  }
  burials_.insert(fresh);
  return CKR_OK;
}

CK_RV Slot::refuse_buried(const Object& wrapping, Bytes additional_data) {
  // Another process may just have buried it; a thread that must not wait has not followed.
  if (no_wait && flash_.behind(index)) return CKR_STRONGROOM_BUSY;
  if (burials_.empty()) return CKR_OK;
  BurialDigest digest;
  if (const CK_RV rv = burial_digest(wrapping, additional_data, &digest); rv != CKR_OK) return rv;
  return burials_.contains(digest) ? CKR_WRAPPED_KEY_INVALID : CKR_OK;
}

}  // namespace strongroom::token
