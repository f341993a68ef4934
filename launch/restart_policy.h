// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.h"

namespace skybridge::launch {

struct RestartPolicyOptions {
  uint32_t futile_max = 8;                       // Futile lives in a row until it is given up.
  Duration young = std::chrono::seconds(1);      // A shorter life is futile.
  Duration ran_well = std::chrono::seconds(10);  // A longer one is not, whatever the job did.
};

// Whether and when a process that ended is started again.
//
// A life is futile if it was shorter than `young`, or shorter than `ran_well` while the job did not
// get on. After the first futile life the next one begins at once, then after 0.2 s, 1 s, 5 s, 5 s;
// a life that was not futile begins the series anew. So a process that is killed now and then is
// back at once, for ever, and one that cannot run is given up. Pure state machine.
class RestartPolicy {
 public:
  explicit RestartPolicy(RestartPolicyOptions options) : options_(options) {}

  // It was started. `progress`: of the job, a number that only grows.
  void Started(Instant now, uint64_t progress);
  // It ended. Returns how long to wait before it is started again; nothing: give it up.
  std::optional<Duration> Ended(Instant now, uint64_t progress);

  uint32_t restarts() const { return starts_ == 0 ? 0 : starts_ - 1; }
  uint32_t futile() const { return futile_; }

 private:
  const RestartPolicyOptions options_;
  Instant started_at_;
  uint64_t progress_ = 0;
  uint32_t starts_ = 0;
  uint32_t futile_ = 0;
};

}  // namespace skybridge::launch
