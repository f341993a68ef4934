// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/time.h"

namespace skybridge::scheduler {

struct SettlingOptions {
  Duration rest{0};  // Without anybody who comes or goes.
  Duration max{0};   // Since the first who did, even if others come and go all the time.
};

// Whether those who come and go have come to rest: who deals out what is not taken back may wait
// for those who are about to come. Pure state machine.
class Settling {
 public:
  explicit Settling(SettlingOptions options) : options_(options) {}

  // Somebody came or went.
  void Changed(Instant now) {
    if (Settled(now)) since_ = now;
    last_ = now;
    ever_ = true;
  }
  bool Settled(Instant now) const {
    return !ever_ || now - last_ >= options_.rest || now - since_ >= options_.max;
  }

 private:
  const SettlingOptions options_;
  bool ever_ = false;
  Instant since_;
  Instant last_;
};

}  // namespace skybridge::scheduler
