// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace skybridge {

using Duration = std::chrono::nanoseconds;

// A point on the monotonic clock of one process, or of a simulation. Only env/ reads a clock:
// everybody else is told what time it is.
struct Instant {
  Duration since_start{0};

  auto operator<=>(const Instant&) const = default;
  Instant operator+(Duration d) const { return {since_start + d}; }
  Instant operator-(Duration d) const { return {since_start - d}; }
  Duration operator-(Instant other) const { return since_start - other.since_start; }
};

inline double ToSeconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace skybridge
