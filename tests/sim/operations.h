// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/sim/training_cluster.h"

namespace skybridge::sim {

// Plans what whoever runs the cluster does to it, as the swarm says: restarts one node after the
// other, leaves it without its scheduler. `cluster` has not run yet, and outlives what is planned.
void PlanOperations(TrainingCluster& cluster);

}  // namespace skybridge::sim
