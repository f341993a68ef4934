// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "tests/sim/checkers/checker.h"

namespace skybridge::sim {

// Which slots shards held under which map. A shard that gets some stands for them where they did:
// what it was sent before, they may lack.
class HeldSlots {
 public:
  using Holding = std::tuple<uint32_t, uint32_t, uint32_t>;  // Shard, its first slot, and its end.
  void Heard(const Utterance& message);
  // As of the map that the shard has when it says this.
  Holding Of(const Utterance& message) const;

 private:
  std::map<uint32_t, std::map<uint32_t, Holding>> maps_;  // By version, then shard.
};

// I1: a shard takes a push as new once, whoever sends it, however often, whatever died in between.
class AcceptedOnce : public Checker {
 public:
  AcceptedOnce() : Checker("I1") {}
  void Heard(const Utterance& message) override { slots_.Heard(message); }
  void Said(const Utterance& message) override;

 private:
  // Shard with its slots, phase, stream, sequence.
  std::set<std::tuple<HeldSlots::Holding, uint32_t, uint64_t, uint64_t>> accepted_;
  HeldSlots slots_;
};

// I6: what a shard acknowledged is part of what it says of itself later, in this life or another.
class AcknowledgedStays : public Checker {
 public:
  AcknowledgedStays() : Checker("I6") {}
  void Heard(const Utterance& message) override { slots_.Heard(message); }
  void Said(const Utterance& message) override;

 private:
  using Stream = std::tuple<HeldSlots::Holding, uint32_t, uint64_t>;  // Shard, phase, stream.
  void CheckLedger(const Stream& stream, const wire::LedgerReply& reply);
  void CheckRank(const Stream& rank, const wire::RankReply& reply);

  std::map<Stream, std::set<uint64_t>> acknowledged_;
  HeldSlots slots_;
};

// I7: once a successor was told where a stream or rank stands, pushes of former attempts are
// refused; in lockstep so are their pulls and certificates.
class FormerAttempts : public Checker {
 public:
  explicit FormerAttempts(bool lockstep) : Checker("I7"), lockstep_(lockstep) {}
  void Said(const Utterance& message) override;

 private:
  const bool lockstep_;
  std::map<std::tuple<uint32_t, uint32_t, uint64_t>, uint32_t> fences_;  // Shard, phase, stream.
};

// I14, of shards: a decision that was answered is in the log. What a former life heard it may have
// logged and not answered.
class LoggedFirst : public Checker {
 public:
  // phase: the one that all shards are in at first.
  explicit LoggedFirst(uint32_t phase = 0) : Checker("I14"), first_phase_(phase) {}
  void Heard(const Utterance& message) override;
  void Said(const Utterance& message) override;
  void Started(NodePlace node) override;

 private:
  struct Shard {
    std::map<std::pair<uint32_t, uint64_t>, uint32_t> fences;  // Attempts, by phase and stream.
    uint32_t phase = 0;                                        // Opened last.
  };
  const uint32_t first_phase_;
  std::map<uint32_t, Shard> logged_;  // Or maybe logged.
  std::map<uint32_t, Shard> heard_;
};

}  // namespace skybridge::sim
