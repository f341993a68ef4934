// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "tests/sim/swarm.h"

namespace skybridge::sim {

struct Shrunk {
  Swarm swarm;
  uint64_t tries = 0;
};

// A smaller run that fails in the same way: tries less work, fewer nodes, without one kind of
// fault, and rarer faults, each under a few seeds; keeps what still fails, and begins again until
// nothing helps.
//   fails  whether a run does, in the way that is looked for
//   go_on  false: time is up, what was found so far is the answer
Shrunk Shrink(const Swarm& failing, const std::function<bool(const Swarm&)>& fails,
              const std::function<bool()>& go_on);

}  // namespace skybridge::sim
