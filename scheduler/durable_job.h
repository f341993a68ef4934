// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/node.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "common/time.h"
#include "proto/scheduler_log.pb.h"
#include "proto/wire.pb.h"
#include "scheduler/absences.h"
#include "scheduler/job_result.h"
#include "scheduler/job_run.h"
#include "scheduler/membership.h"
#include "scheduler/scheduler_options.h"
#include "scheduler/slot_move.h"
#include "scheduler/start_barrier.h"

namespace skybridge::scheduler {

// The job as it outlives the scheduler's process: who is in, where the shards are, how far the work
// is, how it ends.
//
// Each input that decides something leaves a record; records that Restore reads back go through the
// same code and give the same job. What decides nothing leaves none: heartbeats, progress, repeats.
// Wherever a crash cuts the records off, what is left is a job that was one input younger.
//
// Pure state machine. Its time goes on where the last record left it, and stands still while no
// scheduler runs. Every input may be repeated.
class DurableJob {
 public:
  enum class Stage { kWaiting, kRunning, kEnded };

  // A new job, term 1.
  explicit DurableJob(const SchedulerNodeOptions& options);
  // The job of an earlier scheduler, one term later. An empty log makes a new job. A record of no
  // bytes: the job goes on, though work had been given up before.
  // Errors: kFailedPrecondition  the log of another job, version, data or format: names the field
  //                              and both values.
  //         kDataLoss            a record that cannot be read, or cannot follow those before it;
  //                              names its number, from 1.
  static Result<std::unique_ptr<DurableJob>> Restore(const SchedulerNodeOptions& options,
                                                     std::span<const Record> log);

  // The time. Must come first in every event; never goes back.
  void Observe(Instant now);
  Instant now() const { return now_; }

  // Who is in. Its inputs take effect, and leave records, with the next Conclude.
  Membership& membership() { return membership_; }
  const Membership& membership() const { return membership_; }
  // A message came from this member: it can be sent to.
  void Reached(const Member& member);
  // See SchedulerNode::NodeExited.
  void Exited(const NodeExit& exit);
  // `gap`: this process was stopped for as long.
  void Shift(Duration gap);

  // See JobRun. A lease or an answer that comes while the job does not run changes nothing.
  Result<LeaseTable::Report> Report(Incarnation node, const wire::LeaseDone& done);
  void Return(Incarnation node, const wire::LeaseReturned& returned);
  // Returns the question, if this was its answer.
  std::optional<ShardRequest> ShardSaid(uint32_t shard, const wire::Header& reply);

  // A checkpoint round begins; its number is above rounds(). The job runs.
  void BeginRound(uint32_t round);
  // See JobRun::Cut. `round` is the last one, and run().training().
  JobState CutRound(uint32_t round, uint64_t clock);
  // The highest number of a round; when it was begun, unless in an earlier generation.
  uint32_t rounds() const { return rounds_; }
  std::optional<Instant> round_began_at() const { return round_began_at_; }

  // The job should have so many shards, with equal shares of the slots; more of them join as they
  // come. Errors: kInvalidArgument, kFailedPrecondition, with the reason; nothing changed.
  Status WantShards(uint32_t shards);
  uint32_t shards_wanted() const { return shards_wanted_; }
  // The live move that should begin now: both its shards are there, and training goes on.
  std::optional<SlotMove> DueMove() const;
  // Begins it; no other is open. It ends with a new map: when the target says that it has all, or
  // by AbortMove, the death of one of the two, any other change of the map, a new scheduler.
  void BeginMove(const SlotMove& move);
  const std::optional<SlotMove>& move() const { return move_; }
  // What its shards are asked.
  ShardRequest MoveRequest(ShardRequest::Kind kind) const;
  // Asks both to bring it to its end. False: not now, no phase of training is worked on.
  bool FreezeMove();
  void AbortMove(const std::string& reason);
  // The map that the last move that was made led to.
  MapVersion last_move_made() const { return last_move_made_; }
  // Live shards of servers that the job has no use for any more.
  std::vector<Incarnation> Dismissed() const;

  // Draws the conclusions from all inputs so far.
  void Conclude();
  // The job ends so; the first end counts.
  void End(const Status& status);

  // What has to be durable before the next message leaves.
  std::vector<Record> TakeRecords();

  Stage stage() const { return stage_; }
  uint32_t term() const { return term_; }
  uint32_t generation() const { return generation_; }
  const ShardMap& map() const { return map_; }
  JobRun& run() { return run_; }
  std::vector<Incarnation> LiveNodes(Role role) const;
  JobProgress Progress(Instant now) const;
  // Complete once ended.
  const JobResult& result() const { return result_; }

 private:
  history::Entry& Append();
  void StartTerm();
  void TakeEvents();
  void Follow(const MemberEvent& event);
  void MoveShard(const Member& member);
  void NextMap(std::vector<ShardMap::Shard> shards);
  bool TakeMoveReply(uint32_t shard, uint64_t request, const ShardRequest& what,
                     const wire::MoveReply& reply);
  void MakeMove();
  void WatchMove();
  void Wait();
  void Advance();
  void Run();
  void Begin();
  void Finish(const Status& status);
  void Resume();

  Status Replay(const Record& record, bool first);
  Status Apply(const history::Entry& entry);
  Status ApplyRestored(const history::JobRestored& restored);
  Status ApplyWork(const history::Entry& entry);
  void ApplyMove(const history::Entry& entry);
  bool CanCut(uint32_t round) const;

  const SchedulerNodeOptions options_;
  Membership membership_;
  StartBarrier barrier_;
  Absences absences_;
  JobRun run_;
  ShardMap map_;
  Stage stage_ = Stage::kWaiting;
  uint32_t term_ = 0;
  uint32_t generation_ = 1;
  bool restored_ = false;  // From a checkpoint.
  uint32_t rounds_ = 0;
  std::optional<Instant> round_began_at_;
  uint32_t shards_wanted_;
  std::optional<SlotMove> move_;
  bool freezing_ = false;  // The move.
  MapVersion last_move_made_{};
  Instant now_;
  Status exited_early_;  // The first node that ended for good before the start.
  JobResult result_;
  std::vector<history::Entry> unsaved_;
};

}  // namespace skybridge::scheduler
