// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/process.h"
#include "env/signals.h"
#include "env/system_clock.h"
#include "launch/chaos_storm.h"
#include "launch/commands.h"
#include "launch/exit_code.h"
#include "launch/files.h"
#include "launch/job_flags.h"
#include "launch/progress_printer.h"
#include "launch/result_comparison.h"
#include "launch/run_folder.h"
#include "launch/run_report.h"

DECLARE_string(run_dir);
DECLARE_string(set);
DECLARE_string(data);
DECLARE_uint64(seed);
DEFINE_uint64(kills, 20, "Processes to kill.");
DEFINE_uint64(freezes, 0, "Processes to stop for a while (SIGSTOP, SIGCONT).");
DEFINE_double(pause_s, 1.5, "Longest pause between two faults; the shortest is a seventh of it.");
DEFINE_double(freeze_s, 20, "Longest freeze; the shortest is 0.1 s.");

namespace skybridge::launch {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(10);
constexpr Duration kStopGrace = std::chrono::seconds(15);
constexpr uint64_t kRestartsOfItsOwn = 8;

// One job, run twice: once in peace, once in a storm.
class Chaos {
 public:
  Chaos(std::string job_file, RunFolder folder, ChaosOptions options)
      : job_file_(std::move(job_file)),
        folder_(std::move(folder)),
        options_(options),
        live_(ProgressPrinter::TerminalColumns(stderr) > 0),
        printer_(stderr, ProgressPrinter::TerminalColumns(stderr)) {}

  // Errors: kCancelled; kFailedPrecondition: a run failed.
  Status RunBoth() {
    printer_.Say(fmt::format("chaos in {}", ShownPath(folder_.path)));
    SKY_ASSIGN_OR_RETURN(const double calm, RunOnce("calm", false));
    printer_.Say(fmt::format("calm   {:.1f} s", calm));
    SKY_ASSIGN_OR_RETURN(const double storm, RunOnce("storm", true));
    fmt::print("storm  {:.1f} s, seed {}: {} killed{}, {} frozen{}, {} restarts\n", storm,
               options_.seed, storm_->kills(), Listed(storm_->killed()), storm_->freezes(),
               Listed(storm_->frozen()), Restarts());
    return {};
  }

  // Once both have run. Errors: those of CompareResults; kInternal: they differ;
  // kFailedPrecondition: there were fewer faults than wanted.
  Status Compare(bool lockstep) const {
    SKY_ASSIGN_OR_RETURN(const std::string calm, ReadFile(Of("calm").result_file()));
    SKY_ASSIGN_OR_RETURN(const std::string storm, ReadFile(Of("storm").result_file()));
    SKY_ASSIGN_OR_RETURN(const auto differences, CompareResults(calm, storm, lockstep));
    for (const std::string& difference : differences) fmt::print("{}\n", difference);
    if (!differences.empty()) {
      return {StatusCode::kInternal,
              fmt::format("the faults changed the result (logs: {})", ShownPath(folder_.path))};
    }
    if (!storm_->over()) {
      return {StatusCode::kFailedPrecondition,
              fmt::format("the results are equal, but the job was over after {} of {} kills and {} "
                          "of {} freezes: give it more epochs, or ask for less",
                          storm_->kills(), options_.kills, storm_->freezes(), options_.freezes)};
    }
    fmt::print("equal  {}\n", lockstep ? "every table, bit for bit"
                                       : "examples, batches, pushes and rows, all counted once");
    return {};
  }

 private:
  RunFolder Of(const std::string& name) const { return {folder_.path + "/" + name}; }
  std::string LogOf(const std::string& name) const { return folder_.log(name); }

  static std::string Listed(const ChaosStorm::Counts& counts) {
    std::string text;
    for (const auto& [role, count] : counts) {
      text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", role, count);
    }
    return text.empty() ? text : text + ")";
  }

  // As `run` said them.
  size_t Restarts() const {
    const auto log = ReadFile(LogOf("storm"));
    constexpr std::string_view kSaid = "; starting it again";
    size_t count = 0;
    if (!log) return count;
    for (size_t at = log->find(kSaid); at != std::string::npos; at = log->find(kSaid, at + 1)) {
      ++count;
    }
    return count;
  }

