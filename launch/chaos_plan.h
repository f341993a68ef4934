// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "common/rng.h"
#include "common/status.h"
#include "common/time.h"

namespace skybridge::launch {

struct ChaosOptions {
  uint64_t seed = 1;
  uint64_t kills = 20;   // Processes to kill.
  uint64_t freezes = 0;  // Processes to stop and let go on.
  double pause_s = 1.5;  // Longest pause between two faults.
  double freeze_s = 20;  // Longest freeze.
  Status Validate() const;
};

// One fault: what happens to how many processes, and after which pause.
struct Fault {
  enum class Kind : uint8_t { kKill, kFreeze };
  static constexpr uint64_t kAll = UINT64_MAX;

  Kind kind = Kind::kKill;
  uint64_t victims = 1;  // kAll: all that live.
  Duration pause{};      // Since the fault before.
  Duration length{};     // Of a freeze.
};

// The faults of a storm, drawn from a seed: kills and freezes mixed, most of one process, one in 40
// of two and one in 40 of all at once; pauses from a seventh of the longest on, freezes from 0.1 s
// on with short ones as likely as long ones, by magnitude. Pure.
class ChaosPlan {
 public:
  explicit ChaosPlan(const ChaosOptions& options)
      : options_(options), rng_(options.seed, Purpose::kTest) {}

  bool over() const { return kills_ >= options_.kills && freezes_ >= options_.freezes; }
  // The next fault; not if it is over.
  Fault Next();
  // Which of `alive` processes is the next victim, from 0; alive > 0.
  uint64_t Victim(uint64_t alive) { return rng_.Below(alive); }
  // A fault has hit a process.
  void Count(Fault::Kind kind) { ++(kind == Fault::Kind::kKill ? kills_ : freezes_); }

  uint64_t kills() const { return kills_; }
  uint64_t freezes() const { return freezes_; }

 private:
  Duration Between(double least_s, double most_s);

  const ChaosOptions options_;
  Rng rng_;
  uint64_t kills_ = 0;
  uint64_t freezes_ = 0;
};

}  // namespace skybridge::launch
