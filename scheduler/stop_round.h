// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <set>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "scheduler/redelivery.h"

namespace skybridge::scheduler {

// Tells everybody that the job ends, until all have left or patience runs out. Trainers hear it
// first, so that their last words to shards are answered; shards once no trainer is left, or half
// of the time has passed. Pure state machine.
class StopRound {
 public:
  StopRound(Duration repeat, Duration patience) : patience_(patience), stops_(repeat) {}

  void Begin(Instant now) { began_at_ = now; }
  // Who is to be told now, given who is still there.
  std::vector<Incarnation> Due(const std::vector<Incarnation>& trainers,
                               const std::vector<Incarnation>& shards, Instant now);
  // True when nobody is there any more, or has been waited for long enough.
  bool Over(const std::vector<Incarnation>& trainers, const std::vector<Incarnation>& shards,
            Instant now) const;

 private:
  const Duration patience_;
  Redelivery<Incarnation> stops_;
  Instant began_at_;
};

}  // namespace skybridge::scheduler
