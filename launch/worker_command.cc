// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gflags/gflags.h>

#include "launch/commands.h"
#include "launch/log_file.h"
#include "launch/node_flags.h"
#include "launch/roles.h"

DECLARE_uint32(number);

namespace skybridge::launch {
namespace {

Status Worker(const std::vector<std::string>& positionals) {
  LogToStderr();
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenNodeJob(positionals[0]));
  SKY_ASSIGN_OR_RETURN(RunIdentity identity, IdentityByFlags(false));
  SKY_ASSIGN_OR_RETURN(identity.scheduler_endpoint, SchedulerByFlags());
  const ClusterShape shape = ShapeOf(job.loaded.job);
  if (FLAGS_number >= shape.workers) {
    return {StatusCode::kInvalidArgument, fmt::format("--number {}: the job has {} workers, from 0",
                                                      FLAGS_number, shape.workers)};
  }
  ProcessRuntime runtime(shape.trainers_per_worker + 1);
  SKY_RETURN_IF_ERROR(UseKeysByFlags(runtime));
  SKY_ASSIGN_OR_RETURN(const auto role,
                       WorkerRole::Start(job, identity, FLAGS_number, MakeDataset(job), runtime));
  return WaitForRole(*role);
}

}  // namespace

Command WorkerCommand() {
  return {.name = "worker",
          .summary = "Be one worker process of a cluster (`run` starts it).",
          .arguments = "JOB",
          .flags = NodeFlagsAnd({"scheduler", "number", "keys"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .check = CheckNodeFlags,
          .run = Worker};
}

}  // namespace skybridge::launch
