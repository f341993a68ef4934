// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/ids.h"
#include "common/node.h"
#include "common/status.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "ps/chunk_assembler.h"
#include "ps/requests.h"
#include "ps/row_check.h"
#include "ps/shard_journal.h"

namespace skybridge::ps {

// What became of a push, or a chunk of one.
enum class PushOutcome {
  kAccepted,    // With this chunk the push is whole, and kept.
  kDuplicate,   // It was kept before.
  kIncomplete,  // Other chunks are missing; nothing is promised yet.
};

// The rows of some slots of every table, and the rules by which pulls see and pushes change them:
// lockstep, bounded staleness or none, as the phase says.
//
// Decides, and leaves it to the journal to keep that and carry it out: whatever was answered can be
// told again after a crash. One phase is open at a time. Every call may be repeated; one that is
// refused changes nothing. One thread.
//
// Errors of all calls that name a phase: kNotReady if it did not begin yet, kGone if it is over.
// Errors of all calls that change something: those of ShardJournal.
class Shard {
 public:
  // options.rows.Validate() must be OK; `store` and `log` outlive the shard.
  Shard(ShardOptions options, env::RowStore& store, env::RedoLog& log);

  // What the shard decided, and its disk. Recover comes first.
  ShardJournal& journal() { return journal_; }
  const ShardJournal& journal() const { return journal_; }

  // The first map, or the next one: that ends a live move, so slots that were in doubt are this
  // shard's now, or their rows are dropped.
  Status TakeMap(const OwnSlots& own);
  const OwnSlots& own() const { return own_; }

  // Both sides of a live move (docs/protocol.md, Live moves). Until the next map `slots` may be
  // this shard's or not.
  // Errors: kFailedPrecondition if others are in doubt.
  Status Doubt(SlotRange slots);
  const std::optional<SlotDoubt>& doubt() const { return state_.doubt; }
  // The side that gives: nothing changes any more before the next map, as soon as all ranks stand
  // between two clocks. Pulls wait, the rest is refused with kNotReady.
  void WantFreeze() { freeze_wanted_ = true; }
  bool frozen() const;
  // The side that takes: some rows of the slots in doubt; then, when it has them all, the state of
  // the shard that has the slots, which it keeps so that no power cut can take it away. `whole`:
  // this shard had no part in the job yet.
  // Errors: kFailedPrecondition if no slots are in doubt, or (rows) others than these.
  Status TakeRows(SlotRows rows);
  Status TakeState(bool whole, ShardImage state);

  // Begins a phase. Errors: kFailedPrecondition if the one before is not closed, or if the rows do
  // not stand at rules.clock_begin; kInvalidArgument if it was begun with other rules.
  Status Open(const PhaseRules& rules);
  // Ends it: `closed` once everything of the phase is in the rows (lockstep: up to `clock_end`);
  // then pushes are refused. A phase that is over is closed.
  // Errors: kFailedPrecondition while streams are open.
  Result<PhaseSummary> Close(Phase phase, uint64_t clock_end);
  // Outside lockstep: see StalenessGate::Retire, GroupedLedger::Close.
  Status Retire(Phase phase, Rank rank, uint32_t changes);
  Status CloseStream(Phase phase, StreamId stream, uint64_t count);

  // Whether the rows are as `pull` must see them now; false: ask again later. Takes note of
  // pull.done, which may commit a clock.
  // Errors: those of CheckPull, ClockCommit and StalenessGate; kGone if it expects another
  // committed clock; kFailedPrecondition if it is not read-only in a phase that is.
  Result<bool> Admit(const PullRequest& pull);
  // The same for a pull that was admitted to wait: its rows are not checked again.
  Result<bool> Ready(const PullRequest& pull);
  // Takes a push, or a chunk of one.
  // Errors: those of CheckPush, ChunkAssembler, and ClockCommit or GroupedLedger;
  // kFailedPrecondition in a read-only phase, or if the pushes of one clock can never be here
  // together.
  Result<PushOutcome> Push(PushRequest push);
  // `rank` has finished `done` clocks on every shard, and will not say so again with a pull.
  Status Done(Phase phase, Rank rank, Attempt attempt, uint64_t done);

  // For successors. Errors: kFailedPrecondition for the other kind of phase; those of
  // ClockCommit::Query and GroupedLedger::Query.
  Result<RankProgress> QueryRank(Phase phase, Rank rank, Attempt attempt);
  Result<StreamProgress> QueryStream(Phase phase, StreamId stream, Attempt attempt);

  // Outside lockstep: where a rank stands for this shard; 0 if there is none.
  uint64_t DoneOf(Rank rank) const;

  // Errors: kGone (detail: committed) if the rows stand elsewhere. 0 expects nothing.
  Status ExpectCommitted(uint64_t clock) const;

  // Whether a checkpoint may end in this phase. Errors: kFailedPrecondition for the other kind.
  Status CheckCut(Phase phase, bool lockstep) const { return CheckLockstep(phase, lockstep); }

  uint64_t committed() const { return state_.commit.committed(); }
  TieredRows& rows() { return state_.rows; }
  const TieredRows& rows() const { return state_.rows; }
  MemoryBudget& in_flight() { return state_.in_flight; }
  // Why pulls wait, for messages.
  std::string Waiting() const;

 private:
  Status CheckPhase(Phase phase) const;
  Status CheckMoves() const;
  Status CatchUp(uint64_t clock);
  Status CheckLockstep(Phase phase, bool lockstep) const;
  Status CertifyByPull(const PullRequest& pull);
  Status KeepProgress(Rank rank, Attempt attempt, uint64_t done);
  Status CommitIfReady();
  Result<bool> IsNew(const PushRequest& push);
  Result<PushOutcome> KeepPush(PushAccepted push);
  // What to say of a push of `bytes` for which there was no room.
  Status WithHope(const Status& refusal, uint64_t bytes) const;

  ShardJournal journal_;
  ShardState& state_ = journal_.state();
  OwnSlots own_;
  ChunkAssembler chunks_;
  bool freeze_wanted_ = false;
  // Lockstep: some rank may have seen the rows as they are since the last commit. After a start
  // nobody knows.
  bool clock_open_ = true;
};

}  // namespace skybridge::ps
