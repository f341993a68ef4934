// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise.h"

#include <chrono>

#include "launch/progress_line.h"

namespace skybridge::launch {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(50);

}  // namespace

void Supervise(const env::SignalWatch& signals, env::Clock& clock, SchedulerRole& scheduler,
               ProgressPrinter& printer) {
  int seen = 0;
  while (!scheduler.ended()) {
    if (signals.WaitBeyond(seen, kLook)) {
      seen = signals.stops();
      if (seen > 1) break;
      printer.Say("stopping; once more to stop at once");
      scheduler.watch().RequestStop("interrupted");
    }
    const scheduler::JobProgress progress = scheduler.watch().progress();
    printer.Show(progress.phase, ProgressLine(progress), clock.Now());
  }
  printer.Clear();
}

}  // namespace skybridge::launch
