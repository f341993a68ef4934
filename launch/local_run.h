// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"
#include "launch/open_job.h"
#include "launch/progress_printer.h"
#include "launch/run_folder.h"
#include "scheduler/job_result.h"

namespace skybridge::launch {

struct LocalRunOptions {
  std::string program;        // Path of this binary.
  bool in_process = false;    // Threads instead of processes.
  bool table_hash = false;    // Ask for JobResult::table_hashes.
  uint32_t restarts_max = 3;  // Of each worker.
};

// Runs a job on this machine from start to end and shows its progress: the scheduler in this
// process, servers and workers as its children. Ctrl-C and SIGTERM end it cleanly, a second one at
// once. No process outlives this one. Call from main's thread.
//
// The result's status says how the job ended. Errors: what kept it from starting.
Result<scheduler::JobResult> RunLocally(const OpenJob& job, const RunFolder& folder,
                                        const LocalRunOptions& options, ProgressPrinter& printer);

// A fresh identity for a run.
JobId DrawJobId();

// Where the job's export goes. Errors: kAlreadyExists if there is an export in that folder.
Result<std::string> ExportFolderOf(const LoadedJob& job, const RunFolder& folder);

}  // namespace skybridge::launch
