// SPDX-License-Identifier: Apache-2.0
#include "launch/job_flags.h"

#include <gflags/gflags.h>

#include "launch/command.h"

DEFINE_string(set, "",
              "Changes a field of the job: training.epochs=3, table[0].dim=32, "
              "table[name=user].dim=32, query.hidden=256,128, loss={kind: BPR}; nothing behind "
              "the sign clears it.");
DEFINE_string(data, "", "The folder that $DATA stands for in the job's paths.");

namespace skybridge::launch {

std::vector<std::string> JobFlags() { return {"set", "data"}; }

std::vector<std::string> JobFlagsAnd(std::vector<std::string> more) {
  const std::vector<std::string> job = JobFlags();
  more.insert(more.begin(), job.begin(), job.end());
  return more;
}

Result<LoadedJob> LoadJobByFlags(const std::string& path) {
  JobRequest request{.path = path, .set = Lines(FLAGS_set)};
  if (!FLAGS_data.empty()) request.data = FLAGS_data;
  return LoadJob(request);
}

}  // namespace skybridge::launch
