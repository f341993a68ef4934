// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "env/clock.h"

namespace skybridge::env {

// The system's monotonic clock, from when the object was made; it stands still while the machine
// sleeps.
class SystemClock : public Clock {
 public:
  SystemClock();
  Instant Now() override;

 private:
  const Duration start_;
};

}  // namespace skybridge::env
