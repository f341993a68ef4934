// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "env/clock.h"
#include "env/signals.h"
#include "launch/local_cluster.h"
#include "launch/node_host.h"
#include "launch/progress_printer.h"
#include "launch/scheduler_watch.h"

namespace skybridge::launch {

// Looks after a job until its scheduler, which runs on `host`, has ended: shows progress, keeps the
// processes of `cluster` (may be null) going, and passes a first signal on as a request to stop. A
// second signal ends the wait at once.
void Supervise(const env::SignalWatch& signals, const NodeHost& host, env::Clock& clock,
               SchedulerWatch& watch, LocalCluster* cluster, ProgressPrinter& printer);

}  // namespace skybridge::launch
