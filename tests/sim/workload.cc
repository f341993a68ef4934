// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/workload.h"

#include <algorithm>
#include <string>

#include "common/rng.h"
#include "tests/sim/sim_transport.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Numbers of a workload's own, so that the drawn run does not depend on which workloads there are.
Rng RngOf(const Swarm& swarm, uint64_t workload) {
  return Rng(swarm.seed, Purpose::kSimulation, workload, 7);
}

uint32_t Between(Rng& rng, uint32_t low, uint32_t high) {
  return low + static_cast<uint32_t>(rng.Below(high - low + 1));
}

Duration WholeMs(Rng& rng, Duration low, Duration high) {
  return DrawDuration(rng, low, high) / milliseconds(1) * milliseconds(1);
}

void TrainLockstep(Swarm& swarm) { swarm.staleness = 0; }

void TrainAsync(Swarm& swarm) {
  if (swarm.staleness != 0) return;
  Rng rng = RngOf(swarm, 1);
  swarm.staleness = rng.Below(2) == 0 ? -1 : static_cast<int32_t>(Between(rng, 1, 3));
}

void Export(Swarm& swarm) { swarm.exports = true; }

void RollingRestart(Swarm& swarm) {
  Rng rng = RngOf(swarm, 2);
  swarm.rolling_pause = WholeMs(rng, milliseconds(100), seconds(3));
}

void SchedulerOutage(Swarm& swarm) {
  Rng rng = RngOf(swarm, 3);
  swarm.scheduler_outage = WholeMs(rng, seconds(5), seconds(60));
  swarm.deadline = swarm.deadline + swarm.scheduler_outage;
  swarm.scheduler_crashes = {};  // They would bring it back too soon.
  swarm.mass_kills_per_minute = 0;
}

// Many trainers, few and small shards, and disks that are full now and then.
void Overload(Swarm& swarm) {
  Rng rng = RngOf(swarm, 4);
  swarm.trainers = Between(rng, 6, 12);
  swarm.ranks = Between(rng, 8, 16);
  swarm.shards = Between(rng, 1, 2);
  swarm.tight_memory = true;
  swarm.epochs = 2;
  swarm.image_log_bytes = uint64_t{4096} << rng.Below(5);
  // Room for the pushes of a clock, which must stay while they wait for each other.
  swarm.log_capacity = swarm.image_log_bytes + swarm.ranks * (uint64_t{8} << 10);
}

// Twelve epochs of one rank, task after task, must end before the deadline.
constexpr Duration kLongTaskMax = milliseconds(200);

// Rounds one after the other, so that whatever happens happens in the midst of one.
void DrawCheckpoints(Rng& rng, Swarm& swarm) {
  swarm.checkpoint_every = milliseconds(100) * (int64_t{1} << rng.Below(6));
  swarm.checkpoint_keep = Between(rng, 1, 3);
  swarm.epochs = swarm.tight_memory ? 4 : 12;
  swarm.task_max = std::min(swarm.task_max, kLongTaskMax);
  swarm.long_partitions = rng.Below(2) == 0;
  const double rate = 0.001 * static_cast<double>(uint64_t{1} << rng.Below(6));
  if (rng.Below(2) == 0) swarm.store_failures = rate;
  constexpr uint32_t kRestoredShards[] = {1, 2, 3, 5};
  swarm.restored_shards = kRestoredShards[rng.Below(std::size(kRestoredShards))];
}

void CheckpointLoop(Swarm& swarm) {
  Rng rng = RngOf(swarm, 5);
  DrawCheckpoints(rng, swarm);
}

void RestoreOtherSize(Swarm& swarm) {
  Rng rng = RngOf(swarm, 6);
  DrawCheckpoints(rng, swarm);
  swarm.restores = Between(rng, 1, 3);
}

// Answers that waited for the disk, and cuts that take what had not come so far.
void PowerCuts(Swarm& swarm) {
  Rng rng = RngOf(swarm, 7);
  swarm.power_cuts = rng.Below(2) == 0 ? 1 : 0.5;
  NodeFaults& faults = swarm.shard_crashes;
  if (faults.crashes_per_minute == 0) {
    faults.crashes_per_minute = Between(rng, 2, 30);
    faults.restart_max = WholeMs(rng, milliseconds(10), seconds(3));
  }
  if (rng.Below(2) == 0) DrawCheckpoints(rng, swarm);
  // Each step waits for two or three tasks of a shard.
  swarm.epochs = std::min(swarm.epochs, 6u);
  swarm.task_max = std::min(swarm.task_max, Duration(milliseconds(50)));
}

// Shards come and go, one soon after the other, while the job trains long enough for it.
void LiveMove(Swarm& swarm) {
  Rng rng = RngOf(swarm, 8);
  swarm.scales = Between(rng, 2, 6);
  swarm.spare_shards = Between(rng, 1, 2);
  swarm.shards = std::min(swarm.shards, 3u);
  swarm.epochs = swarm.tight_memory ? 4 : 12;
  swarm.task_max = std::min(swarm.task_max, kLongTaskMax);
  swarm.long_partitions = rng.Below(2) == 0;
  swarm.move_piece_bytes = uint64_t{128} << rng.Below(8);
}

constexpr Workload kWorkloads[] = {
    {"train_lockstep", "rows must equal those of a trainer without a cluster", TrainLockstep},
    {"train_async", "rows that count must have counted each batch once", TrainAsync},
    {"export", "training of either kind, then an export that a reader watches", Export},
    {"rolling_restart", "training while every node in turn is restarted, twice", RollingRestart},
    {"scheduler_outage", "training while there is no scheduler for up to a minute",
     SchedulerOutage},
    {"overload", "more trainers than memory and disks of one or two shards like", Overload},
    {"checkpoint_loop", "training while one checkpoint after the other is made", CheckpointLoop},
    {"restore_other_size",
     "all is lost but the checkpoints, and goes on from one with another number of shards",
     RestoreOtherSize},
    {"live_move", "training while slots move between shards that come and go", LiveMove},
    {"power_cuts", "shards lose what they had not synced of their logs", PowerCuts},
};

}  // namespace

std::span<const Workload> Workloads() { return kWorkloads; }

Result<Swarm> DrawRun(uint64_t seed, std::string_view names) {
  Swarm swarm = DrawSwarm(seed);
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find('+', begin), names.size());
    const std::string_view name = names.substr(begin, end - begin);
    const auto found = std::ranges::find(kWorkloads, name, &Workload::name);
    if (found == std::end(kWorkloads)) {
      return Status(StatusCode::kNotFound, "there is no workload " + std::string(name));
    }
    found->shape(swarm);
    begin = end + 1;
  }
  return swarm;
}

}  // namespace skybridge::sim
