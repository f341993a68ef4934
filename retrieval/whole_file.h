// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/status.h"

namespace skybridge::retrieval {

// What a manifest says of a file.
struct FileSummary {
  uint64_t bytes = 0;
  uint64_t xxh64 = 0;
};

// A file that appears under its name complete and synced, or not at all: written as
// "<path>.tmp<writer>", which is removed unless Commit succeeded or the process was killed. Errors
// name path and cause; a full disk is kResourceExhausted. Not thread-safe.
class WholeFile {
 public:
  // Makes the folders above it. `writer` tells those apart who may write this path at once.
  static Result<WholeFile> Create(const std::string& path, const std::string& writer = "");
  ~WholeFile();
  WholeFile(WholeFile&& other) noexcept;
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;
  WholeFile& operator=(WholeFile&&) = delete;

  Status Append(std::string_view bytes);
  template <typename T>
  Status AppendArray(std::span<const T> values) {
    return Append({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  }
  // Sync, rename, sync the folder. Call once.
  Result<FileSummary> Commit();

 private:
  WholeFile(std::string path, std::string temporary, int fd);
  Status Failed(const char* what) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
  void* hash_ = nullptr;  // XXH64_state_t
};

// Size and checksum of a file as it is.
// Errors: kNotFound, kUnavailable.
Result<FileSummary> SummariseFile(const std::string& path);

// Errors: kDataLoss naming both values, unless the file is as `expected`.
Status CheckFile(const std::string& path, const FileSummary& expected);

// A file mapped into memory, read-only.
class MappedFile {
 public:
  // Errors: kNotFound, kUnavailable.
  static Result<MappedFile> Open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, size_t size) : data_(data), size_(size) {}
  const char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace skybridge::retrieval
