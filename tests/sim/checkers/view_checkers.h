// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "tests/sim/checkers/checker.h"

namespace skybridge::sim {

// I4: `committed` of a shard never goes back, and no shard is more than one clock ahead of another.
// A power cut may take a clock that nobody was told of.
class CommittedTogether : public Checker {
 public:
  // The first `members` of the shards are in the job, until a map says otherwise. committed(shard):
  // nothing while it is down. begin: where those stand at first. cuts: there are power cuts.
  CommittedTogether(uint32_t shards, uint32_t members,
                    std::function<std::optional<uint64_t>(uint32_t shard)> committed,
                    uint64_t begin = 0, bool cuts = false)
      : Checker("I4"),
        last_(members, begin),
        told_(shards, begin),
        committed_(std::move(committed)),
        cuts_(cuts) {}
  void Said(const Utterance& message) override;
  void Started(NodePlace node) override;
  void Passed(Instant now) override;

 private:
  std::vector<uint64_t> last_;  // By shard that is in the map; those behind it are not.
  uint32_t map_ = 0;
  std::vector<uint64_t> told_;  // The most that it ever said.
  const std::function<std::optional<uint64_t>(uint32_t)> committed_;
  const bool cuts_;
};

// I5: in lockstep a pull for clock c saw exactly clock c - 1; with a bound, no rank that takes part
// was further behind than that. Who reads at a clock got that clock.
class PullsSeeTheirClock : public Checker {
 public:
  // staleness: 0 lockstep, -1 no bound.
  explicit PullsSeeTheirClock(int32_t staleness) : Checker("I5"), staleness_(staleness) {}
  void Heard(const Utterance& message) override;
  void Said(const Utterance& message) override;
  void Started(NodePlace node) override;

 private:
  using PhaseRank = std::pair<uint32_t, uint32_t>;
  struct Shard {
    std::map<PhaseRank, uint32_t> changes;  // As RetireRank has it; odd: retired.
    // Ranks that came back: the shard may have them further than they have said.
    std::set<PhaseRank> shifted;
    bool joined = false;  // In the midst of a phase.
    // What it was told and has not answered. A life that ends may have logged it.
    std::map<PhaseRank, uint32_t> told;
  };
  void CheckBound(const Utterance& message);
  void NoteProgress(uint32_t phase, uint32_t rank, uint64_t done);
  void NoteRetirement(const Utterance& message);

  const int32_t staleness_;
  std::map<PhaseRank, uint64_t> done_;  // The most that anybody said of a rank.
  std::map<uint32_t, uint32_t> ranks_;  // Of a phase.
  std::map<uint32_t, Shard> shards_;
};

// I10: the memory that a shard accounts for stays within its budget.
class MemoryBounded : public Checker {
 public:
  explicit MemoryBounded(uint64_t bytes_max) : Checker("I10"), bytes_max_(bytes_max) {}
  void Said(const Utterance& message) override;

 private:
  const uint64_t bytes_max_;
};

// I17, of shards: a request for a former process, or by a former map, generation or scheduler, is
// refused.
class FormerTimes : public Checker {
 public:
  FormerTimes() : Checker("I17") {}
  void Said(const Utterance& message) override;

 private:
  void CheckRequest(const Utterance& message);
};

}  // namespace skybridge::sim
