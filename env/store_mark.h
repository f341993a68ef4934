// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"

namespace skybridge::env {

// The small file that says whose rows a folder holds, and what their store is named by.
class StoreMark {
 public:
  explicit StoreMark(const std::string& folder);

  const std::string& path() const { return path_; }
  bool exists() const;

  // Looks whose folder it is. One that is absent or empty becomes `owner`'s, durably, with a store
  // named `new_store_id`; of one that is the owner's, nothing changes. Returns the store's name.
  // Errors: kFailedPrecondition if the folder holds anything else or is another owner's (names
  // both); those of ReadFile and WriteFileDurably.
  Result<uint64_t> Take(const std::string& owner, uint64_t new_store_id) const;
  // Says so of a folder that holds rows already. Errors: those of WriteFileDurably.
  Status Write(const std::string& owner, uint64_t store_id) const;

 private:
  Status CheckFree() const;

  const std::string folder_;
  const std::string path_;
};

}  // namespace skybridge::env
