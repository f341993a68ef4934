// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/export_checker.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include <google/protobuf/util/json_util.h>

#include "proto/export.pb.h"

namespace skybridge::sim {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(200);

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.good()) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

// The array of an npy file is its last bytes.
void AppendKeys(const std::string& bytes, uint64_t rows, std::vector<uint64_t>& keys) {
  const size_t size = std::min<size_t>(rows * sizeof(uint64_t), bytes.size());
  const size_t before = keys.size();
  keys.resize(before + size / sizeof(uint64_t));
  std::memcpy(keys.data() + before, bytes.data() + bytes.size() - size, size);
}

}  // namespace

void ExportWhole::Passed(Instant now) {
  if (seen_ || now < look_at_) return;
  look_at_ = now + kLookEvery;
  const auto json = ReadFile(folder_ + "/MANIFEST.json");
  if (json) Read(*json);
  seen_ = json.has_value();
}

void ExportWhole::Ended() {
  const auto json = ReadFile(folder_ + "/MANIFEST.json");
  if (!json) return Violate("the job ended well, but there is no export in " + folder_);
  Read(*json);
}

void ExportWhole::Read(const std::string& json) {
  exports::Manifest manifest;
  if (!google::protobuf::util::JsonStringToMessage(json, &manifest).ok()) {
    return Violate("the manifest cannot be read: " + json.substr(0, 200));
  }
  std::vector<uint64_t> keys;
  for (const exports::File& file : manifest.file()) {
    const auto bytes = ReadFile(folder_ + "/" + file.name());
    if (!bytes) return Violate(file.name() + " is named, but not there");
    if (bytes->size() != file.bytes()) {
      return Violate(file.name() + " has " + std::to_string(bytes->size()) + " bytes, not " +
                     std::to_string(file.bytes()));
    }
    if (file.kind() == "ids") AppendKeys(*bytes, file.rows(), keys);
  }
  std::ranges::sort(keys);
  if (std::ranges::equal(keys, keys_) && manifest.candidates() == keys_.size()) return;
  Violate("the manifest speaks of " + std::to_string(manifest.candidates()) +
          " candidates and has " + std::to_string(keys.size()) + " keys; the catalogue has " +
          std::to_string(keys_.size()) + ", or they differ");
}

}  // namespace skybridge::sim