  Result<env::Process> Spawn(const std::string& name) const {
    std::vector<std::string> arguments = {
        std::filesystem::read_symlink("/proc/self/exe").string(), "run", job_file_, "--hash",
        "--run_dir", Of(name).path,
        // The storm is not to end by the bound of starts that came to nothing.
        "--restarts", std::to_string(options_.kills + options_.freezes + kRestartsOfItsOwn)};
    for (const std::string& change : Lines(FLAGS_set)) {
      arguments.insert(arguments.end(), {"--set", change});
    }
    arguments.insert(arguments.end(), {"--set", "export.path="});  // Into the run's own folder.
    if (!FLAGS_data.empty()) arguments.insert(arguments.end(), {"--data", FLAGS_data});
    return env::Process::Spawn({.arguments = std::move(arguments), .log_path = LogOf(name)});
  }

  // Runs the job from start to end. Returns how long it took, in seconds.
  Result<double> RunOnce(const std::string& name, bool stormy) {
    const Instant began = clock_.Now();
    SKY_ASSIGN_OR_RETURN(env::Process run, Spawn(name));
    if (stormy) storm_.emplace(run.pid(), options_, began);
    std::optional<env::ProcessExit> exit;
    while (!(exit = run.Poll())) {
      if (signals_.WaitBeyond(0, kLook)) return Stop(run);
      const Instant now = clock_.Now();
      if (storm_) storm_->Act(now);
      if (live_) printer_.Show(name, LiveLine(name, now - began), now);
    }
    printer_.Clear();
    if (exit->ok()) return ToSeconds(clock_.Now() - began);
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("the {} run ended with {}; {} ends with: {}", name, exit->ToString(),
                              LogOf(name), LastLine(LogOf(name))));
  }

  std::string LiveLine(const std::string& name, Duration since) const {
    const std::string line = fmt::format("{:<6} {:.0f} s", name, ToSeconds(since));
    if (!storm_) return line;
    return line + fmt::format("  {} of {} kills  {} of {} freezes", storm_->kills(), options_.kills,
                              storm_->freezes(), options_.freezes);
  }

  // A second signal ends it at once: `run`, and its children with it, die with this process.
  Status Stop(env::Process& run) {
    run.Terminate();
    const Instant until = clock_.Now() + kStopGrace;
    while (!run.Poll() && signals_.stops() < 2 && clock_.Now() < until) {
      signals_.WaitBeyond(1, kLook);
    }
    return {StatusCode::kCancelled, "interrupted"};
  }

  const std::string job_file_;
  const RunFolder folder_;
  const ChaosOptions options_;
  const bool live_;  // There is a terminal for the changing line.
  const env::SignalWatch signals_;
  env::SystemClock clock_;
  ProgressPrinter printer_;
  std::optional<ChaosStorm> storm_;  // From the second run on.
};

ChaosOptions OptionsByFlags() {
  return {.seed = FLAGS_seed,
          .kills = FLAGS_kills,
          .freezes = FLAGS_freezes,
          .pause_s = FLAGS_pause_s,
          .freeze_s = FLAGS_freeze_s};
}

Status CheckChaos(const std::vector<std::string>& positionals) {
  if (positionals[0] == "-") {
    return {StatusCode::kInvalidArgument, "JOB is read for each run: give it as a file"};
  }
  return OptionsByFlags().Validate();
}

Status RunChaos(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const LoadedJob job, LoadJobByFlags(positionals[0]));
  SKY_ASSIGN_OR_RETURN(const RunFolder folder,
                       MakeRunFolder(FLAGS_run_dir, job.job.name() + "-chaos"));
  Chaos chaos(positionals[0], folder, OptionsByFlags());
  SKY_RETURN_IF_ERROR(chaos.RunBoth());
  return chaos.Compare(job.job.consistency().staleness() == 0);
}

}  // namespace

Command ChaosCommand() {
  return {.name = "chaos",
          .summary = "Run a job while its processes are killed at random, and compare the result.",
          .arguments = "JOB",
          .details =
              "Runs the job twice on this machine: in peace, then in a storm that kills its "
              "scheduler, servers and workers, mostly one at a time, sometimes two or all at once, "
              "or stops them for a while. Succeeds only if faults changed nothing: in lockstep "
              "every table bit for bit; otherwise the examples, batches, pushes and rows that were "
              "counted. "
              "The seed decides what happens and when; JOB must last longer than the "
              "storm, some 0.9 s for each fault.",
          .flags = JobFlagsAnd({"kills", "freezes", "seed", "pause_s", "freeze_s", "run_dir"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .check = CheckChaos,
          .run = RunChaos};
}

}  // namespace skybridge::launch
