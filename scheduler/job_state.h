// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "common/ids.h"
#include "proto/checkpoint.pb.h"
#include "scheduler/grant_spec.h"
#include "scheduler/job_result.h"

namespace skybridge::scheduler {

// A finished lease of a training phase: its stream has `count` pushes.
struct DoneLease {
  uint64_t unit = 0;
  uint64_t count = 0;
  bool operator==(const DoneLease&) const = default;
};

// A job in the midst of a training phase: all that the scheduler knows and a restored job needs.
struct JobState {
  Phase phase{};
  uint64_t clock = 0;  // Lockstep: all up to this one are done. Otherwise 0.
  uint64_t steps = 0;  // For people, as are the next two.
  uint64_t steps_total = 0;
  double epoch = 0;
  JobFacts facts;
  // Those that are counted by now: examples, pushes, duplicates, regranted leases; evaluations;
  // phases, the last one being that of `phase` so far.
  JobResult result;
  std::vector<DoneLease> done;  // Not lockstep. In the order they were reported.
};

// Lossless.
checkpoint::JobState ToProto(const JobState& state);
JobState FromProto(const checkpoint::JobState& message);

}  // namespace skybridge::scheduler
