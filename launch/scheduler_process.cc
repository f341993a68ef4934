// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_process.h"

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::launch {

Result<env::Process> SchedulerProcess::Spawn(double seconds) {
  SKY_ASSIGN_OR_RETURN(env::LineChannel::Pair channel, env::LineChannel::Open());
  std::vector<std::string> arguments = options_.arguments;
  arguments.insert(arguments.end(),
                   {"--listen", endpoint_.empty() ? "tcp://127.0.0.1:*" : endpoint_,
                    "--seconds_before", fmt::format("{:.3f}", seconds)});
  SKY_ASSIGN_OR_RETURN(env::Process process, env::Process::Spawn({.arguments = std::move(arguments),
                                                                  .log_path = options_.log_path,
                                                                  .input_fd = channel.theirs.get(),
                                                                  .kept_fd = options_.kept_fd}));
  channel_ = std::move(channel.ours);
  settled_ = 0;
  for (const Order& order : unsettled_) channel_->Send(LineOf(order));
  return process;
}

void SchedulerProcess::Give(Order order) {
  if (channel_) channel_->Send(LineOf(order));
  unsettled_.push_back(std::move(order));
}

void SchedulerProcess::Hear() {
  if (!channel_) return;
  for (const std::string& line : channel_->Receive()) {
    std::optional<Notice> notice = ParseNotice(line);
    if (!notice) {
      LOG(WARNING) << "the scheduler says: " << line.substr(0, 200);
      continue;
    }
    std::visit([this](auto&& it) { Take(std::move(it)); }, *std::move(notice));
  }
}

void SchedulerProcess::Take(Progress progress) {
  for (; settled_ < progress.settled && !unsettled_.empty(); ++settled_) unsettled_.pop_front();
  const bool moved = progress.phase != progress_.phase || progress.done > progress_.done;
  if (moved && progress.phase != "waiting") ++progress_count_;
  progress_ = std::move(progress);
}

}  // namespace skybridge::launch
