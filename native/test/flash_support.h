// flash_support.h: opening a flash, and putting and reading records, for the flash's tests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "token/flash/flash.h"

namespace strongroom::flash {

using Value = std::vector<std::uint8_t>;
using Values = std::map<RecordId, Value>;

struct Opened {
  CK_RV rv = CKR_GENERAL_ERROR;
  std::unique_ptr<Flash> flash;
  std::string cause;
};

// So that a journal's file ends where the journal does.
inline constexpr Options kNoRoom{.room_bytes = 0};
inline constexpr Options kShared{.shared = true};

inline Opened open_at(FileSystem& files, const std::string& flash_directory,
                      const std::string& root_directory, bool create = true,
                      const Options& options = kNoRoom) {
  Opened opened;
  opened.rv = Flash::open(files, flash_directory, file_root_secret(files, root_directory), create,
                          &opened.flash, options, &opened.cause);
  return opened;
}

inline Opened open_on(FileSystem& files, bool create = true, const Options& options = kNoRoom) {
  return open_at(files, "/flash", "/root", create, options);
}

inline CK_RV put(Flash& flash, RecordId id, const Value& value, std::uint32_t slot = 0,
                 std::uint32_t type = 1) {
  const Change change{id, slot, type, value, false};
  return flash.commit({&change, 1});
}

inline CK_RV erase(Flash& flash, RecordId id) {
  const Change change{id, 0, 0, {}, true};
  return flash.commit({&change, 1});
}

inline Values contents(Flash& flash) {
  Values values;
  flash.for_each([&](const Record& record) {
    values[record.id] = Value(record.value.begin(), record.value.end());
  });
  return values;
}

}  // namespace strongroom::flash
