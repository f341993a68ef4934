// SPDX-License-Identifier: Apache-2.0
#include "scheduler/checkpoint_round.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "proto/envelope.h"
#include "scheduler/shard_phase.h"

namespace skybridge::scheduler {
namespace {

// Clocks that training may go on while the question to cut is under way; doubles when that was not
// enough.
constexpr uint64_t kMarginMin = 4;
constexpr uint32_t kDoublingsMax = 20;
constexpr size_t kFailureBytesMax = 500;

std::string StateName(wire::RoundReply::State state) {
  const std::string& name = wire::RoundReply::State_Name(state);
  return name.empty() ? std::to_string(static_cast<int>(state)) : name;
}

}  // namespace

CheckpointRound::CheckpointRound(const CheckpointRoundOptions& options)
    : options_(options),
      shards_(options.shards),
      calls_(options.shards, options.repeat, options.poll, options.first_request),
      due_at_(Instant{} + options.every) {}

void CheckpointRound::Resume(uint32_t last, bool committed, std::optional<Instant> began_at,
                             Instant now) {
  CHECK(!active());
  round_ = last;
  if (last == 0) return;
  calls_.AskAll({.kind = ShardRequest::Kind::kEndRound, .round = last, .committed = committed});
  if (!began_at) return;
  due_at_ =
      committed ? *began_at + options_.every : now + std::min(options_.backoff, options_.every);
}

// ---------------------------------------------------------------- begin and end

std::optional<uint32_t> CheckpointRound::Due(const RoundView& view, Instant now) const {
  if (active() || !view.training || now < due_at_) return std::nullopt;
  return round_ + 1;
}

void CheckpointRound::Begin(uint32_t round, const RoundView& view, Instant now) {
  CHECK(!active());
  CHECK_GT(round, round_);
  round_ = round;
  began_at_ = now;
  map_ = view.map;
  committed_ = 0;
  margin_ = kMarginMin;
  fragments_.clear();
  calls_.Clear();  // A higher number ends what shards had of the one before.
  Enter(Stage::kPreparing);
  calls_.AskAll({.kind = ShardRequest::Kind::kPrepareRound, .round = round_});
}

void CheckpointRound::SetShards(uint32_t shards) {
  CHECK(!active());
  if (shards == shards_) return;
  shards_ = shards;
  calls_.SetShards(shards);
}

void CheckpointRound::Enter(Stage stage) {
  stage_ = stage;
  missing_.clear();
  for (uint32_t shard = 0; shard < shards_; ++shard) missing_.insert(shard);
}

void CheckpointRound::Watch(const RoundView& view, Instant now) {
  // Once all parts are there, nobody's life matters to them.
  if (!active() || stage_ == Stage::kUploaded || stage_ == Stage::kWriting) return;
  if (view.map != map_) {
    return Abort({StatusCode::kUnavailable, "a shard went away and came back"}, now);
  }
  const bool before_cut = stage_ == Stage::kPreparing || stage_ == Stage::kCutting;
  if (before_cut && !view.training_left) {
    return Abort({StatusCode::kFailedPrecondition, "training has ended"}, now);
  }
  if (now - began_at_ < options_.limit) return;
  Abort({StatusCode::kDeadlineExceeded,
         fmt::format("no end after {:.0f} s: {}", ToSeconds(options_.limit), Missing())},
        now);
}

std::string CheckpointRound::Missing() const {
  if (stage_ == Stage::kCutting) return "training paused";
  const char* what = stage_ == Stage::kPreparing ? "prepared"
                     : stage_ == Stage::kCut     ? "cut"
                                                 : "uploaded";
  return fmt::format("{} of {} shards have not {}, the first is shard {}", missing_.size(), shards_,
                     what, missing_.empty() ? 0 : *missing_.begin());
}

void CheckpointRound::End(const Status& status, Instant now) {
  if (!active()) return;
  uint64_t new_bytes = 0;
  for (const auto& [shard, entry] : fragments_) new_bytes += entry.new_bytes();
  end_ = {round_, status, now - began_at_, new_bytes};
  stage_ = Stage::kIdle;
  state_.Clear();
  calls_.Clear();
  calls_.AskAll({.kind = ShardRequest::Kind::kEndRound, .round = round_, .committed = status.ok()});
  if (status.ok()) {
    aborts_ = 0;
    due_at_ = began_at_ + options_.every;
    return;
  }
  const Duration backoff = options_.backoff * (1 << std::min(aborts_++, kDoublingsMax));
  due_at_ = now + std::min(backoff, options_.every);
}

std::optional<RoundEnd> CheckpointRound::TakeEnd() { return std::exchange(end_, std::nullopt); }

// ---------------------------------------------------------------- the cut

std::optional<uint64_t> CheckpointRound::CutDue(const RoundView& view) const {
  if (stage_ != Stage::kCutting || !view.training) return std::nullopt;
  if (!view.lockstep) return 0;
  return std::min(std::max(committed_, view.clock_begin) + margin_, view.clock_end);
}

void CheckpointRound::CutAsked(uint64_t clock, const checkpoint::JobState& state) {
  CHECK(stage_ == Stage::kCutting);
  CHECK_EQ(state.clock(), clock);
  Enter(Stage::kCut);
  too_late_ = false;
  state_ = state;
}

void CheckpointRound::CutAnswered(uint32_t shard, const ShardRequest& cut,
                                  const wire::Header& reply, Instant now) {
  // An earlier round, or an earlier clock of this one.
  if (stage_ != Stage::kCut || cut.round != round_ || cut.clock != state_.clock()) return;
  if (reply.has_error()) {
    return Abort(wire::ToStatus(reply.error())
                     .WithContext(fmt::format("shard {} refused {}", shard, RequestName(cut.kind))),
                 now);
  }
  const wire::RoundReply& answer = reply.round_reply();
  switch (answer.state()) {
    case wire::RoundReply::CUT:
    case wire::RoundReply::UPLOADED: break;
    case wire::RoundReply::TOO_LATE:
      if (cut.clock == 0) return Failed(shard, cut, answer, now);
      too_late_ = true;
      break;
    default: return Failed(shard, cut, answer, now);
  }
  committed_ = std::max(committed_, answer.committed());
  missing_.erase(shard);
  if (missing_.empty()) CutsAnswered();
}

void CheckpointRound::CutsAnswered() {
  if (too_late_) {
    margin_ = std::min<uint64_t>(margin_ * 2, kMarginMin << kDoublingsMax);
    return Enter(Stage::kCutting);
  }
  Enter(Stage::kCollecting);
  calls_.AskAll({.kind = ShardRequest::Kind::kCollectRound, .round = round_});
}

// ---------------------------------------------------------------- answers

void CheckpointRound::Answered(uint32_t shard, const wire::Header& reply, Instant now) {
  const uint64_t request = reply.request();
  const std::optional<ShardRequest> what = calls_.Waiting(shard, request);
  if (!what) return;
  if (reply.has_error()) {
    const Status judged = JudgeRefusal(shard, *what, wire::ToStatus(reply.error()));
    if (judged.ok()) return;
    if (what->kind != ShardRequest::Kind::kEndRound) return Abort(judged, now);
    calls_.Answered(shard, request);
    return;
  }
  const wire::RoundReply& answer = reply.round_reply();
  if (answer.round() != what->round) return;
  switch (what->kind) {
    case ShardRequest::Kind::kPrepareRound: return Prepared(shard, answer, request, now);
    case ShardRequest::Kind::kCollectRound: return Collected(shard, answer, request, now);
    default: calls_.Answered(shard, request);
  }
}

void CheckpointRound::Prepared(uint32_t shard, const wire::RoundReply& reply, uint64_t request,
                               Instant now) {
  if (reply.state() == wire::RoundReply::PREPARING) return calls_.NotYet(shard, request, now);
  const std::optional<ShardRequest> what = calls_.Answered(shard, request);
  if (reply.state() != wire::RoundReply::PREPARED) return Failed(shard, *what, reply, now);
  committed_ = std::max(committed_, reply.committed());
  missing_.erase(shard);
  if (missing_.empty()) Enter(Stage::kCutting);
}

void CheckpointRound::Collected(uint32_t shard, const wire::RoundReply& reply, uint64_t request,
                                Instant now) {
  if (reply.state() == wire::RoundReply::CUT) return calls_.NotYet(shard, request, now);
  const std::optional<ShardRequest> what = calls_.Answered(shard, request);
  if (reply.state() != wire::RoundReply::UPLOADED) return Failed(shard, *what, reply, now);
  if (reply.fragment().shard() != shard) {
    return Abort({StatusCode::kDataLoss, fmt::format("shard {} uploaded a fragment of shard {}",
                                                     shard, reply.fragment().shard())},
                 now);
  }
  fragments_[shard] = reply.fragment();
  missing_.erase(shard);
  if (missing_.empty()) stage_ = Stage::kUploaded;
}

void CheckpointRound::Failed(uint32_t shard, const ShardRequest& what,
                             const wire::RoundReply& reply, Instant now) {
  const std::string why = reply.failure().substr(0, kFailureBytesMax);
  Abort({StatusCode::kUnavailable,
         fmt::format("shard {} answered {} with {}{}{}", shard, RequestName(what.kind),
                     StateName(reply.state()), why.empty() ? "" : ": ", why)},
        now);
}

bool CheckpointRound::TakeUploaded() {
  if (stage_ != Stage::kUploaded) return false;
  stage_ = Stage::kWriting;
  return true;
}

std::vector<checkpoint::FragmentEntry> CheckpointRound::fragments() const {
  std::vector<checkpoint::FragmentEntry> fragments;
  for (const auto& [shard, entry] : fragments_) fragments.push_back(entry);
  std::ranges::stable_sort(fragments, {}, &checkpoint::FragmentEntry::slot_begin);
  return fragments;
}

}  // namespace skybridge::scheduler
