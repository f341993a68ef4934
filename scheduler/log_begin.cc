// SPDX-License-Identifier: Apache-2.0
#include "scheduler/log_begin.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "scheduler/job_run.h"
#include "scheduler/job_state.h"

namespace skybridge::scheduler {
namespace {

constexpr uint32_t kFormat = 1;

Status Differs(std::string_view field, std::string_view theirs, std::string_view ours) {
  return Status(StatusCode::kFailedPrecondition, fmt::format("{} {} != {}", field, theirs, ours));
}

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace

history::JobCreated DescribeJob(const SchedulerNodeOptions& options, uint32_t generation) {
  history::JobCreated created;
  created.set_format(kFormat);
  created.set_job_high(options.job.high);
  created.set_job_low(options.job.low);
  created.set_version(options.version);
  created.set_job_hash(options.job_hash);
  created.set_dataset_hash(options.dataset_hash);
  created.set_generation(generation);
  return created;
}

Status CheckJob(const history::JobCreated& created, const SchedulerNodeOptions& options) {
  if (created.format() != kFormat) {
    return Differs("format", std::to_string(created.format()), std::to_string(kFormat));
  }
  if (JobId{created.job_high(), created.job_low()} != options.job) {
    return Differs("job", Hex(created.job_high()) + Hex(created.job_low()),
                   Hex(options.job.high) + Hex(options.job.low));
  }
  if (created.version() != options.version) {
    return Differs("version", created.version(), options.version);
  }
  if (created.job_hash() != options.job_hash) {
    return Differs("the job was another (its hash)", Hex(created.job_hash()),
                   Hex(options.job_hash));
  }
  if (created.dataset_hash() != options.dataset_hash) {
    return Differs("the data were others, by names, sizes, first or last MiB of their files (hash)",
                   Hex(created.dataset_hash()), Hex(options.dataset_hash));
  }
  return Status();
}

uint32_t GenerationOf(const history::JobCreated& created) {
  return created.generation() == 0 ? 1 : created.generation();
}

Result<std::vector<Record>> RestoredLog(const SchedulerNodeOptions& options,
                                        const checkpoint::JobState& state,
                                        const EarlierLife& earlier) {
  SKY_RETURN_IF_ERROR(JobRun(options).Restore(FromProto(state)));
  history::Entry created;
  *created.mutable_job_created() = DescribeJob(options, earlier.generation + 1);
  history::Entry restored;
  *restored.mutable_job_restored()->mutable_state() = state;
  restored.mutable_job_restored()->set_round(earlier.round);
  restored.mutable_job_restored()->set_term(earlier.term);
  restored.mutable_job_restored()->set_incarnation(earlier.incarnation);
  return std::vector<Record>{{created.SerializeAsString()}, {restored.SerializeAsString()}};
}

}  // namespace skybridge::scheduler
