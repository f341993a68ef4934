// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "common/ids.h"

namespace skybridge::ps {

// What holds in one phase of the job.
struct PhaseRules {
  Phase phase{};
  bool lockstep = false;
  std::optional<uint32_t> staleness_max;  // Not lockstep: clocks; nothing: no bound.
  uint32_t ranks = 0;
  uint64_t clock_begin = 0;  // Lockstep: where the rows stand when it begins.
  bool read_only = false;    // Pushes are refused.
  bool operator==(const PhaseRules&) const = default;
};

// How a phase stands.
struct PhaseSummary {
  bool closed = false;
  uint64_t committed = 0;
  uint64_t pushes = 0;      // In the rows, of this phase.
  uint64_t duplicates = 0;  // Repeats recognised in this phase.
  uint64_t examples = 0;    // Of the pushes.
  bool operator==(const PhaseSummary&) const = default;
};

}  // namespace skybridge::ps
