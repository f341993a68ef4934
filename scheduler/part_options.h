// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scheduler/absences.h"
#include "scheduler/membership.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/start_barrier.h"

namespace skybridge::scheduler {

// What the parts of a job are made with.
MembershipOptions MembershipOf(const SchedulerNodeOptions& options);
StartBarrierOptions BarrierOf(const SchedulerNodeOptions& options);
AbsencesOptions AbsencesOf(const SchedulerNodeOptions& options);

}  // namespace skybridge::scheduler
