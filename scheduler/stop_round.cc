// SPDX-License-Identifier: Apache-2.0
#include "scheduler/stop_round.h"

namespace skybridge::scheduler {

std::vector<Incarnation> StopRound::Due(const std::vector<Incarnation>& trainers,
                                        const std::vector<Incarnation>& shards, Instant now) {
  std::set<Incarnation> wanted(trainers.begin(), trainers.end());
  if (trainers.empty() || now - began_at_ > patience_ / 2) {
    wanted.insert(shards.begin(), shards.end());
  }
  stops_.Want(wanted);
  return stops_.Due(now);
}

bool StopRound::Over(const std::vector<Incarnation>& trainers,
                     const std::vector<Incarnation>& shards, Instant now) const {
  return (trainers.empty() && shards.empty()) || now - began_at_ > patience_;
}

}  // namespace skybridge::scheduler
