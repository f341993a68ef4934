// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "common/node.h"
#include "common/status.h"
#include "proto/checkpoint.pb.h"
#include "proto/scheduler_log.pb.h"
#include "scheduler/scheduler_options.h"

namespace skybridge::scheduler {

// The first entry of a scheduler's log: whose it is.
history::JobCreated DescribeJob(const SchedulerNodeOptions& options, uint32_t generation);
// Errors: kFailedPrecondition if it is the log of another job, version, data or format: names the
//         field and both values.
Status CheckJob(const history::JobCreated& created, const SchedulerNodeOptions& options);
uint32_t GenerationOf(const history::JobCreated& created);

// What must not be given again when a job goes on from a checkpoint.
struct EarlierLife {
  uint32_t generation = 1;  // The highest so far: that of the checkpoint, or a later one.
  uint32_t round = 0;
  uint32_t term = 0;
  uint64_t incarnation = 0;
};

// The log of a job that goes on from a checkpoint, in the next generation.
// Errors: kFailedPrecondition if the job of `options` cannot have been in that state.
Result<std::vector<Record>> RestoredLog(const SchedulerNodeOptions& options,
                                        const checkpoint::JobState& state,
                                        const EarlierLife& earlier);

}  // namespace skybridge::scheduler
