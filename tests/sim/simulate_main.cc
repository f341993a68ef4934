// SPDX-License-Identifier: Apache-2.0
//
// What `skybridge simulate` runs: whole clusters under faults, by seed.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>
#include <glog/logging.h>

#include "launch/command.h"
#include "launch/nearest_name.h"
#include "tests/sim/campaign.h"
#include "tests/sim/seed_range.h"
#include "tests/sim/shrink.h"
#include "tests/sim/swarm_text.h"
#include "tests/sim/workload.h"

DEFINE_string(workload, "all",
              "What the cluster has to do; several at once as A+B, each on its own as \"all\".");
DEFINE_string(seeds, "0..99", "Which seeds, as FIRST..LAST or one number.");
DEFINE_string(seed, "", "The same for one seed.");
DEFINE_uint32(jobs, 0, "Processes at a time; 0: one for each processor.");
DEFINE_string(set, "", "NAME=VALUE: this in place of what the seed draws.");
DEFINE_bool(shrink, true, "Look for a smaller run that fails alike, for up to a minute.");
DEFINE_bool(log, false, "Show what nodes log; runs in this process, for a debugger.");

namespace skybridge::sim {
namespace {

constexpr std::chrono::seconds kShrinkFor(60);

volatile std::sig_atomic_t interrupted = 0;

bool GoOn() { return interrupted == 0; }

// A folder of this process, gone with it. In memory if there is such a place: exports are synced.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_((access("/dev/shm", W_OK) == 0 ? std::filesystem::path("/dev/shm")
                                             : std::filesystem::temp_directory_path())
                  .string() +
              "/skybridge_simulate-" + std::to_string(getpid())) {}
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Result<Swarm> RunOf(uint64_t seed, const std::string& workload) {
  auto swarm = DrawRun(seed, workload);
  if (!swarm) {
    std::vector<std::string> known;
    for (const Workload& one : Workloads()) known.emplace_back(one.name);
    return Status(StatusCode::kInvalidArgument,
                  swarm.error().message() + launch::Suggestion(workload, known));
  }
  for (const std::string& assignment : launch::Lines(FLAGS_set)) {
    const Status set = SetField(assignment, *swarm);
    if (set.code() == StatusCode::kNotFound) {
      const std::string name = assignment.substr(0, assignment.find('='));
      return Status(StatusCode::kInvalidArgument,
                    "--set: " + set.message() + launch::Suggestion(name, FieldNames()));
    }
    SKY_RETURN_IF_ERROR(set.WithContext("--set"));
  }
  SKY_RETURN_IF_ERROR(CheckSwarm(*swarm).WithContext("--set"));
  return swarm;
}

// The one command that runs `swarm` again.
std::string ReplayCommand(const std::string& workload, const Swarm& swarm) {
  std::string command =
      fmt::format("skybridge simulate --workload {} --seed {}", workload, swarm.seed);
  for (const std::string& field : Differences(*DrawRun(swarm.seed, workload), swarm)) {
    command += " --set " + field;
  }
  return command;
}

std::string Summary(const RunStats& stats) {
  return fmt::format(
      "{:.1f} h of a cluster, {:.1f} M events, {} crashes, {} lost messages, {} cut links, {} late "
      "replays, {} rows evicted, {} refusals of a full disk, {} checkpoints, {} restores, {} moves "
      "of slots",
      stats.seconds / 3600, static_cast<double>(stats.events) / 1e6, stats.crashes, stats.dropped,
      stats.cuts, stats.replayed, stats.spilled, stats.log_full, stats.checkpoints, stats.restores,
      stats.moves);
}

void ShrinkAndTell(const std::string& workload, const Swarm& failing, const Violation& violation,
                   const std::string& folder) {
  fmt::print("looking for a smaller run for up to {} s\n", kShrinkFor.count());
  const auto end = std::chrono::steady_clock::now() + kShrinkFor;
  const auto go_on = [end] { return GoOn() && std::chrono::steady_clock::now() < end; };
  const Shrunk shrunk = Shrink(
      failing,
      [&](const Swarm& swarm) { return FailsAlike(swarm, violation, folder + "/shrink", go_on); },
      go_on);
  fmt::print("after {} tries: {}\n  again: {}\n", shrunk.tries, Describe(shrunk.swarm),
             ReplayCommand(workload, shrunk.swarm));
}

