// index.h: the records as they are after the last durable commit.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "token/flash/flash.h"

namespace strongroom::flash {

class Index {
 public:
  // Staged: changes ready to be applied without another allocation, so that applying cannot fail.
  class Staged;

  void apply(Staged staged);
  void for_each(const std::function<void(const Record&)>& visit) const;
  // False: there is no such record.
  bool visit(RecordId id, const std::function<void(const Record&)>& visit) const;
  // Takes over the records of another index. changed: those that are not as they were, each with
  // its slot.
  void replace(Index& other, const std::function<void(std::uint32_t slot, RecordId)>& changed);
  // What a journal with these records and nothing else would hold, without header and frames.
  // Bytes.
  std::uint64_t content_bytes() const;
  std::size_t size() const;

 private:
  // Values are ordinary memory: what is private in them was sealed by the layer above. Wiped all
  // the same.
  struct Stored {
    std::uint32_t slot = 0;
    std::uint32_t type = 0;
    std::vector<std::uint8_t> value;

    bool operator==(const Stored& other) const {
      return slot == other.slot && type == other.type && value == other.value;
    }

    Stored() = default;
    Stored(const Stored&) = delete;
    Stored& operator=(const Stored&) = delete;
    ~Stored() { wipe(value.data(), value.size()); }
  };
  using Records = std::map<RecordId, std::shared_ptr<const Stored>>;

  mutable std::mutex mutex_;  // never held while anything waits for a disk
  Records records_;
  std::uint64_t content_bytes_ = 0;
};

class Index::Staged {
 public:
  void add(std::span<const Change> changes);

 private:
  friend class Index;
  Records records_;  // null: erase
};

}  // namespace strongroom::flash
