// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/status.h"
#include "env/record_log.h"

namespace skybridge::launch {

// The durable history of a job's scheduler: what those before it wrote, and where the next one goes
// on writing.
struct SchedulerLog {
  std::vector<Record> records;
  std::unique_ptr<env::RecordLog> log;
};

// Opens the log in `folder`, or begins one there. Errors: those of the disk; kStateLost if the log
// is damaged, or there was one and it is gone: a file FOLDER.log_life tells.
Result<SchedulerLog> OpenSchedulerLog(const std::string& folder);

// Begins a log with these records in a folder that has none, durably.
// Errors: kAlreadyExists if there is one; those of the disk.
Status BeginSchedulerLog(const std::string& folder, std::span<const Record> records);

// Deletes it, so that one may begin there. Errors are left: the next one would be refused.
void DeleteSchedulerLog(const std::string& folder);

// Makes a job's untimely end void, so that the next scheduler goes on with it. No process may have
// the log open. Errors: those of OpenSchedulerLog.
Status ReopenJob(const std::string& folder);

}  // namespace skybridge::launch
