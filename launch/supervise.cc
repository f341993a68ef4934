// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise.h"

#include <chrono>

namespace skybridge::launch {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(50);

}  // namespace

void Supervise(const env::SignalWatch& signals, const NodeHost& host, env::Clock& clock,
               SchedulerWatch& watch, LocalCluster* cluster, ProgressPrinter& printer) {
  int seen = 0;
  while (!host.ended()) {
    if (signals.WaitBeyond(seen, kLook)) {
      seen = signals.stops();
      if (seen > 1) break;
      printer.Say("stopping; once more to stop at once");
      watch.RequestStop("interrupted");
    }
    if (cluster != nullptr) cluster->Supervise();
    printer.Show(watch.progress(), clock.Now());
  }
  printer.Clear();
}

}  // namespace skybridge::launch
