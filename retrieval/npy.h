// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/status.h"
#include "retrieval/whole_file.h"

namespace skybridge::retrieval {

// NumPy's file format, version 1.0: one C-ordered array of little-endian numbers.

// values [rows, columns]. Errors: those of WholeFile.
Result<FileSummary> WriteNpy(const std::string& path, uint64_t rows, uint64_t columns,
                             std::span<const float> values);
Result<FileSummary> WriteNpy(const std::string& path, std::span<const uint64_t> values);
Result<FileSummary> WriteNpy(const std::string& path, std::span<const uint32_t> values);

enum class NpyType : uint8_t { kFloat32, kUint32, kUint64 };

// An array in a file, mapped.
class NpyFile {
 public:
  // Errors: kNotFound; kDataLoss if the file is truncated or too long; kInvalidArgument if it is
  // no array of `type` with `axes` axes. All name the file.
  static Result<NpyFile> Open(const std::string& path, NpyType type, int axes);

  uint64_t rows() const { return rows_; }
  uint64_t columns() const { return columns_; }  // 1 for one axis.
  std::span<const float> floats() const { return Values<float>(); }
  std::span<const uint32_t> uint32s() const { return Values<uint32_t>(); }
  std::span<const uint64_t> uint64s() const { return Values<uint64_t>(); }

 private:
  explicit NpyFile(MappedFile file) : file_(std::move(file)) {}
  template <typename T>
  std::span<const T> Values() const {
    return {reinterpret_cast<const T*>(file_.bytes().data() + begin_), rows_ * columns_};
  }

  MappedFile file_;
  uint64_t begin_ = 0;
  uint64_t rows_ = 0;
  uint64_t columns_ = 0;
};

}  // namespace skybridge::retrieval
