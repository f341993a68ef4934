// SPDX-License-Identifier: Apache-2.0
#include "launch/node_flags.h"

#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/zmq_endpoint.h"
#include "launch/cluster_keys.h"
#include "launch/command.h"
#include "launch/job_flags.h"
#include "launch/local_run.h"

DEFINE_string(scheduler, "", "Where the scheduler listens, as tcp://127.0.0.1:4567; it prints it.");
DEFINE_string(job_id, "", "Identity of the run, 32 hexadecimal digits; the scheduler prints it.");
DEFINE_string(
    base, "",
    "Folder that relative paths of the job start from. Empty: that of the job file; for an "
    "export, the current one.");
DEFINE_string(
    keys, "",
    "File with the keys of the cluster (skybridge keygen): connections are encrypted, and "
    "who has other keys or none is kept out. Needed to listen beyond this machine.");
DECLARE_string(set);
DECLARE_string(data);

namespace skybridge::launch {

std::vector<std::string> NodeFlagsAnd(std::vector<std::string> more) {
  std::vector<std::string> flags = JobFlagsAnd(std::move(more));
  flags.insert(flags.end(), {"job_id", "base"});
  return flags;
}

Result<OpenJob> OpenNodeJob(const std::string& path) {
  JobRequest request{.path = path, .set = Lines(FLAGS_set)};
  if (!FLAGS_data.empty()) request.data = FLAGS_data;
  if (!FLAGS_base.empty()) request.base = FLAGS_base;
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJob(request));
  return OpenLoadedJob(std::move(loaded));
}

Result<RunIdentity> IdentityByFlags(bool draw) {
  if (draw && FLAGS_job_id.empty()) return IdentityOf(DrawJobId());
  SKY_ASSIGN_OR_RETURN(const JobId id, ParseJobId(FLAGS_job_id));
  return IdentityOf(id);
}

Status UseKeysByFlags(ProcessRuntime& runtime) {
  if (FLAGS_keys.empty()) return {};
  SKY_ASSIGN_OR_RETURN(env::CurveKeys keys, ReadClusterKeys(FLAGS_keys));
  return runtime.UseKeys(std::move(keys));
}

Result<std::string> SchedulerByFlags() {
  if (env::IsConnectEndpoint(FLAGS_scheduler)) return FLAGS_scheduler;
  return Status(StatusCode::kInvalidArgument,
                fmt::format("--scheduler \"{}\" is no endpoint as tcp://127.0.0.1:4567; the "
                            "scheduler prints its own",
                            FLAGS_scheduler));
}

Status CheckNodeFlags(const std::vector<std::string>&) {
  SKY_RETURN_IF_ERROR(IdentityByFlags(false).status());
  return SchedulerByFlags().status();
}

}  // namespace skybridge::launch
