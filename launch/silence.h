// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "common/time.h"

namespace skybridge::launch {

// How long another process has said nothing. While this one was stopped itself it could not hear:
// a gap between two calls of more than `pause_min` does not count (docs/protocol.md, M2). Pure
// state; calls come with rising `now`.
class Silence {
 public:
  explicit Silence(Duration pause_min = std::chrono::seconds(3)) : pause_min_(pause_min) {}

  // It is there from now on.
  void Begin(Instant now) { heard_at_ = observed_at_ = now; }
  void Heard(Instant now) { Begin(now); }
  Duration Length(Instant now) {
    if (now - observed_at_ > pause_min_) heard_at_ = heard_at_ + (now - observed_at_);
    observed_at_ = now;
    return now - heard_at_;
  }

 private:
  const Duration pause_min_;
  Instant heard_at_;
  Instant observed_at_;
};

}  // namespace skybridge::launch
