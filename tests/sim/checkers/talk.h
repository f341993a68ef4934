// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tests/sim/checkers/checker.h"

namespace skybridge::sim {

// Says to one checker what a cluster might: what tests of checkers need.
class Talk {
 public:
  explicit Talk(Checker& checker) : checker_(checker) {}

  // A shard hears `request` and answers `answer`; `logged`: its log grew in between.
  void Answer(uint32_t shard, const wire::Header& request, const wire::Header& answer,
              bool logged = true, const std::string& peer = "trainer-0#1") {
    const Utterance heard{
        .node = {NodeKind::kShard, shard}, .peer = peer, .header = request, .log_last = log_last_};
    checker_.Heard(heard);
    Utterance said = heard;
    said.header = answer;
    said.request = &request;
    said.log_heard = log_last_;
    log_last_ += logged ? 1 : 0;
    said.log_last = log_last_;
    checker_.Said(said);
  }
  // The scheduler says `header` to `node`.
  void Say(wire::Header header, uint64_t node) {
    header.mutable_identity()->set_target_incarnation(node);
    checker_.Said({.node = {}, .peer = "somebody", .header = std::move(header)});
  }

  // The invariant that was seen broken; empty: none.
  std::string broken() const {
    return checker_.violation() ? checker_.violation()->invariant : std::string();
  }

 private:
  Checker& checker_;
  uint64_t log_last_ = 0;
};

inline wire::Header Push(uint64_t stream, uint64_t sequence, uint32_t attempt = 1,
                         uint32_t phase = 2) {
  wire::Header header;
  wire::Push& push = *header.mutable_push();
  push.set_phase(phase);
  push.set_stream(stream);
  push.set_sequence(sequence);
  push.set_attempt(attempt);
  return header;
}

inline wire::Header PushReply(bool duplicate) {
  wire::Header header;
  header.mutable_push_reply()->set_duplicate(duplicate);
  return header;
}

inline wire::Header LedgerQuery(uint64_t stream, uint32_t attempt, uint32_t phase = 2) {
  wire::Header header;
  wire::LedgerQuery& query = *header.mutable_ledger_query();
  query.set_phase(phase);
  query.set_stream(stream);
  query.set_attempt(attempt);
  return header;
}

inline wire::Header LedgerReply(uint64_t next, std::initializer_list<uint64_t> window = {}) {
  wire::Header header;
  wire::LedgerReply& reply = *header.mutable_ledger_reply();
  reply.set_next(next);
  for (const uint64_t sequence : window) reply.add_window(sequence);
  return header;
}

inline wire::Header RankQuery(uint32_t rank, uint32_t attempt, uint32_t phase = 2) {
  wire::Header header;
  wire::RankQuery& query = *header.mutable_rank_query();
  query.set_phase(phase);
  query.set_rank(rank);
  query.set_attempt(attempt);
  return header;
}

inline wire::Header RankReply(uint64_t committed, uint64_t accepted) {
  wire::Header header;
  header.mutable_rank_reply()->set_committed(committed);
  header.mutable_rank_reply()->set_accepted(accepted);
  return header;
}

inline wire::Header Pull(uint32_t rank, uint64_t clock, uint32_t attempt = 1, uint64_t done = 0,
                         uint32_t phase = 2) {
  wire::Header header;
  wire::Pull& pull = *header.mutable_pull();
  pull.set_phase(phase);
  pull.set_rank(rank);
  pull.set_clock(clock);
  pull.set_attempt(attempt);
  pull.set_done(done);
  return header;
}

inline wire::Header PullReply(uint64_t committed) {
  wire::Header header;
  header.mutable_pull_reply()->set_committed(committed);
  return header;
}

inline wire::Header Refusal() {
  wire::Header header;
  header.mutable_error()->set_code(25);
  return header;
}

}  // namespace skybridge::sim
