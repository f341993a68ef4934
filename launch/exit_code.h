// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/status.h"

namespace skybridge::launch {

// What the program says to whoever started it (docs/operations.md). Never renumber.
enum ExitCode : int {
  kSuccess = 0,
  kUserError = 1,     // The job, its data or the state forbid it: a retry cannot help.
  kUsage = 2,         // The command line is wrong.
  kTransient = 3,     // A process, disk or machine failed: try again.
  kFencedOff = 4,     // Another process has its place.
  kStateLost = 5,     // What the job kept on a disk is lost or damaged: a checkpoint may have it.
  kInterrupted = 130  // Ctrl-C or SIGTERM, after a clean stop.
};

ExitCode ExitCodeOf(const Status& status);

// Whether the same process, which did not succeed, may do so if it is started again.
bool WorthRestarting(int code);

// The other way, for a process of ours that ended with `code`: what to tell about it.
Status StatusOfExit(int code, const std::string& process);

}  // namespace skybridge::launch
