// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "common/time.h"
#include "tests/sim/node_faults.h"
#include "tests/sim/sim_transport.h"

namespace skybridge::sim {

// One simulated run: a shape of the cluster, what it has to do, and what goes wrong in it.
//
// Each kind of fault is on in half of the seeds, so that rare combinations occur and no fault
// hides another; its rate is then drawn log-uniformly. Faults stop at `heal_at`: from then on the
// run must get done. What lasts never exceeds what the protocol takes for a node's death, except
// where the death of a node is meant.
struct Swarm {
  uint64_t seed = 0;  // Of what happens when; the other fields stay as they are.

  // The cluster and its job.
  uint32_t shards = 1;
  uint32_t trainers = 1;
  uint32_t ranks = 1;
  uint32_t epochs = 1;
  int32_t staleness = 0;         // 0: lockstep, and the job learns. Else bound or -1: it counts.
  bool exports = false;          // The job ends with an export.
  bool tight_memory = false;     // Many narrow rows, and shards that must evict.
  bool long_partitions = false;  // Few leases, each of many steps.
  uint64_t image_log_bytes = 0;  // Shards begin an image after this much log.
  uint64_t log_capacity = 0;     // Their disks have room for this much log; 0: enough.
  bool supervised = false;       // The scheduler is told at once when a trainer's process ends.
  Duration tick{0};
  Duration task_max{0};

  // What whoever runs it does to it.
  Duration rolling_pause{0};     // Nodes are restarted in turn, with up to this between; 0: not.
  Duration scheduler_outage{0};  // Once, after the start, the scheduler is away for this long.
  Duration checkpoint_every{0};  // While training; 0: never.
  uint32_t checkpoint_keep = 1;
  // So many times all is thrown away but the checkpoints, and one of them restored: on
  // `restored_shards` shards first, then on `shards` again, and so on.
  uint32_t restores = 0;
  uint32_t restored_shards = 1;
  // So many times after the start another number of shards is asked for, up to `spare_shards` more
  // than there are at first.
  uint32_t scales = 0;
  uint32_t spare_shards = 0;
  uint64_t move_piece_bytes = 1 << 20;  // Of rows in a message between two shards.

  // What goes wrong.
  LinkFaults links;
  NodeFaults trainer_faults;
  NodeFaults server_faults;  // Of shards and scheduler. Freezes only.
  NodeFaults scheduler_crashes;
  NodeFaults shard_crashes;
  double recovery_crashes = 0;  // A shard that comes back dies again while it recovers.
  // How often a shard that comes back finds that its power was cut: of its log is left what was
  // synced, and some of the rest. If there are power cuts, answers outlive them.
  double power_cuts = 0;
  double mass_kills_per_minute = 0;  // All nodes die at once, and come back.
  double store_failures = 0;         // How often a call to the object store fails.

  Instant heal_at;
  Instant deadline;
};

// A pure function of the seed: a run in lockstep or not, without what whoever runs it does.
Swarm DrawSwarm(uint64_t seed);

}  // namespace skybridge::sim
