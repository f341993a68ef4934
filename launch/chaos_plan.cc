// SPDX-License-Identifier: Apache-2.0
#include "launch/chaos_plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <glog/logging.h>

namespace skybridge::launch {
namespace {

constexpr double kFreezeLeast = 0.1;
constexpr double kPauseSpread = 7;

Duration Seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Status ChaosOptions::Validate() const {
  const auto invalid = [](const char* field, double value, double least, double most) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("{} {:g}: expected {:g} to {:g}", field, value, least, most));
  };
  if (kills + freezes == 0) {
    return {StatusCode::kInvalidArgument, "kills 0, freezes 0: there is nothing to do"};
  }
  if (!(pause_s >= 0.01 && pause_s <= 3600)) return invalid("pause_s", pause_s, 0.01, 3600);
  if (!(freeze_s >= kFreezeLeast && freeze_s <= 3600)) {
    return invalid("freeze_s", freeze_s, kFreezeLeast, 3600);
  }
  return {};
}

Fault ChaosPlan::Next() {
  CHECK(!over());
  const uint64_t kills = options_.kills - std::min(kills_, options_.kills);
  const uint64_t freezes = options_.freezes - std::min(freezes_, options_.freezes);
  Fault fault;
  if (rng_.Below(kills + freezes) >= kills) fault.kind = Fault::Kind::kFreeze;
  const uint64_t draw = rng_.Below(40);
  fault.victims = draw == 0 ? Fault::kAll : draw == 1 ? 2 : 1;
  fault.pause = Between(options_.pause_s / kPauseSpread, options_.pause_s);
  if (fault.kind == Fault::Kind::kFreeze) {
    const double magnitude = std::log(options_.freeze_s / kFreezeLeast);
    fault.length = Seconds(kFreezeLeast * std::exp(magnitude * rng_.UniformDouble()));
  }
  return fault;
}

Duration ChaosPlan::Between(double least_s, double most_s) {
  return Seconds(least_s + (most_s - least_s) * rng_.UniformDouble());
}

}  // namespace skybridge::launch
