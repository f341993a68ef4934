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
#include "ps/shard_state.h"

namespace skybridge::ps {

struct ShardOptions {
  TieredRowsOptions rows;
  uint64_t in_flight_bytes_max = 256ull << 20;  // Pushes not yet applied, and parked pulls.
  uint64_t image_log_bytes = 1ull << 30;        // Of log since the last image: time for one.
};

// What became of a push, or a chunk of one.
enum class PushOutcome {
  kAccepted,    // With this chunk the push is whole, and kept.
  kDuplicate,   // It was kept before.
  kIncomplete,  // Other chunks are missing; nothing is promised yet.
};

// The rows of some slots of every table, and the rules by which pulls see and pushes change them:
// lockstep, bounded staleness or none, as the phase says.
//
// Decides, keeps each decision in the log, then lets ShardState carry it out (docs/protocol.md,
// S1): whatever was answered can be told again after a crash. One phase is open at a time. Every
// call may be repeated; one that is refused changes nothing. One thread.
//
// Errors of all calls that name a phase: kNotReady if it did not begin yet, kGone if it is over.
// Errors of all calls that change something: kResourceExhausted if the log's disk is full; later
// may go well. Other errors of log and store stay in failure(): the shard must not be used then.
class Shard {
 public:
  // options.rows.Validate() must be OK; `store` and `log` outlive the shard.
  Shard(ShardOptions options, env::RowStore& store, env::RedoLog& log);

  // Takes up the state that store and log have from a former life. Call first, once.
  // Errors: kDataLoss if they do not fit together or are damaged: this shard's rows are lost.
  Status Recover();

  void SetSlots(const OwnSlots& own) { own_ = own; }
  const OwnSlots& own() const { return own_; }
  // The same for the next map: it ends a live move, so slots that were in doubt are this shard's
  // now, or their rows are dropped.
  Status TakeMap(const OwnSlots& own);

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

  // The state as it stands now, without rows.
  ShardImage Image() const { return state_.Image(log_.last() + 1); }

  // The next step of an image if one is due: rows go to the store, and the log that they no longer
  // need is released (S5). Call now and then; run what it returns, then give it to TakePiece. Null:
  // nothing is due, or a step is under way.
  std::unique_ptr<PieceTask> ContinueImage();
  // Takes back a step that ran; false: it is something else.
  bool TakePiece(const Task& task);
  // Makes an image due now, unless one is being written. It is in the store once images() is what
  // this returns.
  uint64_t WantImage();
  uint64_t images() const { return images_; }  // Written to their end since the start.
  // Given up since the start, because the disk had no room for them.
  uint64_t images_given_up() const { return images_given_up_; }
  // Where a replay on the store begins, as its last image has it.
  uint64_t image_redo() const { return image_redo_; }
  uint64_t image_log_bytes() const { return options_.image_log_bytes; }
  // Where the log goes on.
  uint64_t next_lsn() const { return log_.last() + 1; }

  // Records that were refused since the start because the log was full.
  uint64_t refused_by_log() const { return refused_by_log_; }

  // Whether a checkpoint may end in this phase. Errors: kFailedPrecondition for the other kind.
  Status CheckCut(Phase phase, bool lockstep) const { return CheckLockstep(phase, lockstep); }

  uint64_t committed() const { return state_.commit.committed(); }
  TieredRows& rows() { return state_.rows; }
  const TieredRows& rows() const { return state_.rows; }
  MemoryBudget& in_flight() { return state_.in_flight; }
  // The first error after which the shard is of no use.
  const Status& failure() const { return failure_.ok() ? state_.rows.failure() : failure_; }
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
  // Keeps a decision, then carries it out. The record is taken unless it could not be kept.
  Status Keep(ShardRecord& record);
  template <typename Decision>
  Status Keep(Decision decision) {
    ShardRecord record = std::move(decision);
    return Keep(record);
  }
  Status Replay(const env::RedoRecord& kept, uint64_t begin);
  Status Noted(Status status);
  void EndImage();
  void GiveUpImage(const Status& why);

  const ShardOptions options_;
  env::RowStore& store_;
  env::RedoLog& log_;
  ShardState state_;
  OwnSlots own_;
  ChunkAssembler chunks_;
  bool freeze_wanted_ = false;
  // Lockstep: some rank may have seen the rows as they are since the last commit. After a start
  // nobody knows.
  bool clock_open_ = true;
  // An image that is being written.
  struct OpenImage {
    uint64_t redo = 0;
    std::string note;
    uint64_t log_bytes = 0;  // That it frees.
  };
  std::optional<OpenImage> image_;
  bool piece_under_way_ = false;
  bool image_wanted_ = false;
  uint64_t images_ = 0;
  uint64_t images_given_up_ = 0;
  uint64_t image_redo_ = 0;
  uint64_t log_bytes_ = 0;  // Appended since the last image began.
  uint64_t image_due_ = 0;  // At so many of them.
  uint64_t refused_by_log_ = 0;
  Status failure_;
};

}  // namespace skybridge::ps
