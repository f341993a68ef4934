// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/shrink.h"

#include <algorithm>
#include <vector>

#include "tests/sim/swarm_text.h"

namespace skybridge::sim {
namespace {

using Step = std::function<void(Swarm&)>;

constexpr uint64_t kNoImages = uint64_t{1} << 30;
constexpr double kRateMin = 1e-4;  // Not worth halving.
// A change of any kind moves everything that happens after it: other seeds may meet the failure.
constexpr uint64_t kSeedsTried = 4;

template <typename Access>
void AddFewer(Access access, std::vector<Step>& steps) {
  steps.push_back([access](Swarm& swarm) { access(swarm) = 1; });
  steps.push_back([access](Swarm& swarm) { access(swarm) = (access(swarm) + 1) / 2; });
  steps.push_back(
      [access](Swarm& swarm) { access(swarm) = std::max(access(swarm), uint32_t{2}) - 1; });
}

template <typename Access>
void AddRarer(Access access, std::vector<Step>& steps) {
  steps.push_back([access](Swarm& swarm) {
    if (access(swarm) > kRateMin) access(swarm) /= 2;
  });
}

void AddWithout(std::vector<Step>& steps) {
  const Step without[] = {
      [](Swarm& s) { s.mass_kills_per_minute = 0; },
      [](Swarm& s) { s.restores = 0; },
      [](Swarm& s) { s.restores = s.restores / 2; },
      [](Swarm& s) { s.scales = 0; },
      [](Swarm& s) { s.scales = s.scales / 2; },
      [](Swarm& s) { s.spare_shards = s.spare_shards / 2; },
      [](Swarm& s) { s.store_failures = 0; },
      [](Swarm& s) { s.scheduler_crashes = {}; },
      [](Swarm& s) { s.scheduler_outage = Duration{0}; },
      [](Swarm& s) { s.rolling_pause = Duration{0}; },
      [](Swarm& s) { s.recovery_crashes = 0; },
      [](Swarm& s) { s.power_cuts = 0; },
      [](Swarm& s) { s.shard_crashes = {}; },
      [](Swarm& s) { s.server_faults = {}; },
      [](Swarm& s) { s.trainer_faults.crashes_per_minute = 0; },
      [](Swarm& s) { s.trainer_faults.freezes_per_minute = 0; },
      [](Swarm& s) { s.links.cuts_per_second = 0; },
      [](Swarm& s) { s.links.replay = 0; },
      [](Swarm& s) { s.links.drop = 0; },
      [](Swarm& s) { s.links.duplicate = 0; },
      [](Swarm& s) { s.links.reorder = 0; },
      [](Swarm& s) { s.links.delay_max = s.links.delay_min; },
      [](Swarm& s) { s.log_capacity = 0; },
      [](Swarm& s) { s.image_log_bytes = kNoImages; },
      [](Swarm& s) { s.task_max = Duration{0}; },
      [](Swarm& s) { s.supervised = false; },
      [](Swarm& s) { s.exports = false; },
      [](Swarm& s) { s.tight_memory = false; },
      [](Swarm& s) { s.long_partitions = false; },
  };
  steps.insert(steps.end(), std::begin(without), std::end(without));
}

std::vector<Step> Steps() {
  std::vector<Step> steps;
  AddFewer([](Swarm& s) -> uint32_t& { return s.epochs; }, steps);
  AddFewer([](Swarm& s) -> uint32_t& { return s.trainers; }, steps);
  AddFewer([](Swarm& s) -> uint32_t& { return s.ranks; }, steps);
  AddFewer([](Swarm& s) -> uint32_t& { return s.shards; }, steps);
  AddFewer([](Swarm& s) -> uint32_t& { return s.restored_shards; }, steps);
  AddWithout(steps);
  AddRarer([](Swarm& s) -> double& { return s.links.drop; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.links.duplicate; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.links.reorder; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.links.replay; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.links.cuts_per_second; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.trainer_faults.crashes_per_minute; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.trainer_faults.freezes_per_minute; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.server_faults.freezes_per_minute; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.shard_crashes.crashes_per_minute; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.scheduler_crashes.crashes_per_minute; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.mass_kills_per_minute; }, steps);
  AddRarer([](Swarm& s) -> double& { return s.store_failures; }, steps);
  return steps;
}

// Tries `smaller` under its own seed and others. False if no try failed, or time is up.
bool Try(Swarm smaller, const std::function<bool(const Swarm&)>& fails,
         const std::function<bool()>& go_on, Shrunk& best) {
  for (uint64_t i = 0; i < kSeedsTried && go_on(); ++i, ++smaller.seed) {
    ++best.tries;
    if (!fails(smaller)) continue;
    best.swarm = smaller;
    return true;
  }
  return false;
}

}  // namespace

Shrunk Shrink(const Swarm& failing, const std::function<bool(const Swarm&)>& fails,
              const std::function<bool()>& go_on) {
  const std::vector<Step> steps = Steps();
  Shrunk best{.swarm = failing};
  for (bool helped = true; helped;) {
    helped = false;
    for (const Step& step : steps) {
      Swarm smaller = best.swarm;
      step(smaller);
      if (Differences(best.swarm, smaller).empty()) continue;
      if (Try(smaller, fails, go_on, best)) helped = true;
      if (!go_on()) return best;
    }
  }
  return best;
}

}  // namespace skybridge::sim
