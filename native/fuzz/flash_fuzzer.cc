// flash_fuzzer: a flash whose files somebody else has changed. An input is a workload and then
// changes of the files it left: bytes flipped, files cut, lengthened, taken away, or put back as
// they were earlier. A flash that opens then holds what was acknowledged last (an earlier state
// only if what lies beside the root secret, and is believed, was changed too); everything else is
// refused, with a code that says so. The records above it are decoded from any bytes.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <map>
#include <vector>

#include "fuzz/device.h"
#include "test/flash_support.h"
#include "token/records.h"

namespace {

using namespace strongroom;
using namespace strongroom::flash;
using fuzz::require;

constexpr char kFlash[] = "/flash";
constexpr char kRoot[] = "/root";
constexpr std::size_t kCommitsMax = 12;
constexpr std::size_t kChangesMax = 8;
constexpr std::size_t kValueMax = 300;
constexpr Options kOptions{.compaction_threshold_bytes = 600, .room_bytes = 64};

using Image = std::map<std::string, Value>;

Value read_all(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, false, false);
  std::uint64_t length = 0;
  if (!file || !file->size(&length)) return {};
  Value value(length);
  std::size_t got = 0;
  require(file->read_at(0, value, &got) && got == length, "memory is read");
  return value;
}

Image image_of(FileSystem& files) {
  Image image;
  for (const char* directory : {kFlash, kRoot}) {
    std::vector<std::string> names;
    files.list(directory, &names);
    for (const std::string& name : names) {
      const std::string path = std::string(directory) + "/" + name;
      image[path] = read_all(files, path);
    }
  }
  return image;
}

std::unique_ptr<FileSystem> disk_of(const Image& image) {
  auto files = memory_file_system();
  for (const char* directory : {kFlash, kRoot}) files->make_directory(directory);
  for (const auto& [path, value] : image) {
    const auto file = files->open(path, true, false);
    require(file && file->write_at(0, value), "memory is written");
  }
  return files;
}

Opened open_it(FileSystem& files, bool create) {
  return open_at(files, kFlash, kRoot, create, kOptions);
}

// Changes the image as the input says.
void tamper(FuzzedDataProvider& input, const std::vector<Image>& history, Image* image) {
  const auto changes = input.ConsumeIntegralInRange<std::size_t>(0, kChangesMax);
  for (std::size_t i = 0; i < changes && !image->empty(); ++i) {
    auto at = image->begin();
    std::advance(at, input.ConsumeIntegralInRange<std::size_t>(0, image->size() - 1));
    Value& value = at->second;
    switch (input.ConsumeIntegralInRange(0, 5)) {
      case 0:
        if (!value.empty())
          value[input.ConsumeIntegralInRange<std::size_t>(0, value.size() - 1)] ^=
              input.ConsumeIntegral<std::uint8_t>();
        break;
      case 1:
        value.resize(input.ConsumeIntegralInRange<std::size_t>(0, value.size()));
        break;
      case 2: {
        const auto more = input.ConsumeBytes<std::uint8_t>(64);
        value.insert(value.end(), more.begin(), more.end());
        break;
      }
      case 3:
        image->erase(at);
        break;
      case 4: {  // one file as it was earlier
        const Image& earlier =
            history[input.ConsumeIntegralInRange<std::size_t>(0, history.size() - 1)];
        if (const auto was = earlier.find(at->first); was != earlier.end()) value = was->second;
        break;
      }
      default: {  // a file under another's name
        auto from = image->begin();
        std::advance(from, input.ConsumeIntegralInRange<std::size_t>(0, image->size() - 1));
        value = Value(from->second);
        break;
      }
    }
  }
}

void images(FuzzedDataProvider& input) {
  auto files = memory_file_system();
  std::vector<Image> history;
  Values acknowledged;
  std::vector<Values> states{acknowledged};
  {
    Opened opened = open_it(*files, true);
    require(opened.rv == CKR_OK, "a flash is made");
    std::vector<RecordId> ids;
    const auto commits = input.ConsumeIntegralInRange<std::size_t>(0, kCommitsMax);
    for (std::size_t i = 0; i < commits; ++i) {
      if (ids.empty() || input.ConsumeBool()) ids.push_back(opened.flash->next_id());
      const RecordId id = ids[input.ConsumeIntegralInRange<std::size_t>(0, ids.size() - 1)];
      if (input.ConsumeBool()) {
        const Value value = input.ConsumeBytes<std::uint8_t>(
            input.ConsumeIntegralInRange<std::size_t>(0, kValueMax));
        require(put(*opened.flash, id, value) == CKR_OK, "a record is put");
        acknowledged[id] = value;
      } else {
        require(erase(*opened.flash, id) == CKR_OK, "a record is erased");
        acknowledged.erase(id);
      }
      history.push_back(image_of(*files));
      states.push_back(acknowledged);
    }
    history.push_back(image_of(*files));
  }
  Image image = image_of(*files);
  const Image before = image;
  tamper(input, history, &image);
  const auto beside_root = [](const Image& all) {
    Image part;
    for (const auto& [path, value] : all) {
      if (path.starts_with(kRoot)) part[path] = value;
    }
    return part;
  };
  const auto disk = disk_of(image);
  Opened opened = open_it(*disk, false);
  if (opened.rv == CKR_OK) {
    const Values found = contents(*opened.flash);
    require(
        found == acknowledged || (beside_root(image) != beside_root(before) &&
                                  std::find(states.begin(), states.end(), found) != states.end()),
        "what opens is what was acknowledged");
  } else {
    require(image != before, "a flash that nobody changed opens");
    require(opened.rv == CKR_STRONGROOM_FLASH_INTEGRITY || opened.rv == CKR_DEVICE_ERROR ||
                opened.rv == CKR_STRONGROOM_FLASH_VERSION || opened.rv == CKR_TOKEN_NOT_PRESENT,
            "a refusal says why");
    require(!opened.cause.empty() || opened.rv != CKR_STRONGROOM_FLASH_INTEGRITY,
            "a refusal has a sentence");
  }
}

void records(FuzzedDataProvider& input) {
  const auto bytes = input.ConsumeRemainingBytes<std::uint8_t>();
  token::TokenRecord token_record;
  if (token::decode_token_record(bytes, &token_record))
    require(token::encode_token_record(token_record) == bytes, "a token record has one encoding");
  if (token::object_record_kind(bytes) == token::ObjectRecordKind::kPublic) {
    const flash::Record record{1, 0, token::kObjectRecord, bytes, nullptr};
    std::shared_ptr<token::Object> object;
    if (token::decode_public_object(record, &object) == CKR_OK && object->stored) {
      token::Material material;
      if (token::read_material(*object, nullptr, {{}, 0, 1}, &material) == CKR_OK &&
          object->take(std::move(material)) == CKR_OK) {
        Secret again;
        require(token::encode_public_object(*object, &again) == CKR_OK, "an object is encoded");
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  if (input.ConsumeBool())
    images(input);
  else
    records(input);
  return 0;
}
