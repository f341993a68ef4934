// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/system_clock.h"
#include "launch/commands.h"
#include "launch/evaluation_report.h"
#include "launch/files.h"
#include "launch/job_flags.h"
#include "launch/local_run.h"
#include "launch/open_job.h"
#include "launch/progress_line.h"
#include "launch/progress_printer.h"
#include "launch/run_folder.h"
#include "launch/run_report.h"

DEFINE_string(run_dir, "",
              "Folder for logs, results and the export. Empty: runs/NAME-N in the current folder.");
DEFINE_bool(in_process, false, "Run servers and workers as threads of this process.");
DEFINE_bool(hash, false,
            "Also print a number for each table: two runs share it if they made the same rows.");
DEFINE_bool(json, false, "Print the result as JSON.");
DEFINE_uint32(restarts, 3, "Start a worker that died this many times again.");

namespace skybridge::launch {
namespace {

Status Run(const std::vector<std::string>& positionals) {
  env::SystemClock clock;
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJobByFlags(positionals[0]));
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenLoadedJob(std::move(loaded)));
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, MakeRunFolder(FLAGS_run_dir, job.loaded.job.name()));
  ProgressPrinter printer(stderr, ProgressPrinter::TerminalColumns(stderr));
  printer.Say(fmt::format("run in {}", ShownPath(folder.path)));
  const LocalRunOptions options{.program = std::filesystem::read_symlink("/proc/self/exe").string(),
                                .in_process = FLAGS_in_process,
                                .table_hash = FLAGS_hash,
                                .restarts_max = FLAGS_restarts};
  Result<scheduler::JobResult> result = RunLocally(job, folder, options, printer);
  CleanRunFolder(folder);
  if (!result) return result.error();
  const double seconds = ToSeconds(clock.Now().since_start);
  SKY_RETURN_IF_ERROR(WriteFile(folder.result_file(), ResultJson(*result, seconds)));
  PrintResult(*result, folder, seconds, FLAGS_json);
  if (!result->status.ok()) {
    return Status(result->status.code(),
                  fmt::format("{} (logs: {})", result->status.message(), ShownPath(folder.path)));
  }
  return {};
}

}  // namespace

Command RunCommand() {
  return {.name = "run",
          .summary = "Train, evaluate and export a job on this machine.",
          .arguments = "JOB",
          .details =
              "Starts a scheduler, servers and workers as processes of this machine, as many "
              "as the job's `cluster` says, and ends them again. JOB is a file in Protobuf "
              "text format or JSON (docs/job_file.md), or - for standard input.",
          .flags = JobFlagsAnd({"run_dir", "in_process", "hash", "json", "restarts"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .run = Run};
}

}  // namespace skybridge::launch
