// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/time.h"

namespace skybridge::env {

// Monotonic time; the simulator has its own. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() = 0;
};

}  // namespace skybridge::env
