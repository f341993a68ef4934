// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

// A job that can be run: read, changed by --set, checked, resolved.
struct LoadedJob {
  job::Job job;
  std::string base;   // Absolute folder that the job's relative paths start from.
  uint64_t hash = 0;  // Of the resolved job: equal in all processes of a run.
};

struct JobRequest {
  std::string path;                 // "-" reads standard input; its base is the current folder.
  std::vector<std::string> set;     // As ApplyOverride takes them, in this order.
  std::optional<std::string> data;  // Folder that a leading "$DATA/" in the job's paths stands for.
  std::optional<std::string> base;  // Instead of the job file's own folder.
};

// Errors: kNotFound if the file is not there; kInvalidArgument with one line per mistake.
Result<LoadedJob> LoadJob(const JobRequest& request);

// What remains of LoadJob once the text is there. `base` is absolute.
Result<LoadedJob> JobFromText(std::string_view text, const JobRequest& request, std::string base);

// A job as text that LoadJob reads; the same for equal jobs.
std::string JobText(const job::Job& job);

// XXH3 of JobText.
uint64_t JobHash(const job::Job& job);

}  // namespace skybridge::launch
