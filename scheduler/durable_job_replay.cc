// SPDX-License-Identifier: Apache-2.0
// How a job is read back from its records.
#include <utility>

#include <fmt/format.h>

#include "proto/envelope.h"
#include "scheduler/durable_job.h"
#include "scheduler/log_begin.h"
#include "scheduler/scheduler_codec.h"

namespace skybridge::scheduler {
namespace {

Status Illegal(std::string message) { return Status(StatusCode::kDataLoss, std::move(message)); }

Status Idle() { return Illegal("it decided nothing where it stands"); }

}  // namespace

Result<std::unique_ptr<DurableJob>> DurableJob::Restore(const SchedulerNodeOptions& options,
                                                        std::span<const Record> log) {
  auto job = std::make_unique<DurableJob>(options);
  if (log.empty()) return job;
  job->unsaved_.clear();
  job->term_ = 0;
  for (size_t i = 0; i < log.size(); ++i) {
    if (i > 0 && log[i].bytes.empty()) {
      job->run_.Reopen();
      continue;
    }
    SKY_RETURN_IF_ERROR(
        job->Replay(log[i], i == 0).WithContext(fmt::format("scheduler log, record {}", i + 1)));
  }
  job->Resume();
  job->StartTerm();
  return job;
}

Status DurableJob::Replay(const Record& record, bool first) {
  history::Entry entry;
  if (!entry.ParseFromString(record.bytes)) return Illegal("it cannot be read");
  if (first != entry.has_job_created()) {
    return Illegal(first ? "it does not say whose log this is" : "it begins another log");
  }
  if (first) SKY_RETURN_IF_ERROR(CheckJob(entry.job_created(), options_));
  const Instant at{Duration(entry.at_ns())};
  if (at < now_) {
    return Illegal(fmt::format("it is of {:.3f} s, the one before of {:.3f} s",
                               ToSeconds(at.since_start), ToSeconds(now_.since_start)));
  }
  now_ = at;
  SKY_RETURN_IF_ERROR(Apply(entry));
  for (const MemberEvent& event : membership_.TakeEvents()) Follow(event);
  return Status();
}

Status DurableJob::Apply(const history::Entry& entry) {
  switch (entry.body_case()) {
    case history::Entry::kJobCreated:
      generation_ = GenerationOf(entry.job_created());
      return Status();
    case history::Entry::kJobRestored: return ApplyRestored(entry.job_restored());
    case history::Entry::kTermStarted:
      if (entry.term_started().term() == ++term_) return Status();
      return Illegal(fmt::format("term {} follows {}", entry.term_started().term(), term_ - 1));
    case history::Entry::kNodeJoined: {
      const auto node = FromWire(entry.node_joined().node());
      if (!node) return Illegal("it names no role");
      return membership_.Readmit(*node, Incarnation(entry.node_joined().incarnation()), now_);
    }
    case history::Entry::kNodeGone: {
      const history::NodeGone& gone = entry.node_gone();
      return membership_.Remove(Incarnation(gone.incarnation()),
                                gone.left() ? NodeState::kLeft : NodeState::kDead, gone.reason());
    }
    case history::Entry::kPlaceGivenUp: {
      const history::PlaceGivenUp& place = entry.place_given_up();
      absences_.GiveUp({static_cast<Role>(place.role()), place.index()},
                       Status(static_cast<StatusCode>(place.code()), place.how()));
      return Status();
    }
    case history::Entry::kJobBegun:
      if (stage_ != Stage::kWaiting || !barrier_.Complete(membership_)) return Idle();
      Begin();
      return Status();
    case history::Entry::kJobEnded:
      if (stage_ == Stage::kEnded) return Idle();
      Finish(StatusFromWire(entry.job_ended().status()));
      return Status();
    default: return ApplyWork(entry);
  }
}

// Nothing else has happened yet.
Status DurableJob::ApplyRestored(const history::JobRestored& restored) {
  const bool begun = term_ > 0 || membership_.last_given() != Incarnation{};
  if (begun || std::exchange(restored_, true)) return Idle();
  term_ = restored.term();
  rounds_ = restored.round();
  membership_.BeginAfter(Incarnation(restored.incarnation()));
  return run_.Restore(FromProto(restored.state()));
}

// Inputs that are told again, and must leave a record again.
Status DurableJob::ApplyWork(const history::Entry& entry) {
  switch (entry.body_case()) {
    case history::Entry::kLeaseDone:
      (void)Report(Incarnation(entry.lease_done().node()), entry.lease_done().done());
      break;
    case history::Entry::kLeaseReturned:
      Return(Incarnation(entry.lease_returned().node()), entry.lease_returned().returned());
      break;
    case history::Entry::kShardAnswered: {
      const history::ShardAnswered& answered = entry.shard_answered();
      wire::Header reply;
      reply.set_request(answered.request());
      if (answered.has_refusal()) *reply.mutable_error() = answered.refusal();
      if (answered.has_phase()) *reply.mutable_phase_reply() = answered.phase();
      if (answered.has_tables()) *reply.mutable_table_hash_reply() = answered.tables();
      if (answered.has_round()) *reply.mutable_round_reply() = answered.round();
      if (answered.has_move()) *reply.mutable_move_reply() = answered.move();
      (void)run_.DueCalls(now_);  // What was answered had been asked.
      (void)ShardSaid(answered.shard(), reply);
      break;
    }
    case history::Entry::kAdvanced:
      if (stage_ == Stage::kRunning) Advance();
      break;
    case history::Entry::kRoundBegun:
      if (stage_ == Stage::kRunning && entry.round_begun().round() > rounds_) {
        BeginRound(entry.round_begun().round());
      }
      break;
    case history::Entry::kRoundCut:
      if (CanCut(entry.round_cut().round())) {
        (void)CutRound(entry.round_cut().round(), entry.round_cut().clock());
      }
      break;
    case history::Entry::kShardsWanted:
    case history::Entry::kMoveBegun:
    case history::Entry::kMoveFroze:
    case history::Entry::kMoveAborted: ApplyMove(entry); break;
    default: return Illegal("it is of no known kind");
  }
  if (unsaved_.empty()) return Idle();
  unsaved_.clear();
  return Status();
}

void DurableJob::ApplyMove(const history::Entry& entry) {
  switch (entry.body_case()) {
    case history::Entry::kShardsWanted: (void)WantShards(entry.shards_wanted().shards()); return;
    case history::Entry::kMoveBegun: {
      const history::MoveBegun& begun = entry.move_begun();
      const SlotMove move{begun.source(), begun.target(), {begun.slot_begin(), begun.slot_end()}};
      if (DueMove() == move) BeginMove(move);
      return;
    }
    case history::Entry::kMoveFroze:
      if (move_ && !freezing_) (void)FreezeMove();
      return;
    default:
      if (!move_) return;
      Append();
      NextMap(map_.shards());
  }
}

void DurableJob::Resume() {
  // Its shards know only that they must wait for the next map.
  if (move_) AbortMove("the scheduler starts again");
  membership_.Resume(now_, options_.timings.restart_grace);
  absences_.Resume(now_);
  // Where they are is not known before they are heard of.
  for (uint32_t shard = 0; shard < map_.shards().size(); ++shard) run_.ShardAway(shard);
}

}  // namespace skybridge::scheduler
