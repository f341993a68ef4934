// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/node_faults.h"

#include <utility>

#include "common/hash.h"
#include "common/rng.h"

namespace skybridge::sim {
namespace {

// Uniform, so that the mean time between two faults is right.
Duration DrawPause(Rng& rng, double per_minute) {
  return DrawDuration(rng, Duration{0}, Duration(static_cast<int64_t>(2 * 60e9 / per_minute)));
}

}  // namespace

void PlanNodeFaults(uint64_t seed, const NodeFaults& faults, const std::string& name, Instant end,
                    std::function<bool()> may_crash, SimCluster& cluster) {
  Rng crash(seed, Purpose::kSimulation, HashBytes(name), 1);
  Rng freeze(seed, Purpose::kSimulation, HashBytes(name), 2);
  Instant at = cluster.now();
  while (faults.crashes_per_minute > 0) {
    at = at + DrawPause(crash, faults.crashes_per_minute);
    if (at >= end) break;
    const bool within_effects = crash.Below(2) == 0;
    const Duration absence = DrawDuration(crash, Duration{0}, faults.restart_max);
    cluster.At(at, [=, &cluster] {
      if (!may_crash()) return;
      within_effects ? cluster.CrashInNextEffects(name) : cluster.Crash(name);
      if (!faults.restarts) return;
      cluster.At(cluster.now() + absence, [=, &cluster] {
        cluster.Crash(name);  // Nothing, unless it had no effects until now.
        cluster.Restart(name);
      });
    });
    if (!faults.restarts) break;
    at = at + absence;
  }
  at = cluster.now();
  while (faults.freezes_per_minute > 0) {
    at = at + DrawPause(freeze, faults.freezes_per_minute);
    if (at >= end) break;
    const Duration length = DrawDuration(freeze, Duration{0}, faults.freeze_max);
    cluster.At(at, [=, &cluster] { cluster.Freeze(name, cluster.now() + length); });
    at = at + 2 * length;  // Time to make up for what was missed.
  }
}

}  // namespace skybridge::sim
