// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/ids.h"
#include "common/status.h"
#include "env/row_store.h"
#include "ps/chunk_assembler.h"
#include "ps/clock_commit.h"
#include "ps/memory_budget.h"
#include "ps/phase_rules.h"
#include "ps/push_ledger.h"
#include "ps/requests.h"
#include "ps/row_check.h"
#include "ps/staleness_gate.h"
#include "ps/tiered_rows.h"

namespace skybridge::ps {

struct ShardOptions {
  TieredRowsOptions rows;
  uint64_t in_flight_bytes_max = 256ull << 20;  // Pushes not yet applied, and parked pulls.
};

// The rows of some slots of every table, and the rules by which pulls see and pushes change them:
// lockstep, bounded staleness or none, as the phase says.
//
// One phase is open at a time. Every call may be repeated; one that is refused changes nothing.
// One thread.
//
// Errors of all calls that name a phase: kNotReady if it did not begin yet, kGone if it is over.
// Errors of the store may come from Admit, Push and Done; the shard must not be used afterwards
// (rows().failure()).
class Shard {
 public:
  // options.rows.Validate() must be OK; `store` is empty and outlives the shard.
  Shard(ShardOptions options, env::RowStore& store);

  void SetSlots(const OwnSlots& own) { own_ = own; }
  const OwnSlots& own() const { return own_; }

  // Begins a phase. Errors: kFailedPrecondition if the one before is not closed, or if the rows do
  // not stand at rules.clock_begin; kInvalidArgument if it was begun with other rules.
  Status Open(const PhaseRules& rules);
  // Ends it: `closed` once everything of the phase is in the rows (lockstep: up to `clock_end`);
  // then pushes are refused. A phase that is over is closed.
  // Errors: kFailedPrecondition while streams are open.
  Result<PhaseSummary> Close(Phase phase, uint64_t clock_end);
  // Outside lockstep: see StalenessGate::Retire, PushLedger::Close.
  Status Retire(Phase phase, Rank rank, bool retired);
  Status CloseStream(Phase phase, StreamId stream, uint64_t count);

  // Whether the rows are as `pull` must see them now; false: ask again later. Takes note of
  // pull.done, which may commit a clock.
  // Errors: those of CheckPull, ClockCommit and StalenessGate; kGone if it expects another
  // committed clock; kFailedPrecondition if it is not read-only in a phase that is.
  Result<bool> Admit(const PullRequest& pull);
  // The same for a pull that was admitted to wait: its rows are not checked again.
  Result<bool> Ready(const PullRequest& pull);
  // Takes a push, or a chunk of one. False if it was there already.
  // Errors: those of CheckPush, ChunkAssembler, and ClockCommit or PushLedger;
  // kFailedPrecondition in a read-only phase.
  Result<bool> Push(PushRequest push);
  // `rank` has finished `done` clocks on every shard.
  Status Done(Phase phase, Rank rank, Attempt attempt, uint64_t done);

  // For successors. Errors: kFailedPrecondition for the other kind of phase; those of
  // ClockCommit::Query and PushLedger::Query.
  Result<RankProgress> QueryRank(Phase phase, Rank rank, Attempt attempt);
  Result<StreamProgress> QueryStream(Phase phase, StreamId stream, Attempt attempt);

  // Errors: kGone (detail: committed) if the rows stand elsewhere. 0 expects nothing.
  Status ExpectCommitted(uint64_t clock) const;

  uint64_t committed() const { return commit_.committed(); }
  TieredRows& rows() { return rows_; }
  MemoryBudget& in_flight() { return in_flight_; }
  // Why pulls wait, for messages.
  std::string Waiting() const;

 private:
  Status CheckPhase(Phase phase) const;
  Status CheckLockstep(Phase phase, bool lockstep) const;
  Status CommitIfReady();
  Result<bool> PushLockstep(PushRequest push);
  Result<bool> PushOnArrival(PushRequest push);

  MemoryBudget in_flight_;
  TieredRows rows_;
  OwnSlots own_;
  std::optional<PhaseRules> rules_;  // Of the last phase that began.
  PhaseSummary summary_;
  ClockCommit commit_;
  PushLedger ledger_;
  StalenessGate gate_;
  ChunkAssembler chunks_;
  uint64_t lsn_ = 0;  // Updates applied.
};

}  // namespace skybridge::ps
