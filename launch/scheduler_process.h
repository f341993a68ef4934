// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "env/line_channel.h"
#include "env/process.h"
#include "launch/scheduler_talk.h"
#include "launch/silence.h"

namespace skybridge::launch {

// The supervisor's end of the talk with its scheduler, over all processes that are the scheduler
// one after the other. Orders reach a process that lives to obey them durably: those that one did
// not settle are given again to the next.
class SchedulerProcess {
 public:
  struct Options {
    std::vector<std::string> arguments;  // The program first; --listen is added.
    std::string log_path;
    int kept_fd = -1;
    // Silence after which a process does not answer any more: once it listens, and before.
    Duration silence_max = std::chrono::seconds(12);
    Duration start_max = std::chrono::seconds(300);
  };
  explicit SchedulerProcess(Options options) : options_(std::move(options)) {}

  // Starts the next process, at the endpoint of the one before. `now`: how long the run takes so
  // far. Errors: those of Process::Spawn.
  Result<env::Process> Spawn(Instant now);
  void Give(Order order);
  // Hears what the process has said.
  void Hear(Instant now);
  // Errors: kUnavailable: it has said nothing for so long that it must be stopped, or hang.
  Status Check(Instant now);
  // Processes that the scheduler has given up, as it said since the last call.
  std::vector<Lost> TakeLost() { return std::exchange(lost_, {}); }

  // Empty before the first process listens.
  const std::string& endpoint() const { return endpoint_; }
  const Progress& progress() const { return progress_; }
  // All orders that were given are obeyed.
  bool settled() const { return unsettled_.empty(); }
  // How often the job was seen to get on.
  uint64_t progress_count() const { return progress_count_; }
  const std::string& report() const { return report_; }
  // How the job ended, once it has.
  const std::optional<Status>& ended() const { return ended_; }

 private:
  void Take(Listening listening);
  void Take(Progress progress);
  void Take(Lost lost) { lost_.push_back(std::move(lost)); }
  void Take(Report report) { report_ = std::move(report.text); }
  void Take(Ended ended) { ended_ = std::move(ended.status); }

  const Options options_;
  std::optional<env::LineChannel> channel_;
  Silence silence_;         // Of the current process.
  bool listening_ = false;  // The same.
  std::string endpoint_;
  std::vector<Lost> lost_;
  Progress progress_;
  uint64_t progress_count_ = 0;
  std::deque<Order> unsettled_;  // Given, and not known to be obeyed.
  uint64_t settled_ = 0;         // Of those given to the current process.
  std::string report_;
  std::optional<Status> ended_;
};

}  // namespace skybridge::launch
