// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/seed_process.h"

namespace skybridge::sim {

struct CampaignOptions {
  std::vector<Swarm> swarms;  // In this order, the first failure of all ends it.
  uint32_t jobs = 1;          // Processes at a time.
  std::string folder;
};

struct CampaignResult {
  uint64_t runs = 0;  // That went well.
  RunStats sum;       // Of those.
  std::optional<SeedReport> failure;
  bool interrupted = false;
};

// Runs swarms in several processes until one fails, all are done, or `go_on` is false. `done` is
// called after each that went well.
CampaignResult RunCampaign(const CampaignOptions& options, const std::function<bool()>& go_on,
                           const std::function<void(const SeedReport&)>& done);

// Whether `swarm`, run in a process of its own, breaks the same promise as `failure`.
bool FailsAlike(const Swarm& swarm, const Violation& failure, const std::string& folder,
                const std::function<bool()>& go_on);

}  // namespace skybridge::sim
