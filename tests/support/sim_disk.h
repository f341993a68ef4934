// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "env/disk.h"

namespace skybridge::support {

// A Disk in memory that fails, kills its process and loses power when told to. A copy is a disk
// with the same content.
//
// What was written stays when a process dies. When the power is cut, what was not synced stays in
// part, in any order, torn at any byte or sector; names made or removed since their folder was
// synced are there or not.
class SimDisk : public env::Disk {
 public:
  // The call after `calls` others fails with `failure`.
  struct Fault {
    uint64_t calls = 0;
    Status failure;
    uint64_t torn_bytes = 0;   // What a write then leaves; and a reservation.
    bool carried_out = false;  // Whether another call does its work nevertheless.
    bool for_good = false;     // All later calls fail too: the process is dead.
  };
  std::optional<Fault> fault;
  uint64_t calls = 0;  // So far.
  uint64_t sector_bytes = 512;

  struct Write {
    uint64_t offset = 0;
    std::string bytes;
  };
  struct Content {
    std::string now;              // What a process reads.
    std::string synced;           // What a power cut leaves in any case ...
    std::vector<Write> unsynced;  // ... and what it leaves in part.
    bool name_synced = false;
  };
  std::map<std::string, Content> files;

  // Everyone who used the disk is dead by now. `fault` is over.
  void CutPower(Rng& rng);

  Result<std::vector<std::string>> List(const std::string& folder) override;
  Result<std::unique_ptr<env::DiskFile>> Open(const std::string& path) override;
  // Three calls: name, reservation, sync of the folder.
  Result<std::unique_ptr<env::DiskFile>> Create(const std::string& path, uint64_t bytes) override;
  // Two calls: name, sync of the folder.
  Status Remove(const std::string& path) override;

 private:
  class File;

  // One call; what to return if it fails.
  Status Call();
  void SyncNames();
  void Settle(Content& content, uint64_t mode, Rng& rng) const;
  // What a torn write leaves of its bytes: the old ones elsewhere.
  void Tear(const Write& write, std::string* content, Rng& rng) const;

  std::map<std::string, Content> removed_;  // Since their folder was synced.
};

}  // namespace skybridge::support
