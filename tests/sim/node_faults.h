// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/time.h"
#include "tests/sim/sim_cluster.h"

namespace skybridge::sim {

// What befalls one node.
struct NodeFaults {
  double crashes_per_minute = 0;  // Half of them between events, half within the next effects.
  bool restarts = true;           // A crashed node comes back ...
  Duration restart_max{0};        // ... within this. Else it crashes once, for good.
  double freezes_per_minute = 0;  // It stands still, as if stopped ...
  Duration freeze_max{0};         // ... for up to this long, then runs for as long at least.
};

// Plans faults of `name` from now until `end`, drawn from (seed, name). A crash happens only if
// `may_crash` agrees at that moment. Freezes and absences may last beyond `end`.
void PlanNodeFaults(uint64_t seed, const NodeFaults& faults, const std::string& name, Instant end,
                    std::function<bool()> may_crash, SimCluster& cluster);

}  // namespace skybridge::sim
