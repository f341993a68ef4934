// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "common/status.h"
#include "common/time.h"
#include "env/file_lock.h"

namespace skybridge::launch {

// The folder of one run: its job, logs, results and, unless the job says otherwise, its export.
struct RunFolder {
  std::string path;  // Absolute.

  std::string job_file() const { return path + "/job.pbtxt"; }
  // There while a restore fills the folder, which is no run before that has ended.
  std::string restoring_file() const { return path + "/restoring"; }
  std::string result_file() const { return path + "/result.json"; }
  std::string lock_file() const { return path + "/lock"; }       // Held while the run lives.
  std::string state_file() const { return path + "/run.json"; }  // See RunState.
  std::string log(const std::string& process) const { return path + "/" + process + ".log"; }
  // Deleted once the run has succeeded.
  std::string temp_folder() const { return path + "/temp"; }
  std::string store_folder() const { return path + "/store"; }
  std::string scheduler_folder() const { return path + "/scheduler"; }

  std::string export_folder() const { return path + "/export"; }
  std::string checkpoint_folder() const { return path + "/checkpoints"; }
};

// Makes `wanted`, or, if that is empty, the first free one of runs/NAME-1, runs/NAME-2, ... in the
// current folder.
// Errors: kAlreadyExists if `wanted` is there and has more in it than the remains of a start or a
// restore that did not succeed; kUnavailable.
Result<RunFolder> MakeRunFolder(const std::string& wanted, const std::string& name);

// Lets runs/latest point to a run that begins, if its folder is one of runs/.
void PointLatest(const RunFolder& folder);

// The folder of a run that is to go on, by a path or a link to it. Errors: kNotFound.
Result<RunFolder> FindRunFolder(const std::string& path);

// After a run that was killed its last processes may take a moment to die.
inline constexpr Duration kFormerRunMax = std::chrono::seconds(5);

// Makes the folder this run's alone, waiting for a former one up to `patience`. Errors:
// kAlreadyExists: another run uses it, with its pid.
Result<env::FileLock> LockRunFolder(const RunFolder& folder, Duration patience);

// A folder that is this process's alone.
struct OwnRunFolder {
  RunFolder folder;
  env::FileLock lock;
};
// Makes one, as MakeRunFolder does, locks it, and deletes those remains.
// Errors: those of MakeRunFolder and LockRunFolder.
Result<OwnRunFolder> BeginRunFolder(const std::string& wanted, const std::string& name);

// Deletes what only the run itself needed.
void CleanRunFolder(const RunFolder& folder);

// The last line of a log that is not empty, without what glog puts before its text.
std::string LastLine(const std::string& log);

}  // namespace skybridge::launch
