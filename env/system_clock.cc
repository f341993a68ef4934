// SPDX-License-Identifier: Apache-2.0
#include "env/system_clock.h"

#include <chrono>

namespace skybridge::env {
namespace {

Duration SinceBoot() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

SystemClock::SystemClock() : start_(SinceBoot()) {}

Instant SystemClock::Now() { return {SinceBoot() - start_}; }

}  // namespace skybridge::env
