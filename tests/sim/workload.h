// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/status.h"
#include "tests/sim/swarm.h"

namespace skybridge::sim {

// What a cluster has to do: changes a drawn run into one of its kind. What goes wrong stays as it
// was drawn, unless it would hide what the workload is about.
struct Workload {
  std::string_view name;
  std::string_view about;
  void (*shape)(Swarm& swarm);
};

std::span<const Workload> Workloads();

// The run of that seed: drawn, then shaped by the workloads in `names`, as "export" or
// "train_async+rolling_restart". Errors: kNotFound for a name that none has.
Result<Swarm> DrawRun(uint64_t seed, std::string_view names);

}  // namespace skybridge::sim
