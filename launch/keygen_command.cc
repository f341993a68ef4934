// SPDX-License-Identifier: Apache-2.0
#include "launch/cluster_keys.h"
#include "launch/commands.h"

namespace skybridge::launch {
namespace {

Status Keygen(const std::vector<std::string>& positionals) {
  return DrawClusterKeys(positionals[0]);
}

}  // namespace

Command KeygenCommand() {
  return {.name = "keygen",
          .summary = "Draw the keys of a cluster whose processes are started by hand.",
          .arguments = "FILE",
          .details =
              "Give each of its processes a copy, and its path with --keys. Whoever can read the "
              "file is one of the cluster.",
          .positionals_min = 1,
          .positionals_max = 1,
          .run = Keygen};
}

}  // namespace skybridge::launch
