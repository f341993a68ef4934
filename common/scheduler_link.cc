// SPDX-License-Identifier: Apache-2.0
#include "common/scheduler_link.h"

#include <glog/logging.h>

namespace skybridge {

void SchedulerLink::Observe(Instant now) {
  if (!started_) {
    started_ = true;
    every_ = options_.register_every;
    heard_at_ = due_at_ = observed_at_ = now;
    return;
  }
  CHECK_GE(now.since_start.count(), observed_at_.since_start.count());
  const Duration gap = now - observed_at_;
  if (gap > options_.pause_min) heard_at_ = heard_at_ + gap;
  observed_at_ = now;
}

void SchedulerLink::Welcome(Duration heartbeat_every, Instant now) {
  if (welcomed_) return;
  welcomed_ = true;
  every_ = heartbeat_every;
  due_at_ = now;
}

bool SchedulerLink::TakeDue(Instant now) {
  if (!started_ || now < due_at_) return false;
  due_at_ = now + every_;
  return true;
}

Status SchedulerLink::Check(Instant now) const {
  const Duration limit = welcomed_ ? options_.dead_after : options_.start_timeout;
  if (now - heard_at_ <= limit) return Status();
  const auto seconds = std::to_string(static_cast<int64_t>(ToSeconds(now - heard_at_)));
  return Status(StatusCode::kUnavailable,
                "the scheduler at " + options_.endpoint +
                    (welcomed_ ? " has been silent for " : " did not answer for ") + seconds +
                    " s");
}

}  // namespace skybridge
