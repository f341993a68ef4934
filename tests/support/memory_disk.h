// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/disk.h"

namespace skybridge::support {

// A Disk in memory that fails or dies when told to. What was written stays, as it does when a
// process is killed.
class MemoryDisk : public env::Disk {
 public:
  // The call after `calls` others fails with `failure`; a write then leaves its first
  // `torn_bytes` bytes. If `for_good`, all later calls fail too: the process is dead.
  struct Fault {
    uint64_t calls = 0;
    Status failure;
    uint64_t torn_bytes = 0;
    bool for_good = false;
  };
  std::optional<Fault> fault;
  uint64_t calls = 0;  // So far.
  std::map<std::string, std::string> files;

  Result<std::vector<std::string>> List(const std::string& folder) override {
    SKY_RETURN_IF_ERROR(Call());
    std::vector<std::string> names;
    for (const auto& [path, content] : files) {
      if (path.starts_with(folder + "/")) names.push_back(path.substr(folder.size() + 1));
    }
    return names;
  }
  Result<std::unique_ptr<env::DiskFile>> Open(const std::string& path) override {
    SKY_RETURN_IF_ERROR(Call());
    return std::unique_ptr<env::DiskFile>(std::make_unique<File>(*this, path));
  }
  Result<std::unique_ptr<env::DiskFile>> Create(const std::string& path, uint64_t bytes) override {
    SKY_RETURN_IF_ERROR(Call());
    CHECK(!files.contains(path));
    files[path].resize(bytes);
    return std::unique_ptr<env::DiskFile>(std::make_unique<File>(*this, path));
  }
  Status Remove(const std::string& path) override {
    SKY_RETURN_IF_ERROR(Call());
    files.erase(path);
    return Status();
  }

 private:
  class File : public env::DiskFile {
   public:
    File(MemoryDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

    Status WriteAt(uint64_t offset, std::span<const std::string_view> pieces) override {
      std::string bytes;
      for (const std::string_view piece : pieces) bytes += piece;
      std::string& content = disk_.files.at(path_);
      CHECK_LE(offset + bytes.size(), content.size());
      const Status status = disk_.Call();
      if (!status.ok()) bytes.resize(std::min<size_t>(bytes.size(), disk_.torn_));
      std::ranges::copy(bytes, content.begin() + static_cast<ptrdiff_t>(offset));
      return status;
    }
    Status ReadAt(uint64_t offset, std::span<char> out) override {
      SKY_RETURN_IF_ERROR(disk_.Call());
      const std::string& content = disk_.files.at(path_);
      if (offset + out.size() > content.size()) return Status(StatusCode::kDataLoss, path_);
      std::copy_n(content.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
      return Status();
    }
    Status Sync() override {
      const Status status = disk_.Call();
      if (status.code() != StatusCode::kResourceExhausted) return status;
      return Status(StatusCode::kUnavailable, status.message());
    }
    uint64_t bytes() const override { return disk_.files.at(path_).size(); }

   private:
    MemoryDisk& disk_;
    const std::string path_;
  };

  Status Call() {
    ++calls;
    torn_ = 0;
    if (!fault || calls <= fault->calls) return Status();
    if (calls == fault->calls + 1) {
      torn_ = fault->torn_bytes;
      return fault->failure;
    }
    return fault->for_good ? fault->failure : Status();
  }

  size_t torn_ = 0;
};

}  // namespace skybridge::support
