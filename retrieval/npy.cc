// SPDX-License-Identifier: Apache-2.0
#include "retrieval/npy.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace skybridge::retrieval {
namespace {

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr size_t kAlignment = 64;  // Of the array in the file.

const char* Descriptor(NpyType type) {
  switch (type) {
    case NpyType::kFloat32: return "<f4";
    case NpyType::kUint32: return "<u4";
    case NpyType::kUint64: return "<u8";
  }
  return "";
}

size_t WidthOf(NpyType type) { return type == NpyType::kUint64 ? 8 : 4; }

std::string MakeHeader(NpyType type, const std::string& shape) {
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                 Descriptor(type), shape);
  const size_t unpadded = kMagic.size() + 2 + dict.size() + 1;
  dict.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  dict += '\n';
  std::string header(kMagic);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

template <typename T>
Result<FileSummary> Write(const std::string& path, NpyType type, const std::string& shape,
                          std::span<const T> values) {
  SKY_ASSIGN_OR_RETURN(WholeFile file, WholeFile::Create(path));
  SKY_RETURN_IF_ERROR(file.Append(MakeHeader(type, shape)));
  SKY_RETURN_IF_ERROR(file.AppendArray(values));
  return file.Commit();
}

// The text after `key` in the header's dictionary.
std::optional<std::string_view> After(std::string_view dict, std::string_view key) {
  const size_t at = dict.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  return dict.substr(at + key.size());
}

// "(3, 4), ..." -> {3, 4}, "(3,)" -> {3}.
std::optional<std::vector<uint64_t>> ParseShape(std::string_view text) {
  if (text.empty() || text.front() != '(') return std::nullopt;
  const size_t end = text.find(')');
  if (end == std::string_view::npos) return std::nullopt;
  text = text.substr(1, end - 1);
  std::vector<uint64_t> shape;
  while (!text.empty()) {
    if (text.front() == ' ' || text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    uint64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return std::nullopt;
    shape.push_back(value);
    text.remove_prefix(static_cast<size_t>(rest - text.data()));
  }
  return shape;
}

}  // namespace

Result<FileSummary> WriteNpy(const std::string& path, uint64_t rows, uint64_t columns,
                             std::span<const float> values) {
  CHECK_EQ(values.size(), rows * columns);
  return Write(path, NpyType::kFloat32, fmt::format("{}, {}", rows, columns), values);
}

Result<FileSummary> WriteNpy(const std::string& path, std::span<const uint64_t> values) {
  return Write(path, NpyType::kUint64, fmt::format("{},", values.size()), values);
}

Result<FileSummary> WriteNpy(const std::string& path, std::span<const uint32_t> values) {
  return Write(path, NpyType::kUint32, fmt::format("{},", values.size()), values);
}

Result<NpyFile> NpyFile::Open(const std::string& path, NpyType type, int axes) {
  SKY_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
  NpyFile file(std::move(mapped));
  const std::string_view bytes = file.file_.bytes();
  const auto truncated = [&path](uint64_t expected, uint64_t found) {
    return Status(StatusCode::kDataLoss, fmt::format("read {}: it has {} bytes, its header says {}",
                                                     path, found, expected));
  };
  if (bytes.size() < kMagic.size() + 2) return truncated(kMagic.size() + 2, bytes.size());
  const auto foreign = [&path](const std::string& what) {
    return Status(StatusCode::kInvalidArgument, "read " + path + ": " + what);
  };
  if (!bytes.starts_with(kMagic)) return foreign("not a NumPy file of version 1.0");
  const auto low = static_cast<uint8_t>(bytes[8]);
  const auto high = static_cast<uint8_t>(bytes[9]);
  file.begin_ = kMagic.size() + 2 + (size_t{low} | size_t{high} << 8);
  if (bytes.size() < file.begin_) return truncated(file.begin_, bytes.size());
  if (file.begin_ % WidthOf(type) != 0) return foreign("its array is not aligned");
  const std::string_view dict = bytes.substr(0, file.begin_).substr(kMagic.size() + 2);
  const auto descriptor = After(dict, "'descr': '");
  if (!descriptor || !descriptor->starts_with(Descriptor(type))) {
    return foreign(std::string("its numbers are not ") + Descriptor(type));
  }
  if (!After(dict, "'fortran_order': False")) return foreign("not in C order");
  const auto shape_text = After(dict, "'shape': ");
  const auto shape = shape_text ? ParseShape(*shape_text) : std::nullopt;
  if (!shape || shape->size() != static_cast<size_t>(axes)) {
    return foreign("its shape is not one of " + std::to_string(axes) + " axes");
  }
  file.rows_ = (*shape)[0];
  file.columns_ = axes == 2 ? (*shape)[1] : 1;
  constexpr uint64_t kNumbersMax = uint64_t{1} << 50;
  if (file.rows_ > kNumbersMax || file.columns_ > kNumbersMax ||
      (file.columns_ > 0 && file.rows_ > kNumbersMax / file.columns_)) {
    return foreign("its shape makes no sense");
  }
  const uint64_t expected = file.begin_ + file.rows_ * file.columns_ * WidthOf(type);
  if (bytes.size() != expected) return truncated(expected, bytes.size());
  return file;
}

}  // namespace skybridge::retrieval
