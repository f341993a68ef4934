// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "ps/memory_budget.h"
#include "ps/requests.h"

namespace skybridge::ps {

// A pull that waits for others, and whom to answer.
struct ParkedPull {
  std::string peer;
  uint64_t request = 0;
  uint64_t sender = 0;  // Incarnation.
  PullRequest pull;
  Instant since;
};

// Pulls that wait, in the order they came, within a budget. A repeat (same peer, same request)
// takes the place of the one before and keeps its time. One thread.
class ParkedPulls {
 public:
  static constexpr size_t kMax = 4096;

  // Pulls wait in `budget`, which outlives this.
  explicit ParkedPulls(MemoryBudget& budget) : budget_(budget) {}
  ~ParkedPulls();
  ParkedPulls(const ParkedPulls&) = delete;
  ParkedPulls& operator=(const ParkedPulls&) = delete;

  // Errors: kResourceExhausted beyond the budget or kMax; not parked then.
  Status Park(ParkedPull parked);
  // Takes out every pull for which `is_due` holds, in order.
  template <typename Predicate>
  std::vector<ParkedPull> TakeIf(Predicate is_due) {
    std::vector<ParkedPull> taken;
    for (auto it = parked_.begin(); it != parked_.end();) {
      const auto here = it++;
      if (is_due(static_cast<const ParkedPull&>(*here))) taken.push_back(Take(here));
    }
    return taken;
  }
  size_t size() const { return parked_.size(); }

 private:
  static uint64_t BytesOf(const ParkedPull& parked);
  ParkedPull Take(std::list<ParkedPull>::iterator parked);

  MemoryBudget& budget_;
  std::list<ParkedPull> parked_;
};

}  // namespace skybridge::ps
