// SPDX-License-Identifier: Apache-2.0
#include "launch/restart_policy.h"

#include <algorithm>
#include <array>

namespace skybridge::launch {
namespace {

using std::chrono::milliseconds;

constexpr std::array<Duration, 4> kDelays = {milliseconds(0), milliseconds(200), milliseconds(1000),
                                             milliseconds(5000)};

}  // namespace

void RestartPolicy::Started(Instant now, uint64_t progress) {
  started_at_ = now;
  progress_ = progress;
  ++starts_;
}

std::optional<Duration> RestartPolicy::Ended(Instant now, uint64_t progress) {
  const Duration life = now - started_at_;
  const bool idle = progress == progress_;
  if (life >= options_.young && (life >= options_.ran_well || !idle)) {
    futile_ = 0;
    return Duration::zero();
  }
  if (++futile_ > options_.futile_max) return std::nullopt;
  return kDelays[std::min<size_t>(futile_, kDelays.size()) - 1];
}

}  // namespace skybridge::launch
