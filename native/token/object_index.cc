#include "token/object_index.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

namespace strongroom::token {
namespace {

constexpr CK_ATTRIBUTE_TYPE kIndexed[] = {CKA_CLASS, CKA_LABEL, CKA_UNIQUE_ID, CKA_ID};
constexpr std::uint64_t kEvery = 1;  // the entry of all objects
constexpr std::size_t kFewestPlaces = 16;

std::uint64_t key_of(const Attribute& item) {
  const std::uint64_t hash = std::hash<std::string_view>()(item.value);
  const std::uint64_t key = (hash ^ item.type) * 0x9E3779B97F4A7C15;  // spreads the types
  return std::max(key, kEvery + 1);
}

// An attribute that an object does not have reads as empty, so an empty value finds nothing here.
template <class Visit>
void for_each_key(const AttributeSet& attributes, Visit visit) {
  for (const CK_ATTRIBUTE_TYPE type : kIndexed) {
    const Attribute* item = attributes.find(type);
    if (item && !item->value.empty()) visit(key_of(*item));
  }
}

}  // namespace

void ObjectIndex::clear() {
  entries_.clear();
  used_ = 0;
}

std::size_t ObjectIndex::place_of(std::uint64_t key) const {
  const std::size_t mask = entries_.size() - 1;
  std::size_t place = key & mask;
  while (entries_[place].key != kFree && entries_[place].key != key) place = (place + 1) & mask;
  return place;
}

const ObjectIndex::Entry* ObjectIndex::find(std::uint64_t key) const {
  if (entries_.empty()) return nullptr;
  const Entry& entry = entries_[place_of(key)];
  return entry.key == key ? &entry : nullptr;
}

void ObjectIndex::grow() {
  std::vector<Entry> old(std::max(kFewestPlaces, 2 * entries_.size()));
  old.swap(entries_);
  for (Entry& entry : old) {
    if (entry.key != kFree) entries_[place_of(entry.key)] = std::move(entry);
  }
}

void ObjectIndex::insert(std::uint64_t key, std::uint64_t handle) {
  if (4 * (used_ + 1) > 3 * entries_.size()) grow();
  Entry& entry = entries_[place_of(key)];
  if (entry.key == kFree) {
    entry.key = key;
    entry.first = handle;
    ++used_;
    return;
  }
  if (!entry.rest) entry.rest = std::make_unique<std::vector<std::uint64_t>>();
  std::vector<std::uint64_t>& rest = *entry.rest;
  if (handle < entry.first) std::swap(entry.first, handle);
  // Handles mostly grow.
  const auto at = rest.empty() || rest.back() < handle
                      ? rest.end()
                      : std::lower_bound(rest.begin(), rest.end(), handle);
  rest.insert(at, handle);
}

void ObjectIndex::erase(std::uint64_t key, std::uint64_t handle) {
  if (entries_.empty()) return;
  const std::size_t place = place_of(key);
  Entry& entry = entries_[place];
  if (entry.key != key) return;
  if (!entry.rest || entry.rest->empty()) {
    if (entry.first == handle) vacate(place);
    return;
  }
  std::vector<std::uint64_t>& rest = *entry.rest;
  if (entry.first == handle) {
    entry.first = rest.front();
    rest.erase(rest.begin());
  } else if (const auto at = std::lower_bound(rest.begin(), rest.end(), handle);
             at != rest.end() && *at == handle) {
    rest.erase(at);
  }
}

// Moves back those that were probed past the place, so that no search stops short of them.
void ObjectIndex::vacate(std::size_t place) {
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t next = (place + 1) & mask; entries_[next].key != kFree;
       next = (next + 1) & mask) {
    const std::size_t home = entries_[next].key & mask;
    if (((next - home) & mask) < ((next - place) & mask)) continue;
    entries_[place] = std::move(entries_[next]);
    place = next;
  }
  entries_[place] = Entry{};
  --used_;
}

void ObjectIndex::add(std::uint64_t handle, const AttributeSet& attributes) {
  insert(kEvery, handle);
  for_each_key(attributes, [&](std::uint64_t key) { insert(key, handle); });
}

void ObjectIndex::remove(std::uint64_t handle, const AttributeSet& attributes) {
  erase(kEvery, handle);
  for_each_key(attributes, [&](std::uint64_t key) { erase(key, handle); });
}

void ObjectIndex::candidates(const AttributeSet& wanted,
                             std::vector<std::uint64_t>* handles) const {
  const Entry* fewest = find(kEvery);
  for_each_key(wanted, [&](std::uint64_t key) {
    if (!fewest) return;
    const Entry* entry = find(key);
    if (!entry || entry->size() < fewest->size()) fewest = entry;
  });
  if (!fewest) return;
  handles->push_back(fewest->first);
  if (fewest->rest) handles->insert(handles->end(), fewest->rest->begin(), fewest->rest->end());
}

}  // namespace strongroom::token
