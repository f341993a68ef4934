// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"
#include "launch/command.h"

namespace skybridge::launch {

// One for each file NAME_command.cc.
Command ChaosCommand();
Command CheckCommand();
Command CheckpointCommand();
Command EvaluateCommand();
Command GenerateCommand();
Command KeygenCommand();
Command PsCommand();
Command QueryCommand();
Command RunCommand();
Command RunSchedulerCommand();
Command ScaleCommand();
Command SchedulerCommand();
Command TableCommand();
Command SimulateCommand();
Command VersionCommand();
Command WorkerCommand();

// Of this binary; the nodes of a cluster must agree on it.
std::string BinaryVersion();

// Errors: kInvalidArgument if -k is out of bounds.
Status CheckAnswersWanted();

}  // namespace skybridge::launch
