// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/swarm.h"

#include <algorithm>
#include <sstream>

#include "common/rng.h"

namespace skybridge::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kDeadline = seconds(300);

bool Coin(Rng& rng) { return rng.Below(2) == 0; }

// Log-uniform in [low, low * 2^octaves), linear within an octave: no libm, the same bits anywhere.
double DrawRate(Rng& rng, double low, uint32_t octaves) {
  const auto octave = static_cast<double>(uint64_t{1} << rng.Below(octaves));
  return low * octave * (1 + rng.UniformDouble());
}

Duration DrawLength(Rng& rng, double low_ms, uint32_t octaves) {
  return Duration(static_cast<int64_t>(1e6 * DrawRate(rng, low_ms, octaves)));
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
  return links;
}

}  // namespace

Swarm DrawSwarm(uint64_t seed) {
  Rng rng(seed, Purpose::kSimulation);
  Swarm swarm{.seed = seed};
  swarm.shards = 1 + static_cast<uint32_t>(rng.Below(5));
  swarm.trainers = 1 + static_cast<uint32_t>(rng.Below(6));
  swarm.ranks = 1 + static_cast<uint32_t>(rng.Below(8));
  swarm.staleness = Coin(rng) ? -1 : 1 + static_cast<int32_t>(rng.Below(3));
  swarm.tight_memory = Coin(rng);
  swarm.supervised = Coin(rng);
  swarm.links = DrawLinks(rng);
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
  if (Coin(rng)) {
    swarm.server_faults.freezes_per_minute = DrawRate(rng, 0.5, 6);
    swarm.server_faults.freeze_max = DrawLength(rng, 100, 6);  // Up to 6.4 s.
  }
  if (Coin(rng)) {
    NodeFaults& faults = swarm.shard_crashes;
    faults.crashes_per_minute = DrawRate(rng, 0.5, 5);  // Up to one in four seconds, each.
    faults.restart_max = DrawLength(rng, 10, 10);       // Up to 10 s.
  }
  swarm.image_log_bytes = uint64_t{4096} << rng.Below(12);
  swarm.tick = DrawLength(rng, 10, 4);
  if (Coin(rng)) swarm.task_max = DrawLength(rng, 1, 9);
  if (Coin(rng)) {
    NodeFaults& faults = swarm.scheduler_crashes;
    faults.crashes_per_minute = DrawRate(rng, 0.5, 6);  // Up to one in two seconds.
    faults.restart_max = DrawLength(rng, 10, 11);       // Up to 20 s.
  }
  swarm.heal_at = {kDeadline * 7 / 10};
  swarm.deadline = {kDeadline};
  return swarm;
}

std::string Describe(const Swarm& swarm) {
  const auto ms = [](Duration d) { return std::to_string(d / milliseconds(1)) + " ms"; };
  const LinkFaults& links = swarm.links;
  const NodeFaults& trainer = swarm.trainer_faults;
  const NodeFaults& server = swarm.server_faults;
  std::ostringstream out;
  out << "seed " << swarm.seed << ": " << swarm.shards << " shards, " << swarm.trainers
      << " trainers, " << swarm.ranks << " ranks, staleness " << swarm.staleness
      << (swarm.tight_memory ? ", tight memory" : "") << (swarm.supervised ? ", supervised" : "")
      << "; links: delay " << ms(links.delay_max) << ", late " << ms(links.late_max) << ", drop "
      << links.drop << ", duplicate " << links.duplicate << ", reorder " << links.reorder
      << ", cuts " << links.cuts_per_second << "/s of " << ms(links.cut_max)
      << "; trainers: crashes " << trainer.crashes_per_minute << "/min"
      << (trainer.restarts ? " back within " + ms(trainer.restart_max) : " for good")
      << ", freezes " << trainer.freezes_per_minute << "/min of " << ms(trainer.freeze_max)
      << "; shards: crashes " << swarm.shard_crashes.crashes_per_minute << "/min back within "
      << ms(swarm.shard_crashes.restart_max) << ", images every " << swarm.image_log_bytes
      << " bytes; servers: freezes " << server.freezes_per_minute << "/min of "
      << ms(server.freeze_max) << "; scheduler: crashes "
      << swarm.scheduler_crashes.crashes_per_minute << "/min back within "
      << ms(swarm.scheduler_crashes.restart_max) << "; tick " << ms(swarm.tick) << ", tasks "
      << ms(swarm.task_max);
  return out.str();
}

}  // namespace skybridge::sim
