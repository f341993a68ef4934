// SPDX-License-Identifier: Apache-2.0
#include "scheduler/part_options.h"

namespace skybridge::scheduler {

MembershipOptions MembershipOf(const SchedulerNodeOptions& options) {
  return {.shards = options.shards,
          .trainers = options.trainers,
          .version = options.version,
          .job_hash = options.job_hash,
          .dataset_hash = options.dataset_hash,
          .suspect_after = options.timings.suspect_after,
          .dead_after = options.timings.dead_after,
          .replace_after = options.timings.replace_after,
          .pause_min = options.timings.pause_min};
}

StartBarrierOptions BarrierOf(const SchedulerNodeOptions& options) {
  return {.servers = options.servers,
          .shards = options.shards,
          .workers = options.workers,
          .trainers = options.trainers,
          .timeout = options.timings.start_timeout,
          .line_every = options.timings.waiting_line};
}

AbsencesOptions AbsencesOf(const SchedulerNodeOptions& options) {
  return {.trainers = options.trainers,
          .return_max = options.timings.node_return_max,
          .line_every = options.timings.waiting_line};
}

}  // namespace skybridge::scheduler
