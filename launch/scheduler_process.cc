// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_process.h"

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::launch {

Result<env::Process> SchedulerProcess::Spawn(Instant now) {
  SKY_ASSIGN_OR_RETURN(env::LineChannel::Pair channel, env::LineChannel::Open());
  std::vector<std::string> arguments = options_.arguments;
  arguments.insert(arguments.end(),
                   {"--listen", endpoint_.empty() ? "tcp://127.0.0.1:*" : endpoint_,
                    "--seconds_before", fmt::format("{:.3f}", ToSeconds(now.since_start))});
  SKY_ASSIGN_OR_RETURN(env::Process process, env::Process::Spawn({.arguments = std::move(arguments),
                                                                  .log_path = options_.log_path,
                                                                  .input_fd = channel.theirs.get(),
                                                                  .kept_fd = options_.kept_fd}));
  channel_ = std::move(channel.ours);
  silence_.Begin(now);
  listening_ = false;
  settled_ = 0;
  for (const Order& order : unsettled_) channel_->Send(LineOf(order));
  return process;
}

void SchedulerProcess::Give(Order order) {
  if (channel_) channel_->Send(LineOf(order));
  unsettled_.push_back(std::move(order));
}

void SchedulerProcess::Hear(Instant now) {
  if (!channel_) return;
  for (const std::string& line : channel_->Receive()) {
    silence_.Heard(now);
    std::optional<Notice> notice = ParseNotice(line);
    if (!notice) {
      LOG(WARNING) << "the scheduler says: " << line.substr(0, 200);
      continue;
    }
    std::visit([this](auto&& it) { Take(std::move(it)); }, *std::move(notice));
  }
}

Status SchedulerProcess::Check(Instant now) {
  const Duration silent = silence_.Length(now);
  if (silent <= (listening_ ? options_.silence_max : options_.start_max)) return {};
  return {StatusCode::kUnavailable, fmt::format("silent for {:.0f} s", ToSeconds(silent))};
}

void SchedulerProcess::Take(Listening listening) {
  endpoint_ = std::move(listening.endpoint);
  listening_ = true;
}

void SchedulerProcess::Take(Progress progress) {
  for (; settled_ < progress.settled && !unsettled_.empty(); ++settled_) unsettled_.pop_front();
  const bool moved = progress.phase != progress_.phase || progress.done > progress_.done;
  if (moved && progress.phase != "waiting") ++progress_count_;
  progress_ = std::move(progress);
}

}  // namespace skybridge::launch
