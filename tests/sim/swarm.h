// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/time.h"
#include "tests/sim/node_faults.h"
#include "tests/sim/sim_transport.h"

namespace skybridge::sim {

// One simulated run: a shape of the cluster and what goes wrong in it. A pure function of the seed.
//
// Each kind of fault is on in half of the seeds, so that rare combinations occur and no fault
// hides another; its rate is then drawn log-uniformly. Faults stop at `heal_at`: from then on the
// run must get done. What lasts never exceeds what the protocol takes for a node's death, except
// where the death of a node is meant.
struct Swarm {
  uint64_t seed = 0;

  uint32_t shards = 1;
  uint32_t trainers = 1;
  uint32_t ranks = 1;
  int32_t staleness = 0;         // Of runs outside lockstep: 1 to 3, or -1.
  bool tight_memory = false;     // Shards must evict.
  uint64_t image_log_bytes = 0;  // Shards begin an image after this much log.
  bool supervised = false;       // The scheduler is told at once when a trainer's process ends.

  LinkFaults links;
  NodeFaults trainer_faults;
  NodeFaults server_faults;  // Of shards and scheduler. Freezes only.
  NodeFaults scheduler_crashes;
  NodeFaults shard_crashes;
  Duration tick{0};
  Duration task_max{0};

  Instant heal_at;
  Instant deadline;
};

Swarm DrawSwarm(uint64_t seed);

// One line for people.
std::string Describe(const Swarm& swarm);

}  // namespace skybridge::sim
