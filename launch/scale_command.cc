// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/signals.h"
#include "env/system_clock.h"
#include "launch/cluster_config.h"
#include "launch/commands.h"
#include "launch/memory_need.h"
#include "launch/open_job.h"
#include "launch/push_size.h"
#include "launch/run_folder.h"
#include "launch/run_report.h"
#include "launch/run_state.h"
#include "launch/server_count.h"

DEFINE_uint32(servers, 0, "Servers that the job should have.");
DEFINE_bool(wait, true, "Wait until it has them.");

namespace skybridge::launch {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(200);
constexpr Duration kLookForRun = std::chrono::seconds(1);
constexpr Duration kAnswerMax = std::chrono::seconds(30);  // Until the scheduler has heard it.

void Say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

// Errors: kFailedPrecondition: no process looks after the run, or not one that can.
Status CheckRuns(const RunFolder& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder.state_file(), ignored)) {
    return {
        StatusCode::kFailedPrecondition,
        fmt::format("scale {}: its job is done, or there never was one", ShownPath(folder.path))};
  }
  const auto lock = LockRunFolder(folder, Duration::zero());
  if (!lock && lock.error().code() != StatusCode::kAlreadyExists) return lock.error();
  if (lock) {
    return {StatusCode::kFailedPrecondition,
            fmt::format("scale {}: it does not run; to go on: skybridge run --resume {}",
                        ShownPath(folder.path), ShownPath(folder.path))};
  }
  if (ReadServers(folder)) return {};
  return {StatusCode::kFailedPrecondition,
          fmt::format("scale {}: it has just begun, or its servers are not processes of `skybridge "
                      "run` (--in_process, or started by hand)",
                      ShownPath(folder.path))};
}

// What `check` says of a job with so many servers. Errors: kInvalidArgument.
Status CheckRoom(const RunFolder& folder, uint32_t servers) {
  SKY_ASSIGN_OR_RETURN(const RunState state, ReadRunState(folder));
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJob({.path = folder.job_file(), .base = state.base}));
  loaded.job.mutable_cluster()->set_servers(servers);
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenLoadedJob(std::move(loaded)));
  SKY_ASSIGN_OR_RETURN(const PushSize push, MeasurePushes(job));
  return CheckRoomForPushes(job.loaded.job, push);
}

// Errors: kFailedPrecondition: another wish has come in the place of this one.
//         kUnavailable: it is void.
Status CheckStillWished(const RunFolder& folder, const ServersWish& wish) {
  const std::optional<ServersWish> newest = ServersWanted(folder);
  if (!newest) {
    return {StatusCode::kUnavailable,
            fmt::format("scale {}: the wish is void: the run has ended, or went back to a "
                        "checkpoint; scale it again",
                        ShownPath(folder.path))};
  }
  if (newest->servers == wish.servers) return {};
  return {StatusCode::kFailedPrecondition,
          fmt::format("scale {} to {} servers: another wish, for {}, came after it",
                      ShownPath(folder.path), wish.servers, newest->servers)};
}

// Tells how it comes until the job has what it should.
Status WaitForServers(const RunFolder& folder, const ServersWish& wish) {
  const env::SignalWatch signals;
  env::SystemClock clock;
  const Instant began = clock.Now();
  std::optional<uint32_t> said;
  Instant look_at = began + kLookForRun;
  while (true) {
    const auto now = ReadServers(folder);
    // One that was killed tells nothing any more, not even that.
    const bool gone = clock.Now() >= look_at && LockRunFolder(folder, Duration::zero()).has_value();
    if (clock.Now() >= look_at) look_at = clock.Now() + kLookForRun;
    if (!now || gone) {
      return {StatusCode::kUnavailable,
              "the run ended before it had them; the wish is kept for a run that goes on, unless "
              "that goes back to a checkpoint"};
    }
    SKY_RETURN_IF_ERROR(CheckStillWished(folder, wish));
    // A later one for as many is as good.
    const bool heard = now->wish >= wish.number && now->wanted == wish.servers;
    if (heard && said != now->servers) {
      said = now->servers;
      Say(fmt::format("{} servers have rows, {} should", now->servers, wish.servers));
    }
    if (heard && now->settled) return {};
    if (heard && now->stuck) {
      return {StatusCode::kUnavailable,
              fmt::format("scale {}: server-{} cannot join: see {}; the wish is kept, and it is "
                          "tried again every now and then",
                          ShownPath(folder.path), *now->stuck,
                          folder.log(fmt::format("server-{}", *now->stuck)))};
    }
    if (!said && clock.Now() - began > kAnswerMax) {
      return {StatusCode::kUnavailable,
              fmt::format("scale {}: the scheduler has not taken it up in {:.0f} s; see {}",
                          ShownPath(folder.path), ToSeconds(kAnswerMax), folder.log("scheduler"))};
    }
    if (signals.WaitBeyond(0, kLook)) {
      return {StatusCode::kCancelled, "no longer waiting; the job goes on scaling"};
    }
  }
}

Status CheckScale(const std::vector<std::string>&) {
  if (FLAGS_servers > 0 && FLAGS_servers <= kServersMax) return {};
  return {StatusCode::kInvalidArgument,
          fmt::format("--servers {}: must be 1 to {}", FLAGS_servers, kServersMax)};
}

Status Scale(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, FindRunFolder(positionals[0]));
  SKY_RETURN_IF_ERROR(CheckRuns(folder));
  SKY_RETURN_IF_ERROR(CheckRoom(folder, FLAGS_servers)
                          .WithContext(fmt::format("scale {} to {} servers", ShownPath(folder.path),
                                                   FLAGS_servers)));
  SKY_ASSIGN_OR_RETURN(const ServersWish wish, WantServers(folder, FLAGS_servers));
  if (!FLAGS_wait) return {};
  return WaitForServers(folder, wish);
}

}  // namespace

Command ScaleCommand() {
  return {
      .name = "scale",
      .summary = "Give a job that runs another number of servers.",
      .arguments = "RUN_FOLDER",
      .details =
          "The `skybridge run` that looks after the job starts servers, to which a share of the "
          "rows moves while training goes on, or lets the last ones go once others have their "
          "rows. In lockstep the result is the same, bit for bit. Rows move while the job "
          "trains; a wish that comes later waits for the next training, and is kept when the "
          "run is resumed.",
      .flags = {"servers", "wait"},
      .positionals_min = 1,
      .positionals_max = 1,
      .check = CheckScale,
      .run = Scale};
}

}  // namespace skybridge::launch
