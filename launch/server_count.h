// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/status.h"
#include "launch/run_folder.h"

namespace skybridge::launch {

// How `skybridge scale` and the `run` that looks after a job speak: two small files in its folder,
// each replaced as a whole.

inline constexpr uint32_t kServersMax = 1024;

// A wish; it takes the place of the one before, and outlives the run's processes.
struct ServersWish {
  uint32_t servers = 0;
  uint32_t number = 0;  // Of the wish, from 1: the same number of servers may be wished for again.
  bool operator==(const ServersWish&) const = default;
};
// Errors: those of WriteFileDurably.
Result<ServersWish> WantServers(const RunFolder& folder, uint32_t servers);
// Nothing: nobody has wished for any number, or the file makes no sense.
std::optional<ServersWish> ServersWanted(const RunFolder& folder);

// What has become of it.
struct ServersNow {
  uint32_t wish = 0;     // The number of the last one that `run` has passed on. 0: none.
  uint32_t wanted = 0;   // Servers that the scheduler knows to be wanted.
  uint32_t servers = 0;  // That have slots.
  bool settled = false;  // All of them, in equal shares.
  // The first one that should join and cannot: its process ended in a way that a new start does not
  // change by itself. It is tried again from time to time.
  std::optional<uint32_t> stuck;
  bool operator==(const ServersNow&) const = default;
};
// Failures are logged: they cost nothing but news.
void TellServers(const RunFolder& folder, const ServersNow& now);
// Nothing: no run that can be scaled looks after this job.
std::optional<ServersNow> ReadServers(const RunFolder& folder);

// The wish is void, or nobody looks after the job any more.
void ForgetWish(const RunFolder& folder);
void ForgetServers(const RunFolder& folder);

}  // namespace skybridge::launch
