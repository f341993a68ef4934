// SPDX-License-Identifier: Apache-2.0
#include "launch/run_folder.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "env/files.h"
#include "launch/files.h"
#include "launch/scheduler_log.h"
#include "launch/server_count.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

constexpr int kRunsMax = 100'000;

void DeleteHalfWritten(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> half_written;
  for (fs::directory_iterator it(path, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (env::NameWrittenAs(name) != name) half_written.push_back(it->path());
  }
  for (const fs::path& file : half_written) fs::remove(file, error);
}

// What a run has made before it is one: the remains of a start that failed are in nobody's way. Its
// lock comes first: without one the files are somebody else's, whatever they are called.
bool OnlyRemains(const std::string& path) {
  std::error_code error;
  if (fs::is_empty(path, error)) return !error;
  if (!fs::exists(RunFolder{path}.lock_file(), error)) return false;
  std::set<std::string, std::less<>> remains = {"lock",       "job.pbtxt", "scheduler.log",
                                                "scheduler",  "restoring", "scheduler.log_life",
                                                "checkpoints"};
  if (fs::exists(RunFolder{path}.restoring_file(), error)) {
    remains.insert({"store", "temp"});
  }
  for (fs::directory_iterator it(path, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const fs::path& entry = it->path();
    const std::string name = entry.filename().string();
    const bool half_written = env::NameWrittenAs(name) == "run.json" && name != "run.json";
    if (!half_written && !remains.contains(env::NameWrittenAs(name))) return false;
    if (entry.filename() == "checkpoints" && !fs::is_empty(entry, error)) return false;
  }
  return !error;
}

Status CheckOnlyRemains(const std::string& path) {
  if (OnlyRemains(path)) return {};
  return {StatusCode::kAlreadyExists,
          fmt::format("run folder {}: it is not empty: choose another or delete it", path)};
}

Result<RunFolder> MakeNamed(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error)) {
    return Status(StatusCode::kAlreadyExists, fmt::format("run folder {}: it is a file", path));
  }
  if (fs::exists(path, error)) SKY_RETURN_IF_ERROR(CheckOnlyRemains(path));
  SKY_RETURN_IF_ERROR(env::MakeFolders(path));
  return RunFolder{AbsolutePath(path)};
}

}  // namespace

Result<RunFolder> MakeRunFolder(const std::string& wanted, const std::string& name) {
  if (!wanted.empty()) return MakeNamed(wanted);
  const std::string runs = AbsolutePath("runs");
  SKY_RETURN_IF_ERROR(env::MakeFolders(runs));
  for (int number = 1; number <= kRunsMax; ++number) {
    const std::string numbered = fmt::format("{}-{}", name, number);
    std::error_code error;
    if (fs::create_directory(runs + "/" + numbered, error)) {
      SKY_RETURN_IF_ERROR(env::SyncFolder(runs));
      return RunFolder{runs + "/" + numbered};
    }
    if (error) {
      return Status(StatusCode::kUnavailable,
                    fmt::format("make folder {}/{}: {}", runs, numbered, error.message()));
    }
  }
  return Status(StatusCode::kResourceExhausted,
                fmt::format("{}: {} runs of {}: delete some", runs, kRunsMax, name));
}

// A link that is right or absent matters little: its errors are not the run's.
void PointLatest(const RunFolder& folder) {
  const fs::path path(folder.path);
  const std::string runs = AbsolutePath("runs");
  if (path.parent_path() != runs) return;
  std::error_code ignored;
  const std::string link = runs + "/latest";
  if (fs::is_symlink(link, ignored)) fs::remove(link, ignored);
  fs::create_directory_symlink(path.filename(), link, ignored);
}

Result<RunFolder> FindRunFolder(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(path, error);
  if (!error && fs::is_directory(folder, error)) return RunFolder{folder.string()};
  return Status(StatusCode::kNotFound, fmt::format("run folder {}: there is none", path));
}

Result<env::FileLock> LockRunFolder(const RunFolder& folder, Duration patience) {
  auto lock = env::FileLock::Take(folder.lock_file(), patience);
  if (lock) return lock;
  const bool held = lock.error().code() == StatusCode::kAlreadyExists;
  return lock.error().WithContext(
      fmt::format("run folder {}{}", folder.path, held ? ": another run uses it" : ""));
}

Result<OwnRunFolder> BeginRunFolder(const std::string& wanted, const std::string& name) {
  SKY_ASSIGN_OR_RETURN(RunFolder folder, MakeRunFolder(wanted, name));
  SKY_ASSIGN_OR_RETURN(env::FileLock lock, LockRunFolder(folder, Duration::zero()));
  SKY_RETURN_IF_ERROR(CheckOnlyRemains(folder.path));  // Another may have had it meanwhile.
  CleanRunFolder(folder);
  DeleteHalfWritten(folder.path);
  return OwnRunFolder{std::move(folder), std::move(lock)};
}

void CleanRunFolder(const RunFolder& folder) {
  std::error_code ignored;
  DeleteSchedulerLog(folder.scheduler_folder());
  fs::remove_all(folder.temp_folder(), ignored);
  fs::remove_all(folder.store_folder(), ignored);
  fs::remove(folder.restoring_file(), ignored);  // After what it says is there.
  ForgetWish(folder);
}

std::string LastLine(const std::string& log) {
  std::ifstream file(log);
  std::string line, last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  static const std::regex glog_prefix("^[IWEF]\\d{8} [^\\]]*\\] ");
  return std::regex_replace(last, glog_prefix, "");
}

}  // namespace skybridge::launch
