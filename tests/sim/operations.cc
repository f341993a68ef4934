// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/operations.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/rng.h"
#include "tests/sim/sim_transport.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLookEvery = milliseconds(100);
constexpr Duration kRestartMax = seconds(1);  // From a node's end to its next start.
constexpr size_t kRounds = 2;
constexpr Duration kScalePauseMax = seconds(3);

void WhenStarted(TrainingCluster& cluster, const std::function<void()>& action) {
  SimCluster& sim = cluster.cluster();
  sim.At(sim.now() + kLookEvery, [&cluster, action] {
    if (cluster.started()) return action();
    WhenStarted(cluster, action);
  });
}

void RestartInTurn(TrainingCluster& cluster, const std::vector<std::string>& names, size_t turn,
                   Rng rng) {
  SimCluster& sim = cluster.cluster();
  if (turn == kRounds * names.size() || sim.now() >= cluster.swarm().heal_at) return;
  const std::string& name = names[turn % names.size()];
  const Instant back = sim.now() + DrawDuration(rng, Duration{0}, kRestartMax);
  const Instant next = back + DrawDuration(rng, Duration{0}, cluster.swarm().rolling_pause);
  sim.Crash(name);
  sim.At(back, [&sim, name] { sim.Restart(name); });
  sim.At(next, [&cluster, names, turn, rng] { RestartInTurn(cluster, names, turn + 1, rng); });
}

void LeaveWithoutScheduler(TrainingCluster& cluster, Duration wait) {
  SimCluster& sim = cluster.cluster();
  const Instant begin = sim.now() + wait;
  sim.At(begin, [&sim] { sim.Crash(kSchedulerName); });
  sim.At(begin + cluster.swarm().scheduler_outage, [&sim] { sim.Restart(kSchedulerName); });
}

void Scale(TrainingCluster& cluster, uint32_t times, Rng rng) {
  if (times == 0) return;
  SimCluster& sim = cluster.cluster();
  const Instant next = sim.now() + DrawDuration(rng, Duration{0}, kScalePauseMax);
  const uint32_t most = cluster.swarm().shards + cluster.swarm().spare_shards;
  const auto shards = 1 + static_cast<uint32_t>(rng.Below(most));
  sim.At(next, [&cluster, times, rng, shards] {
    Scale(cluster, cluster.RequestShards(shards) ? times - 1 : times, rng);
  });
}

}  // namespace

void PlanOperations(TrainingCluster& cluster) {
  const Swarm& swarm = cluster.swarm();
  Rng rng(swarm.seed, Purpose::kSimulation, 0, 6);
  if (swarm.rolling_pause > Duration{0}) {
    WhenStarted(cluster, [&cluster, rng] { RestartInTurn(cluster, cluster.node_names(), 0, rng); });
  }
  if (swarm.scheduler_outage > Duration{0}) {
    const Duration wait = DrawDuration(rng, Duration{0}, seconds(3));
    WhenStarted(cluster, [&cluster, wait] { LeaveWithoutScheduler(cluster, wait); });
  }
  if (swarm.scales > 0) {
    WhenStarted(cluster, [&cluster, rng] { Scale(cluster, cluster.swarm().scales, rng); });
  }
}

}  // namespace skybridge::sim
