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

// A file of fixed size that is read and overwritten in place. One thread owns it, but for Sync,
// which any thread may call beside anything else; it covers what was written before it began.
//
// What WriteAt returned survives the death of the process; what Sync covered survives a power cut.
// Of writes that are not synced any part may survive one, in any order.
// Errors of all: kResourceExhausted if the disk is full, else kUnavailable; both name the path.
// Those of Sync are kUnavailable, whatever the cause: what is on the disk is then unknown. Once
// failed, it fails for good: the system reports a lost page once, and then takes it for clean.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // `pieces`, one after the other. An error may leave any part of them written, but not all.
  virtual Status WriteAt(uint64_t offset, std::span<const std::string_view> pieces) = 0;
  // Reads `out.size()` bytes. Errors also: kDataLoss beyond the end of the file.
  virtual Status ReadAt(uint64_t offset, std::span<char> out) = 0;
  virtual Status Sync() = 0;
  virtual uint64_t bytes() const = 0;
};

// What a log needs of a file system, faked where its faults are played. One thread owns it, but for
// Create, which any thread may call beside anything else. Errors: as DiskFile.
class Disk {
 public:
  virtual ~Disk() = default;
  // Names in the folder, which is made if it is absent; ascending. They survive a power cut, also
  // if who made them died before he knew.
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  virtual Result<std::unique_ptr<DiskFile>> Open(const std::string& path) = 0;
  // A new file with all its bytes there, zero; it and its name survive a power cut. An error leaves
  // no file.
  virtual Result<std::unique_ptr<DiskFile>> Create(const std::string& path, uint64_t bytes) = 0;
  // It stays away, also after a power cut.
  virtual Status Remove(const std::string& path) = 0;
};

}  // namespace skybridge::env
