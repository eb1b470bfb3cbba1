// index.cc: the records in memory.

#include "token/flash/index.h"

#include <utility>

#include "token/flash/journal.h"

namespace strongroom::flash {

void Index::Staged::add(std::span<const Change> changes) {
  for (const Change& change : changes) {
    std::shared_ptr<Stored> stored;
    if (!change.erase) {
      stored = std::make_shared<Stored>();
      stored->slot = change.slot;
      stored->type = change.type;
      stored->value.assign(change.value.begin(), change.value.end());
    }
    records_[change.id] = std::move(stored);
  }
}

void Index::apply(Staged staged) {
  const std::lock_guard guard(mutex_);
  while (!staged.records_.empty()) {
    auto node = staged.records_.extract(staged.records_.begin());
    const auto old = records_.find(node.key());
    if (old != records_.end()) content_bytes_ -= kChangeHeaderBytes + old->second->value.size();
    if (node.mapped() == nullptr) {
      if (old != records_.end()) records_.erase(old);
      continue;
    }
    content_bytes_ += kChangeHeaderBytes + node.mapped()->value.size();
    if (old != records_.end()) {
      old->second.swap(node.mapped());
    } else {
      records_.insert(std::move(node));
    }
  }
}

void Index::for_each(const std::function<void(const Record&)>& visit) const {
  std::vector<std::pair<RecordId, std::shared_ptr<const Stored>>> snapshot;
  {
    const std::lock_guard guard(mutex_);
    snapshot.assign(records_.begin(), records_.end());
  }
  for (const auto& [id, stored] : snapshot) {
    visit({id, stored->slot, stored->type, stored->value, stored});
  }
}

bool Index::visit(RecordId id, const std::function<void(const Record&)>& visit) const {
  std::shared_ptr<const Stored> stored;
  {
    const std::lock_guard guard(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return false;
    stored = found->second;
  }
  visit({id, stored->slot, stored->type, stored->value, stored});
  return true;
}

void Index::replace(Index& other,
                    const std::function<void(std::uint32_t slot, RecordId)>& changed) {
  const std::scoped_lock guard(mutex_, other.mutex_);
  for (const auto& [id, stored] : records_) {
    const auto now = other.records_.find(id);
    if (now == other.records_.end() || !(*now->second == *stored)) changed(stored->slot, id);
  }
  for (const auto& [id, stored] : other.records_) {
    if (!records_.contains(id)) changed(stored->slot, id);
  }
  records_.swap(other.records_);
  std::swap(content_bytes_, other.content_bytes_);
}

std::size_t Index::size() const {
  const std::lock_guard guard(mutex_);
  return records_.size();
}

std::uint64_t Index::content_bytes() const {
  const std::lock_guard guard(mutex_);
  return content_bytes_;
}

}  // namespace strongroom::flash
