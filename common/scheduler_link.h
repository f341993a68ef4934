// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"
#include "common/time.h"

namespace skybridge {

struct SchedulerLinkOptions {
  std::string endpoint;  // For messages.
  Duration register_every = std::chrono::seconds(1);
  Duration start_timeout = std::chrono::seconds(300);  // Until the first welcome.
  // Silence after it: the scheduler may die and start again while everybody works on.
  Duration outage_max = std::chrono::minutes(10);
  Duration line_every = std::chrono::seconds(5);  // Between two lines about its silence.
  Duration pause_min = std::chrono::seconds(3);   // A longer gap between calls was a pause.
};

// When to speak to the scheduler, and when to give it up. Counts from the first call. A pause of
// this process (docs/protocol.md, M2) does not count as the scheduler's silence. A long silence is
// not kept to itself: the log has a line about it every few seconds. Pure state; calls come with
// rising `now`.
class SchedulerLink {
 public:
  explicit SchedulerLink(SchedulerLinkOptions options) : options_(std::move(options)) {}

  // The process runs at `now`. Must come first in every event.
  void Observe(Instant now);
  // The scheduler sent something.
  void Heard(Instant now) { heard_at_ = now; }
  // It gave this node its place; the first time counts.
  void Welcome(Duration heartbeat_every, Instant now);
  bool welcomed() const { return welcomed_; }

  // True when it is time to register or, once welcomed, to send a heartbeat; then not again until
  // the next one is due.
  bool TakeDue(Instant now);
  // Errors: kUnavailable, naming the scheduler, once it was silent too long.
  Status Check(Instant now) const;

 private:
  Duration Limit() const;  // Of its silence.
  std::string Silence(Instant now) const;

  const SchedulerLinkOptions options_;
  bool started_ = false;
  bool welcomed_ = false;
  Duration every_{};
  Instant observed_at_;
  Instant heard_at_;
  Instant due_at_;
  Instant line_at_;
};

}  // namespace skybridge
