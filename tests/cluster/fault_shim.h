// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace skybridge::cluster {

// What the shim (fault_shim.cc, loaded by LD_PRELOAD) and a test share: the file named by
// SKYBRIDGE_FAULT_STATE, mapped by both, so that calls are counted over all processes of a run.
struct FaultState {
  static constexpr uint32_t kShort = 0xffff;  // As `error`: half of the bytes are written.

  std::atomic<uint64_t> calls;  // Seen so far.
  uint64_t fail_at;             // This one fails, from 1; 0: none does.
  uint32_t error;               // With this errno, or kShort.
  uint32_t repeats;             // So many calls after it fail too.
  std::atomic<uint64_t> failed;
  char under[400];  // Calls count if their file lies below this folder or has this name.
  char what[64];    // The call that failed first, as "fdatasync".
};

}  // namespace skybridge::cluster
