// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/node.h"
#include "common/status.h"
#include "common/time.h"
#include "env/redo_log.h"
#include "ps/memory_budget.h"

namespace skybridge::ps {

// What an answer of a shard outlives.
enum class Durability {
  kProcess,  // The death of processes.
  kPower,    // A power cut too.
};

// Syncs the log of a node beside the node, and lets its answers leave when they may
// (docs/protocol.md, S2). One sync runs at a time, as a task of the node.
//
// kProcess: answers leave at once. New records are synced every so often, so that little is left
// for the sync at the end of a segment, which stops the node, and for a power cut.
// kPower: an answer leaves once no power cut can take back what it may tell: the log as it was when
// the answer was made. Answers leave in the order in which they were made; one that stands on a
// synced log leaves at once. A sync begins when an answer must wait and none runs, so the next one
// covers all that came meanwhile. Bytes of answers that wait are taken from a budget; an answer
// that has no room there is let out by a sync on the caller's thread, together with those before
// it.
//
// One thread.
class DurableReplies {
 public:
  static constexpr Duration kSyncEvery = std::chrono::milliseconds(50);  // At kProcess.

  // Both outlive it; others may append to the log and sync it too.
  DurableReplies(Durability durability, env::RedoLog& log, MemoryBudget& budget)
      : durability_(durability), log_(log), budget_(budget) {}
  ~DurableReplies();
  DurableReplies(const DurableReplies&) = delete;
  DurableReplies& operator=(const DurableReplies&) = delete;

  // An answer that may tell of everything that the log has now.
  void Add(Envelope reply, Effects* out);
  // The log as it is now is wanted on the disk soon: the next Advance starts a sync if it can.
  void WantSync() { wanted_ = log_.last(); }
  // Lets out what may leave, and starts a sync if it is time for one. Call after whatever may have
  // moved the log, once for all answers of an event.
  void Advance(Instant now, Effects* out);
  // Takes back a task that ran; false: it is none of these.
  bool Finish(const Task& task);

  // The first error of the log, after which nothing leaves any more: the node must end.
  const Status& failure() const { return failure_; }
  size_t held() const { return held_.size(); }

 private:
  struct Held {
    uint64_t lsn;  // It may leave when the log is synced so far.
    uint64_t bytes;
    Envelope reply;
  };
  void LetOut(Effects* out);
  bool SyncIsDue(Instant now) const;

  const Durability durability_;
  env::RedoLog& log_;
  MemoryBudget& budget_;
  std::deque<Held> held_;
  bool syncing_ = false;
  uint64_t wanted_ = 0;
  Instant last_sync_;  // When it began.
  Status failure_;
};

}  // namespace skybridge::ps
