// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/swarm.h"

#include "common/rng.h"

namespace skybridge::sim {
namespace {

using std::chrono::seconds;

constexpr Duration kDeadline = seconds(300);

bool Coin(Rng& rng) { return rng.Below(2) == 0; }

// Log-uniform in [low, low * 2^octaves), linear within an octave: no libm, the same bits anywhere.
double DrawRate(Rng& rng, double low, uint32_t octaves) {
  const auto octave = static_cast<double>(uint64_t{1} << rng.Below(octaves));
  return low * octave * (1 + rng.UniformDouble());
}

// In whole microseconds, so that its text is short.
Duration DrawLength(Rng& rng, double low_ms, uint32_t octaves) {
  return std::chrono::microseconds(static_cast<int64_t>(1e3 * DrawRate(rng, low_ms, octaves)));
}

LinkFaults DrawLinks(Rng& rng) {
  LinkFaults links;
  links.delay_min = Duration(1000);
  links.delay_max = DrawLength(rng, 0.1, 8);             // Up to 25 ms.
  links.late_max = DrawLength(rng, 1, 11);               // Up to 2 s.
  if (Coin(rng)) links.drop = DrawRate(rng, 0.0005, 8);  // Up to 13 %.
  if (Coin(rng)) links.duplicate = DrawRate(rng, 0.001, 8);
  if (Coin(rng)) links.reorder = DrawRate(rng, 0.001, 8);
  if (Coin(rng)) {
    links.cuts_per_second = DrawRate(rng, 0.01, 5);
    links.cut_max = DrawLength(rng, 100, 5);  // Up to 3.2 s: nobody is taken for dead.
  }
  if (Coin(rng)) {
    links.replay = DrawRate(rng, 0.0005, 6);
    links.replay_max = DrawLength(rng, 100, 9);  // Up to 51 s: beyond a life or two.
  }
  return links;
}

void DrawTrainerFaults(Rng& rng, Swarm& swarm) {
  if (Coin(rng)) {
    NodeFaults& faults = swarm.trainer_faults;
    faults.crashes_per_minute = DrawRate(rng, 2, 6);  // Up to two a second.
    faults.restarts = Coin(rng);
    faults.restart_max = DrawLength(rng, 10, 12);  // Up to 40 s: beyond what expiry takes.
  }
  if (Coin(rng)) {
    swarm.trainer_faults.freezes_per_minute = DrawRate(rng, 0.5, 6);
    swarm.trainer_faults.freeze_max = DrawLength(rng, 100, 9);  // Up to 51 s: zombies.
  }
}

void DrawServerFaults(Rng& rng, Swarm& swarm) {
  if (Coin(rng)) {
    swarm.server_faults.freezes_per_minute = DrawRate(rng, 0.5, 6);
    swarm.server_faults.freeze_max = DrawLength(rng, 100, 6);  // Up to 6.4 s.
  }
  if (Coin(rng)) {
    NodeFaults& faults = swarm.shard_crashes;
    faults.crashes_per_minute = DrawRate(rng, 0.5, 6);  // Up to one in two seconds, each.
    faults.restart_max = DrawLength(rng, 10, 10);       // Up to 10 s.
    if (Coin(rng)) swarm.recovery_crashes = DrawRate(rng, 0.05, 3);
  }
  if (Coin(rng)) {
    NodeFaults& faults = swarm.scheduler_crashes;
    faults.crashes_per_minute = DrawRate(rng, 0.5, 6);  // Up to one in two seconds.
    faults.restart_max = DrawLength(rng, 10, 11);       // Up to 20 s.
  }
  if (rng.Below(4) == 0) swarm.mass_kills_per_minute = DrawRate(rng, 0.5, 4);
}

}  // namespace

Swarm DrawSwarm(uint64_t seed) {
  Rng rng(seed, Purpose::kSimulation);
  Swarm swarm{.seed = seed};
  swarm.shards = 1 + static_cast<uint32_t>(rng.Below(5));
  swarm.trainers = 1 + static_cast<uint32_t>(rng.Below(6));
  swarm.ranks = 1 + static_cast<uint32_t>(rng.Below(8));
  if (Coin(rng)) swarm.staleness = Coin(rng) ? -1 : 1 + static_cast<int32_t>(rng.Below(3));
  swarm.tight_memory = Coin(rng);
  swarm.epochs = swarm.tight_memory ? 3 : 6;
  swarm.supervised = Coin(rng);
  swarm.image_log_bytes = uint64_t{4096} << rng.Below(12);
  swarm.tick = DrawLength(rng, 10, 4);
  if (Coin(rng)) swarm.task_max = DrawLength(rng, 1, 9);
  swarm.links = DrawLinks(rng);
  DrawTrainerFaults(rng, swarm);
  DrawServerFaults(rng, swarm);
  swarm.heal_at = {kDeadline * 7 / 10};
  swarm.deadline = {kDeadline};
  return swarm;
}

}  // namespace skybridge::sim
