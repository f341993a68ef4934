// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/checkers/checker.h"
#include "tests/sim/sim_cluster.h"

namespace skybridge::sim {

// Feeds checkers with what a cluster does: reads each message once, and finds the request that an
// answer belongs to.
class CheckerSet : public SimObserver {
 public:
  // log_last(shard): where its redo log ends. now: of the cluster.
  CheckerSet(std::function<uint64_t(uint32_t shard)> log_last, std::function<Instant()> now)
      : log_last_(std::move(log_last)), now_(std::move(now)) {}

  void Add(std::unique_ptr<Checker> checker) { checkers_.push_back(std::move(checker)); }
  // After each event.
  void Passed();
  void Ended();
  // The first violation of the first checker that has one.
  std::optional<Violation> violation() const;

  void Started(const std::string& node) override;
  void Hears(const std::string& node, const Envelope& message) override;
  void Kept(const std::string& node, const Record& record) override;
  void Said(const std::string& node, const Envelope& message) override;

 private:
  struct Heard {
    wire::Header header;
    uint64_t log_last;  // When it was heard.
    uint64_t number;    // Of all that the node has heard.
  };
  // A node, and what it has heard and, if it is a shard, not yet answered.
  struct Ears {
    NodePlace place;
    uint64_t heard = 0;
    // By peer and request; the same request may be heard again before it is answered.
    std::map<std::pair<std::string, uint64_t>, std::deque<Heard>> unanswered;
  };
  Ears& EarsOf(const std::string& node);
  static std::optional<Heard> Answered(const Utterance& said, Ears& ears);
  Utterance Listen(const Ears& ears, const Envelope& message) const;

  const std::function<uint64_t(uint32_t)> log_last_;
  const std::function<Instant()> now_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::map<std::string, Ears> ears_;
};

}  // namespace skybridge::sim
