// SPDX-License-Identifier: Apache-2.0
#include "launch/progress_line.h"

#include <cmath>

#include <fmt/format.h>

namespace skybridge::launch {

std::string ShortCount(double count) {
  static constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  while (count >= 999.5 && unit + 1 < std::size(kUnits)) {
    count /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}", count);
  const int decimals = count < 9.995 ? 2 : count < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}{}", count, decimals, kUnits[unit]);
}

std::string ShortDuration(double seconds) {
  const auto whole = static_cast<uint64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string ProgressLine(const scheduler::JobProgress& progress) {
  std::string line = fmt::format("{:<8}", progress.phase);
  if (!progress.waiting_for.empty()) return line + " " + progress.waiting_for;
  if (progress.epoch > 0 && progress.phase == "train") {
    line += fmt::format("  epoch {:.1f}", progress.epoch);
  }
  if (progress.total > 0) {
    line += fmt::format("  {:.0f} %", 100.0 * static_cast<double>(progress.done) /
                                          static_cast<double>(progress.total));
  }
  if (progress.examples_per_second > 0) {
    line += fmt::format("  {} examples/s", ShortCount(progress.examples_per_second));
  }
  if (progress.mean_loss) line += fmt::format("  loss {:.4f}", *progress.mean_loss);
  if (progress.seconds_left >= 0) {
    line += fmt::format("  {} left", ShortDuration(progress.seconds_left));
  }
  if (!progress.moving.empty()) line += "  moving " + progress.moving;
  return line;
}

}  // namespace skybridge::launch
