// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace skybridge::env {

// Sees which folders and files this program calls fsync on while it lives: what it cannot see is
// lost is a name in a folder that nobody synced. One at a time.
class SyncWatch {
 public:
  SyncWatch();
  ~SyncWatch();
  SyncWatch(const SyncWatch&) = delete;
  SyncWatch& operator=(const SyncWatch&) = delete;

  // Paths, in the order of the calls.
  std::vector<std::string> synced() const;
};

}  // namespace skybridge::env
