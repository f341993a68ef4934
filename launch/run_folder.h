// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"

namespace skybridge::launch {

// The folder of one run: its job, logs, results and, unless the job says otherwise, its export.
struct RunFolder {
  std::string path;  // Absolute.

  std::string job_file() const { return path + "/job.pbtxt"; }
  std::string result_file() const { return path + "/result.json"; }
  std::string log(const std::string& process) const { return path + "/" + process + ".log"; }
  std::string temp_folder() const { return path + "/temp"; }    // Deleted after the run.
  std::string store_folder() const { return path + "/store"; }  // Deleted after the run.
  std::string export_folder() const { return path + "/export"; }
};

// Makes `wanted`, or, if that is empty, the first free one of runs/NAME-1, runs/NAME-2, ... in the
// current folder, which runs/latest then points to.
// Errors: kAlreadyExists if `wanted` is there and not empty; kUnavailable.
Result<RunFolder> MakeRunFolder(const std::string& wanted, const std::string& name);

// Deletes what only the run itself needed.
void CleanRunFolder(const RunFolder& folder);

// The last line of a log that is not empty, without what glog puts before its text.
std::string LastLine(const std::string& log);

}  // namespace skybridge::launch
