// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace skybridge::env {

// A process that another one started, as the system shows it.
struct ChildProcess {
  pid_t pid = 0;
  std::vector<std::string> arguments;  // The program first.
};

// The children of a process that have not ended, by pid. What the system does not show is left out:
// without /proc, all of them.
std::vector<ChildProcess> ChildrenOf(pid_t parent);

}  // namespace skybridge::env