Status TellFailure(const std::string& workload, const SeedReport& report,
                   const std::string& folder) {
  SKY_ASSIGN_OR_RETURN(const Swarm swarm, RunOf(report.seed, workload));
  const Violation& violation = *report.outcome.violation;
  fmt::print("FAILED {}, seed {}: {}: {}\n  {}\n  again: {}\n", workload, report.seed,
             violation.invariant, violation.what, Describe(swarm), ReplayCommand(workload, swarm));
  if (FLAGS_shrink && GoOn()) ShrinkAndTell(workload, swarm, violation, folder);
  return Status(StatusCode::kInternal,
                fmt::format("seed {} of {} breaks {}", report.seed, workload, violation.invariant));
}

Status RunHere(const std::string& workload, const SeedRange& seeds, const std::string& folder) {
  FLAGS_minloglevel = google::INFO;
  SeedRunner runner = RunnerWithin(folder + "/0");
  for (uint64_t seed = seeds.first; seed <= seeds.last && GoOn(); ++seed) {
    SKY_ASSIGN_OR_RETURN(const Swarm swarm, RunOf(seed, workload));
    const SeedReport report{seed, runner.Run(swarm)};
    if (report.outcome.violation) return TellFailure(workload, report, folder);
    fmt::print("{}, seed {}: {}; trace {:016x}\n", workload, seed, Summary(report.outcome.stats),
               report.outcome.trace_hash);
  }
  return Status();
}

Status RunWorkload(const std::string& workload, const SeedRange& seeds, const std::string& folder) {
  if (FLAGS_log) return RunHere(workload, seeds, folder);
  CampaignOptions options{.folder = folder};
  options.jobs = FLAGS_jobs > 0 ? FLAGS_jobs : std::max(1u, std::thread::hardware_concurrency());
  for (uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    SKY_ASSIGN_OR_RETURN(const Swarm swarm, RunOf(seed, workload));
    options.swarms.push_back(swarm);
  }
  const auto begin = std::chrono::steady_clock::now();
  const bool one = seeds.first == seeds.last;
  const CampaignResult result = RunCampaign(options, GoOn, [&](const SeedReport& report) {
    if (one) fmt::print("trace {:016x}\n", report.outcome.trace_hash);
  });
  if (result.failure) return TellFailure(workload, *result.failure, folder);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (result.interrupted) {
    return Status(StatusCode::kCancelled,
                  fmt::format("{}: interrupted after {} runs, none failed", workload, result.runs));
  }
  fmt::print("{}: {} runs, none failed, {:.1f} s: {}\n", workload, result.runs, took.count(),
             Summary(result.sum));
  return Status();
}

Result<SeedRange> SeedsByFlags() {
  return ParseSeeds(FLAGS_seed.empty() ? FLAGS_seeds : FLAGS_seed);
}

Status CheckSimulate(const std::vector<std::string>&) {
  SKY_ASSIGN_OR_RETURN(const SeedRange seeds, SeedsByFlags());
  if (FLAGS_workload == "all") return {};
  return RunOf(seeds.first, FLAGS_workload).status();
}

Status Simulate(const std::vector<std::string>&) {
  const auto seeds = SeedsByFlags();
  if (!seeds) return seeds.error();
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  const ScratchFolder scratch;
  if (FLAGS_workload != "all") return RunWorkload(FLAGS_workload, *seeds, scratch.path());
  for (const Workload& workload : Workloads()) {
    SKY_RETURN_IF_ERROR(RunWorkload(std::string(workload.name), *seeds, scratch.path()));
  }
  return Status();
}

launch::Command SimulateCommand() {
  std::string details =
      "Runs a scheduler, shards and trainers in one thread on virtual time, under faults drawn "
      "from the seed, and checks what docs/testing.md promises. A seed always gives the same run; "
      "one that fails prints the command that runs it again, and a smaller one that fails alike. "
      "Workloads:";
  for (const Workload& workload : Workloads()) {
    details += fmt::format(" {}: {};", workload.name, workload.about);
  }
  details += " Fields of --set:";
  for (const std::string& name : FieldNames()) details += " " + name;
  return {.name = "simulate",
          .summary = "Run simulated clusters under faults, and check what must hold.",
          .details = std::move(details),
          .flags = {"workload", "seeds", "seed", "jobs", "set", "shrink", "log"},
          .repeated = {"set"},
          .check = CheckSimulate,
          .run = Simulate};
}

}  // namespace
}  // namespace skybridge::sim

int main(int argc, char** argv) {
  FLAGS_logtostderr = true;
  FLAGS_minloglevel = google::FATAL;  // Faults make nodes complain; only --log wants to hear it.
  google::InitGoogleLogging(argv[0]);
  std::vector<std::string> arguments(argv, argv + argc);
  arguments[0] = "simulate";
  const std::vector<skybridge::launch::Command> commands = {skybridge::sim::SimulateCommand()};
  return skybridge::launch::RunProgram(commands, arguments);
}
