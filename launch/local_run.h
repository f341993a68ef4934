// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/ids.h"
#include "common/status.h"
#include "launch/open_job.h"
#include "launch/progress_printer.h"
#include "launch/run_folder.h"

namespace skybridge::launch {

struct LocalRunOptions {
  std::string program;  // Path of this binary.
  JobId job;
  bool in_process = false;  // Threads instead of processes.
  bool table_hash = false;  // Ask for JobResult::table_hashes.
  bool json = false;        // The report.
  bool resumed = false;     // A run in this folder has ended before its job.
  int lock_fd = -1;         // Of the run folder; all processes of the run hold it.
  uint32_t futile_max = 8;  // See RestartPolicy.
};

// How a job ended, and what to print about it.
struct RunOutcome {
  Status status;
  std::string report;
};

// Runs a job on this machine from start to end and shows its progress. This process only looks
// after the others: scheduler, servers and workers are its children, and one that dies is started
// again. Or, `in_process`, its threads; then nothing dies alone. The folder holds the job file.
//
// Ctrl-C and SIGTERM end it cleanly, a second one at once; the job can go on later. No process
// outlives this one. Call from main's thread. Errors: what kept it from starting.
Result<RunOutcome> RunLocally(const OpenJob& job, const RunFolder& folder,
                              const LocalRunOptions& options, ProgressPrinter& printer);

// A fresh identity for a run.
JobId DrawJobId();

// Where the job's export goes.
std::string ExportFolderOf(const LoadedJob& job, const RunFolder& folder);
// Errors: kAlreadyExists if the job names a folder for its export, and there is one.
Status CheckNoExport(const LoadedJob& job);

}  // namespace skybridge::launch
