// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/disk.h"

namespace skybridge::env {

// The file system of this machine.
class PosixDisk : public Disk {
 public:
  Result<std::vector<std::string>> List(const std::string& folder) override;
  Result<std::unique_ptr<DiskFile>> Open(const std::string& path) override;
  Result<std::unique_ptr<DiskFile>> Create(const std::string& path, uint64_t bytes) override;
  Status Remove(const std::string& path) override;
};

}  // namespace skybridge::env
