// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace skybridge::env {

// A file of fixed size that is read and overwritten in place. One thread owns it.
//
// What WriteAt returned survives the death of the process; what Sync covered survives a power cut.
// Errors of all: kResourceExhausted if the disk is full, else kUnavailable; both name the path.
// Those of Sync are kUnavailable, whatever the cause: what is on the disk is then unknown, and it
// must not be tried again.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // `pieces`, one after the other. An error may leave any part of them written.
  virtual Status WriteAt(uint64_t offset, std::span<const std::string_view> pieces) = 0;
  // Reads `out.size()` bytes. Errors also: kDataLoss beyond the end of the file.
  virtual Status ReadAt(uint64_t offset, std::span<char> out) = 0;
  virtual Status Sync() = 0;
  virtual uint64_t bytes() const = 0;
};

// What a log needs of a file system, faked where its faults are played. One thread owns it.
// Errors: as DiskFile.
class Disk {
 public:
  virtual ~Disk() = default;
  // Names in the folder, which is made if it is absent; ascending.
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  virtual Result<std::unique_ptr<DiskFile>> Open(const std::string& path) = 0;
  // A new file with all its bytes there, zero; it and its name survive a power cut. An error leaves
  // no file.
  virtual Result<std::unique_ptr<DiskFile>> Create(const std::string& path, uint64_t bytes) = 0;
  // It stays away, also after a power cut.
  virtual Status Remove(const std::string& path) = 0;
};

}  // namespace skybridge::env
