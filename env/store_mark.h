// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"

namespace skybridge::env {

// The small file that says whose rows a folder holds, and what their store is named by; and, until
// the store is made, that it may not be there yet.
class StoreMark {
 public:
  // What it says.
  struct Store {
    uint64_t id = 0;
    bool made = false;  // Its database must be there.
    bool operator==(const Store&) const = default;
  };

  explicit StoreMark(const std::string& folder);

  const std::string& path() const { return path_; }
  // Errors: kUnavailable.
  Result<bool> Exists() const;

  // Looks whose folder it is. One that is absent or empty becomes `owner`'s, durably, with a store
  // named `new_store_id` that is to be made; of one that is the owner's, nothing changes. Returns
  // the store.
  // Errors: kFailedPrecondition if the folder holds anything else or is another owner's (names
  // both); those of Exists, ReadFile and WriteFileDurably.
  Result<Store> Take(const std::string& owner, uint64_t new_store_id) const;
  // Says that the folder holds the rows of a store that is made.
  // Errors: those of WriteFileDurably.
  Status Write(const std::string& owner, uint64_t store_id) const;

 private:
  Status CheckFree() const;

  const std::string folder_;
  const std::string path_;
};

}  // namespace skybridge::env
