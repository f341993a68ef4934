// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "launch/cluster_config.h"
#include "launch/node_host.h"
#include "launch/open_job.h"

namespace skybridge::launch {

// Flags of the commands that are one process of a cluster: --job_id, --base.
std::vector<std::string> NodeFlagsAnd(std::vector<std::string> more);

// The job file of a node process, opened.
Result<OpenJob> OpenNodeJob(const std::string& path);

// Who this process is. Errors: kInvalidArgument for --job_id that is none. An absent one is drawn
// if `draw`.
Result<RunIdentity> IdentityByFlags(bool draw);

// Takes the keys that --keys names, if it does. Errors: those of ReadClusterKeys.
Status UseKeysByFlags(ProcessRuntime& runtime);

// Where the scheduler listens. Errors: kInvalidArgument for --scheduler that is no endpoint.
Result<std::string> SchedulerByFlags();

// For Command::check of a process that a scheduler leads. Errors: kInvalidArgument.
Status CheckNodeFlags(const std::vector<std::string>& positionals);

// Waits until `role` has ended, and makes it end when a signal comes; returns how.
template <typename Role>
Status WaitForRole(Role& role);

}  // namespace skybridge::launch

#include "env/signals.h"

namespace skybridge::launch {

template <typename Role>
Status WaitForRole(Role& role) {
  const env::SignalWatch signals;
  while (!role.ended()) {
    if (!signals.WaitBeyond(0, std::chrono::milliseconds(50))) continue;
    return {StatusCode::kCancelled, "stopped by a signal"};
  }
  return role.status();
}

}  // namespace skybridge::launch
