// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "env/clock.h"
#include "env/signals.h"
#include "launch/progress_printer.h"
#include "launch/scheduler_role.h"

namespace skybridge::launch {

// Looks after a job until its scheduler, a thread of this process, has ended: shows progress, and
// passes a first signal on as a request to stop. A second signal ends the wait at once.
void Supervise(const env::SignalWatch& signals, env::Clock& clock, SchedulerRole& scheduler,
               ProgressPrinter& printer);

}  // namespace skybridge::launch
