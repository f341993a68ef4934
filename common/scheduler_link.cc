// SPDX-License-Identifier: Apache-2.0
#include "common/scheduler_link.h"

#include <algorithm>

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
  line_at_ = std::max(line_at_, heard_at_ + options_.line_every);
  if (now < line_at_) return;
  line_at_ = now + options_.line_every;
  LOG(WARNING) << Silence(now)
               << (welcomed_ ? "; going on without it for up to " : "; asking for up to ")
               << static_cast<int64_t>(ToSeconds(Limit())) << " s"
               << (welcomed_ ? "" : ": does it run there, and with the same --keys?");
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
  if (now - heard_at_ <= Limit()) return Status();
  return Status(StatusCode::kUnavailable, Silence(now));
}

Duration SchedulerLink::Limit() const {
  return welcomed_ ? options_.outage_max : options_.start_timeout;
}

std::string SchedulerLink::Silence(Instant now) const {
  return "the scheduler at " + options_.endpoint +
         (welcomed_ ? " has been silent for " : " has not answered for ") +
         std::to_string(static_cast<int64_t>(ToSeconds(now - heard_at_))) + " s";
}

}  // namespace skybridge
