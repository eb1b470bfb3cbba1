// object_index.h: which objects a search has to look at. By hash of what programs search for:
// class, label, id and unique id; so a search that names one of them looks at those that share it
// (and, rarely, its hash), and at no others.
#pragma once

#include <memory>
#include <vector>

#include "token/attributes.h"

namespace strongroom::token {

// Objects are known by their base handles. Guarded by whoever owns it.
class ObjectIndex {
 public:
  void add(std::uint64_t handle, const AttributeSet& attributes);
  // With the attributes it was added with.
  void remove(std::uint64_t handle, const AttributeSet& attributes);
  void clear();

  // Appends every object that can have these attributes, and perhaps others, ascending by handle.
  void candidates(const AttributeSet& wanted, std::vector<std::uint64_t>* handles) const;

 private:
  // The objects that share a value: most often one, sometimes (a class) thousands. Ascending.
  struct Entry {
    std::uint64_t key = kFree;  // hash of attribute type and value
    std::uint64_t first = 0;
    std::unique_ptr<std::vector<std::uint64_t>> rest;
    std::size_t size() const { return 1 + (rest ? rest->size() : 0); }
  };
  static constexpr std::uint64_t kFree = 0;

  // Where the key is, or where it would be. Only while entries_ is not empty.
  std::size_t place_of(std::uint64_t key) const;
  const Entry* find(std::uint64_t key) const;
  void insert(std::uint64_t key, std::uint64_t handle);
  void erase(std::uint64_t key, std::uint64_t handle);
  void grow();
  void vacate(std::size_t place);

  // Open addressing with linear probing, in one piece of memory: ten thousand objects are indexed
  // when a token is opened. A power of two of places, at most three quarters of them used.
  std::vector<Entry> entries_;
  std::size_t used_ = 0;
};

}  // namespace strongroom::token
