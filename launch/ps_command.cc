// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/zmq_endpoint.h"
#include "launch/cluster_config.h"
#include "launch/commands.h"
#include "launch/log_file.h"
#include "launch/node_flags.h"
#include "launch/roles.h"

DEFINE_uint32(number, 0, "Number of this process among its kind, from 0.");
DEFINE_string(store, "store",
              "Folder for rows and logs. A server of the same job that died there goes on; what "
              "another job left is refused.");
DEFINE_string(checkpoints, "",
              "Folder for checkpoints, if the job has some and names none (`checkpoint.path`).");
DEFINE_string(listen, "tcp://127.0.0.1:*", "Where to listen; * is any free port.");
DEFINE_string(advertise, "",
              "Where workers reach this process, as tcp://10.0.0.7:4567, if a forwarder or a proxy "
              "stands between. Empty: where it listens.");
DEFINE_bool(joins, false,
            "The job runs, and was asked for more servers (`scale`): --number may be beyond those "
            "that it began with.");
DEFINE_bool(insecure_network, false,
            "Permit to listen beyond this machine: whoever reaches the port can stop the process.");

namespace skybridge::launch {
namespace {

Status UnfitAdvertise(const std::string& why) {
  return {StatusCode::kInvalidArgument,
          fmt::format("--advertise \"{}\": {}", FLAGS_advertise, why)};
}

Status CheckPs(const std::vector<std::string>& positionals) {
  SKY_RETURN_IF_ERROR(CheckNodeFlags(positionals));
  if (FLAGS_advertise.empty() || env::IsConnectEndpoint(FLAGS_advertise)) return {};
  return UnfitAdvertise("it is no endpoint as tcp://10.0.0.7:4567");
}

Status CheckOneShard(uint32_t shards) {
  if (FLAGS_advertise.empty() || shards == 1) return {};
  return UnfitAdvertise(
      fmt::format("it names one shard, and the job has {} in each server", shards));
}

Status Ps(const std::vector<std::string>& positionals) {
  LogToStderr();
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenNodeJob(positionals[0]));
  SKY_ASSIGN_OR_RETURN(RunIdentity identity, IdentityByFlags(false));
  SKY_ASSIGN_OR_RETURN(identity.scheduler_endpoint, SchedulerByFlags());
  const uint32_t servers = ShapeOf(job.loaded.job).servers;
  if (FLAGS_number >= servers && !FLAGS_joins) {
    return {StatusCode::kInvalidArgument,
            fmt::format("--number {}: the job has {} servers, from 0", FLAGS_number, servers)};
  }
  SKY_RETURN_IF_ERROR(CheckOneShard(ShapeOf(job.loaded.job).shards_per_server));
  ProcessRuntime runtime(TaskThreadsOfServer(job.loaded.job));
  SKY_RETURN_IF_ERROR(UseKeysByFlags(runtime));
  SKY_ASSIGN_OR_RETURN(
      const auto role,
      ServerRole::Start(job, identity, FLAGS_number, FLAGS_store, FLAGS_checkpoints,
                        {.endpoint = FLAGS_listen,
                         .advertise = FLAGS_advertise,
                         .insecure_network = FLAGS_insecure_network},
                        runtime));
  return WaitForRole(*role);
}

}  // namespace

Command PsCommand() {
  return {.name = "ps",
          .summary = "Be one server process of a cluster (`run` starts it).",
          .arguments = "JOB",
          .flags = NodeFlagsAnd({"scheduler", "number", "joins", "store", "checkpoints", "listen",
                                 "advertise", "keys", "insecure_network"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .check = CheckPs,
          .run = Ps};
}

}  // namespace skybridge::launch
