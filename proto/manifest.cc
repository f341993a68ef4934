// SPDX-License-Identifier: Apache-2.0
#include "proto/manifest.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <glog/logging.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "common/hash.h"

namespace skybridge::checkpoint {
namespace {

constexpr std::string_view kMagic = "skybridge checkpoint ";
constexpr uint32_t kFormat = 1;
constexpr size_t kLineBytesMax = 100;

Status Lost(std::string message) { return Status(StatusCode::kDataLoss, std::move(message)); }

template <typename T>
bool Parse(std::string_view text, T& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(' ', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    // The checksum line comes before the text.
    if (text_.empty()) text_ = fmt::format("line {}:{}: {}", line + 2, column + 1, message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The text behind the first line, which says what it must be.
Result<std::string_view> Body(std::string_view bytes) {
  const size_t end = bytes.substr(0, kLineBytesMax).find('\n');
  if (end == std::string_view::npos || !bytes.starts_with(kMagic)) {
    return Lost(fmt::format("it does not begin with '{}'", kMagic));
  }
  const auto words = Words(bytes.substr(kMagic.size(), end - kMagic.size()));
  uint32_t format = 0;
  if (!Parse(words[0], format)) return Lost(fmt::format("its format is '{}'", words[0]));
  if (format != kFormat) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("it has format {}, this version reads {}", format, kFormat));
  }
  uint64_t size = 0;
  uint32_t crc = 0;
  if (words.size() != 3 || !Parse(words[1], size) || !Parse(words[2], crc, 16)) {
    return Lost("its first line lacks size or checksum");
  }
  const std::string_view body = bytes.substr(end + 1);
  if (body.size() != size) {
    return Lost(fmt::format("{} bytes follow its first line, which says {}", body.size(), size));
  }
  if (Crc32c(body) != crc) {
    return Lost(
        fmt::format("its checksum is {:08x}, its first line says {:08x}", Crc32c(body), crc));
  }
  return body;
}

// No step upwards, nothing absolute: a key stays below the store's folder.
Status CheckKey(const Object& object) {
  const std::string& key = object.key();
  const bool plain = std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  });
  if (key.starts_with(kObjectPrefix) && key.size() > kObjectPrefix.size() && plain &&
      key.find("..") == std::string::npos) {
    return Status();
  }
  return Lost(fmt::format("'{}' is no object's key", key));
}

Status CheckSlots(const Manifest& manifest) {
  uint32_t next = 0;
  for (const FragmentEntry& entry : manifest.fragment()) {
    if (entry.slot_begin() > next) {
      return Lost(fmt::format("slots [{}, {}) are in no fragment", next, entry.slot_begin()));
    }
    if (entry.slot_begin() < next) {
      return Lost(fmt::format("slots [{}, {}) are in two fragments", entry.slot_begin(), next));
    }
    if (entry.slot_end() <= entry.slot_begin() || entry.slot_end() > kSlotCount) {
      return Lost(fmt::format("shard {} has slots [{}, {})", entry.shard(), entry.slot_begin(),
                              entry.slot_end()));
    }
    next = entry.slot_end();
  }
  if (next == kSlotCount) return Status();
  return Lost(fmt::format("slots [{}, {}) are in no fragment", next, kSlotCount));
}

}  // namespace

std::string ManifestKey(uint32_t round) { return fmt::format("{}{:08}", kManifestPrefix, round); }

std::optional<uint32_t> RoundOf(std::string_view key) {
  if (!key.starts_with(kManifestPrefix)) return std::nullopt;
  uint32_t round = 0;
  if (!Parse(key.substr(kManifestPrefix.size()), round) || ManifestKey(round) != key) {
    return std::nullopt;
  }
  return round;
}

std::string EncodeManifest(const Manifest& manifest) {
  std::string body;
  CHECK(google::protobuf::TextFormat::PrintToString(manifest, &body));
  return fmt::format("{}{} {} {:08x}\n{}", kMagic, kFormat, body.size(), Crc32c(body), body);
}

Result<Manifest> DecodeManifest(std::string_view key, std::string_view bytes) {
  const Result<std::string_view> body = Body(bytes);
  if (!body) return body.error().WithContext(key);
  Manifest manifest;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(std::string(*body), &manifest)) {
    return Lost(error.text()).WithContext(key);
  }
  SKY_RETURN_IF_ERROR(CheckManifest(manifest).WithContext(key));
  if (ManifestKey(manifest.round()) != key) {
    return Lost(fmt::format("it is of round {}", manifest.round())).WithContext(key);
  }
  return manifest;
}

Status CheckManifest(const Manifest& manifest) {
  if (manifest.round() == 0) return Lost("it has no round");
  if (manifest.job_high() == 0 && manifest.job_low() == 0) return Lost("it names no job");
  if (manifest.generation() == 0) return Lost("it names no generation");
  if (manifest.state().phase() == 0) return Lost("it says nothing of where the job was");
  std::set<uint32_t> shards;
  for (const FragmentEntry& entry : manifest.fragment()) {
    if (!shards.insert(entry.shard()).second) {
      return Lost(fmt::format("shard {} is in it twice", entry.shard()));
    }
    SKY_RETURN_IF_ERROR(
        CheckKey(entry.object()).WithContext(fmt::format("shard {}", entry.shard())));
  }
  return CheckSlots(manifest);
}

Status CheckFragment(const Fragment& fragment, const FragmentEntry& entry, const JobState& state) {
  const std::string where = fmt::format("fragment of shard {}", entry.shard());
  if (fragment.shard() != entry.shard() || fragment.slot_begin() != entry.slot_begin() ||
      fragment.slot_end() != entry.slot_end()) {
    return Lost(fmt::format("{}: it has slots [{}, {}) of shard {}, the manifest says [{}, {})",
                            where, fragment.slot_begin(), fragment.slot_end(), fragment.shard(),
                            entry.slot_begin(), entry.slot_end()));
  }
  if (state.clock() > 0 && fragment.committed() != state.clock()) {
    return Lost(fmt::format("{}: it is cut at clock {}, the job at {}", where, fragment.committed(),
                            state.clock()));
  }
  if (fragment.redo() > fragment.cut() + 1) {
    return Lost(fmt::format("{}: its log begins at {} and ends at {}", where, fragment.redo(),
                            fragment.cut()));
  }
  std::set<std::string> names;
  for (const File& file : fragment.file()) {
    SKY_RETURN_IF_ERROR(CheckKey(file.object()).WithContext(where));
    if (!names.insert(file.name()).second) {
      return Lost(fmt::format("{}: file '{}' is in it twice", where, file.name()));
    }
  }
  if (fragment.redo() > fragment.cut() && !fragment.has_tail()) return Status();
  return CheckKey(fragment.tail()).WithContext(where);
}

ObjectInfo InfoOf(const Object& object) {
  return {.key = object.key(), .bytes = object.bytes(), .crc32c = object.crc32c()};
}

}  // namespace skybridge::checkpoint
