// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "launch/checkpoint_folder.h"
#include "launch/commands.h"
#include "launch/job_flags.h"
#include "launch/local_run.h"
#include "launch/open_job.h"
#include "launch/prepared_run.h"
#include "launch/progress_printer.h"
#include "launch/rollback.h"
#include "launch/run_folder.h"
#include "launch/run_report.h"
#include "launch/run_state.h"
#include "launch/server_count.h"

DEFINE_string(run_dir, "",
              "Folder for logs, results and the export. Empty: runs/NAME-N in the current folder.");
DEFINE_string(resume, "", "Go on with the run in this folder, which ended before its job.");
DEFINE_bool(in_process, false, "Run servers and workers as threads of this process.");
DEFINE_bool(hash, false,
            "Also print a number for each table: two runs share it if they made the same rows.");
DEFINE_bool(json, false, "Print the result as JSON.");
DEFINE_uint32(restarts, 8,
              "Give a process up that died this many times in a row without getting anything done. "
              "One that works in between is started again for ever.");
DECLARE_string(set);

namespace skybridge::launch {
namespace {

Result<PreparedRun> BeginJob(const std::string& job_file) {
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJobByFlags(job_file));
  SKY_ASSIGN_OR_RETURN(OpenJob job, OpenLoadedJob(std::move(loaded)));
  SKY_ASSIGN_OR_RETURN(PreparedRun run,
                       NewRun(std::move(job), DrawJobId(), FLAGS_run_dir, FLAGS_hash));
  SKY_RETURN_IF_ERROR(BeginRun(run));
  return run;
}

Status CheckRun(const std::vector<std::string>& positionals) {
  if (FLAGS_resume.empty() && positionals.empty()) {
    return {StatusCode::kInvalidArgument, "which job? expected: JOB, or --resume RUN_FOLDER"};
  }
  if (FLAGS_resume.empty() || (positionals.empty() && FLAGS_run_dir.empty() && FLAGS_set.empty())) {
    return {};
  }
  return {StatusCode::kInvalidArgument,
          "--resume goes on with the job of that run, in its folder: leave out JOB, --set and "
          "--run_dir"};
}

Result<PreparedRun> PrepareRun(const std::vector<std::string>& positionals) {
  if (FLAGS_resume.empty()) return BeginJob(positionals[0]);
  return FormerRun(FLAGS_resume, StartedBy::kRun);
}

// Goes back to a checkpoint after `lost`.
Status GoBack(const PreparedRun& run, const Status& lost, RollbackLimit& limit,
              ProgressPrinter& printer) {
  const auto say = [&printer](const std::string& line) { printer.Say(line); };
  say(lost.message());
  const auto refused = [&lost](const std::string& why, StatusCode code = StatusCode::kStateLost) {
    return Status(code, fmt::format("{}; {}", lost.message(), why));
  };
  const auto checkpoints =
      OpenCheckpoints(run.job.loaded, run.state.job, run.folder.checkpoint_folder());
  // They are on a disk that is away, or not to be written to, for now.
  if (!checkpoints) return refused(checkpoints.error().message(), StatusCode::kUnavailable);
  if (*checkpoints == nullptr) return refused("the job makes no checkpoints to go back to");
  const auto round = RollBack(**checkpoints, run.job, run.state.job, run.folder, say);
  if (!round) {
    // Later --resume finds the same loss and goes back.
    return refused(round.error().message(),
                   MayGoBackLater(round.error()) ? round.error().code() : lost.code());
  }
  if (const Status often = limit.Note(*round); !often.ok()) return refused(often.message());
  say(fmt::format("went back to checkpoint {}", *round));
  ForgetWish(run.folder);  // The stores are those of as many servers as the job says.
  return {};
}

// Runs until the job has ended; back to a checkpoint and on when what it kept is lost.
Result<RunOutcome> RunToTheEnd(const PreparedRun& run, ProgressPrinter& printer) {
  LocalRunOptions options{.program = std::filesystem::read_symlink("/proc/self/exe").string(),
                          .job = run.state.job,
                          .in_process = FLAGS_in_process,
                          .table_hash = run.state.table_hash,
                          .json = FLAGS_json,
                          .resumed = run.resumed,
                          .lock_fd = run.lock.descriptor(),
                          .futile_max = FLAGS_restarts};
  RollbackLimit limit;
  Status lost = run.lost;
  while (true) {
    if (!lost.ok()) {
      SKY_RETURN_IF_ERROR(GoBack(run, lost, limit, printer));
      options.resumed = true;
    }
    Result<RunOutcome> outcome = RunLocally(run.job, run.folder, options, printer);
    lost = outcome ? outcome->status : outcome.error();
    if (lost.code() != StatusCode::kStateLost) return outcome;
  }
}

Status Run(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const PreparedRun run, PrepareRun(positionals));
  ProgressPrinter printer(stderr, ProgressPrinter::TerminalColumns(stderr));
  printer.Say(fmt::format("run in {}", ShownPath(run.folder.path)));
  const Result<RunOutcome> outcome = RunToTheEnd(run, printer);
  if (!outcome) return WithAdvice(outcome.error(), run.folder, StartedBy::kRun);
  fmt::print("{}", outcome->report);
  if (!outcome->status.ok()) return WithAdvice(outcome->status, run.folder, StartedBy::kRun);
  ForgetRun(run.folder);
  return {};
}

}  // namespace

Command RunCommand() {
  return {
      .name = "run",
      .summary = "Train, evaluate and export a job on this machine.",
      .arguments = "JOB | --resume RUN_FOLDER",
      .details =
          "Starts a scheduler, servers and workers as processes of this machine, as many "
          "as the job's `cluster` says, starts again what dies, and ends them. If what a server "
          "kept on its disk is lost, it goes back to the last checkpoint. A run that was "
          "interrupted, killed, or failed goes on with --resume. JOB is a file in Protobuf "
          "text format or JSON (docs/job_file.md), or - for standard input.",
      .flags = JobFlagsAnd({"run_dir", "resume", "in_process", "hash", "json", "restarts"}),
      .repeated = {"set"},
      .positionals_min = 0,
      .positionals_max = 1,
      .check = CheckRun,
      .run = Run};
}

}  // namespace skybridge::launch
