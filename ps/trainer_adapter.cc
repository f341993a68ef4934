// SPDX-License-Identifier: Apache-2.0
#include "ps/trainer_adapter.h"

#include <optional>
#include <utility>

#include "proto/envelope.h"
#include "ps/row_queries.h"
#include "ps/shard_codec.h"

namespace skybridge::ps {

TrainerAdapter::TrainerAdapter(const TableSpecs& tables, Duration park_max, Shard& shard)
    : tables_(tables), park_max_(park_max), shard_(shard), parked_(shard.in_flight()) {}

Served TrainerAdapter::Serve(const std::string& peer, const wire::Header& header,
                             std::string_view payload, Instant now) {
  Served out{
      .peer = peer, .request = header.request(), .sender = header.identity().sender_incarnation()};
  out.status = [&]() -> Status {
    switch (header.body_case()) {
      case wire::Header::kPull: return Pull(header, payload, now, &out);
      case wire::Header::kPush: return Push(header, payload, &out);
      case wire::Header::kRankDone: return RankDone(header.rank_done(), &out);
      case wire::Header::kRankQuery: return QueryRank(header.rank_query(), &out);
      case wire::Header::kLedgerQuery: return QueryStream(header.ledger_query(), &out);
      case wire::Header::kScan: return Scan(header.scan(), &out);
      default:
        out.malformed = true;
        return Status(StatusCode::kInvalidArgument, "no request that a shard serves a trainer");
    }
  }();
  return out;
}

Status TrainerAdapter::Pull(const wire::Header& header, std::string_view payload, Instant now,
                            Served* out) {
  auto pull = DecodePull(header.pull(), payload, tables_);
  if (!pull) {
    out->malformed = true;
    return pull.error();
  }
  const uint64_t bytes = ReplyBytes(tables_, *pull);
  if (bytes > wire::kFrameBytesMax) {
    return Status(StatusCode::kInvalidArgument,
                  "pull: its reply of " + std::to_string(bytes) + " bytes is over the limit of " +
                      std::to_string(wire::kFrameBytesMax) + "; ask in pieces");
  }
  SKY_ASSIGN_OR_RETURN(const bool served_now, shard_.Admit(*pull));
  if (served_now) return AnswerPull(*pull, out);
  return parked_.Park({out->peer, out->request, out->sender, *std::move(pull), now});
}

Status TrainerAdapter::AnswerPull(const PullRequest& pull, Served* out) {
  SKY_ASSIGN_OR_RETURN(out->payload, ReadRows(shard_.rows(), pull));
  *out->reply.mutable_pull_reply() = EncodePullReply(pull, tables_, shard_.committed());
  if (!pull.read_only) out->reply.mutable_pull_reply()->set_done(shard_.DoneOf(pull.rank));
  return Status();
}

Status TrainerAdapter::Push(const wire::Header& header, std::string_view payload, Served* out) {
  auto push = DecodePush(header, payload, tables_);
  if (!push) {
    out->malformed = true;
    return push.error();
  }
  SKY_ASSIGN_OR_RETURN(const PushOutcome outcome, shard_.Push(*std::move(push)));
  // The chunk that makes the push whole is answered for all; without an answer they come again.
  if (outcome == PushOutcome::kIncomplete) return Status();
  wire::PushReply& answer = *out->reply.mutable_push_reply();
  answer.set_stream(header.push().stream());
  answer.set_sequence(header.push().sequence());
  answer.set_chunk(header.push().chunk());
  answer.set_duplicate(outcome == PushOutcome::kDuplicate);
  return Status();
}

Status TrainerAdapter::RankDone(const wire::RankDone& message, Served* out) {
  SKY_ASSIGN_OR_RETURN(const Rank rank, DecodeRank(message.rank()));
  SKY_ASSIGN_OR_RETURN(const Attempt attempt, DecodeAttempt(message.attempt()));
  SKY_RETURN_IF_ERROR(shard_.Done(Phase(message.phase()), rank, attempt, message.done()));
  out->reply.mutable_rank_done_reply()->set_committed(shard_.committed());
  return Status();
}

Status TrainerAdapter::QueryRank(const wire::RankQuery& message, Served* out) {
  SKY_ASSIGN_OR_RETURN(const Rank rank, DecodeRank(message.rank()));
  SKY_ASSIGN_OR_RETURN(const Attempt attempt, DecodeAttempt(message.attempt()));
  SKY_ASSIGN_OR_RETURN(const RankProgress progress,
                       shard_.QueryRank(Phase(message.phase()), rank, attempt));
  wire::RankReply& answer = *out->reply.mutable_rank_reply();
  answer.set_committed(progress.committed);
  answer.set_accepted(progress.accepted);
  answer.set_done(progress.done);
  return Status();
}

Status TrainerAdapter::QueryStream(const wire::LedgerQuery& message, Served* out) {
  SKY_ASSIGN_OR_RETURN(const Attempt attempt, DecodeAttempt(message.attempt()));
  SKY_ASSIGN_OR_RETURN(
      const StreamProgress progress,
      shard_.QueryStream(Phase(message.phase()), StreamId(message.stream()), attempt));
  wire::LedgerReply& answer = *out->reply.mutable_ledger_reply();
  answer.set_next(progress.next);
  for (const uint64_t sequence : progress.applied) answer.add_window(sequence);
  return Status();
}

Status TrainerAdapter::Scan(const wire::Scan& message, Served* out) {
  if (message.table() >= tables_.size()) {
    return Status(StatusCode::kInvalidArgument, "scan of table " + std::to_string(message.table()) +
                                                    ": the model has " +
                                                    std::to_string(tables_.size()));
  }
  SKY_RETURN_IF_ERROR(shard_.ExpectCommitted(message.expect_committed()));
  const uint64_t row_bytes =
      sizeof(RowId) + tables_[message.table()].dim * sizeof(float) + sizeof(uint32_t);
  const uint64_t most = wire::kFrameBytesMax / row_bytes;
  if (message.rows_max() == 0 || message.rows_max() > most) {
    return Status(StatusCode::kInvalidArgument, "scan: rows_max is " +
                                                    std::to_string(message.rows_max()) +
                                                    ", must be 1 to " + std::to_string(most));
  }
  std::optional<RowId> after;
  if (!message.from_start()) after = RowId(message.after());
  SKY_ASSIGN_OR_RETURN(ScanPage page,
                       ScanRows(shard_.rows(), shard_.own().slots, TableId(message.table()), after,
                                message.rows_max()));
  *out->reply.mutable_scan_reply() = EncodeScanReply(message.table(), page, tables_);
  out->payload = std::move(page.bytes);
  return Status();
}

std::vector<Served> TrainerAdapter::RefuseParked() {
  std::vector<Served> answers;
  for (const ParkedPull& parked : parked_.TakeIf([](const ParkedPull&) { return true; })) {
    answers.push_back({.peer = parked.peer,
                       .request = parked.request,
                       .sender = parked.sender,
                       .status = Status(StatusCode::kStaleMap, "pull: the slots have moved",
                                        Number(shard_.own().version)),
                       .reply = {},
                       .payload = {}});
  }
  return answers;
}

std::vector<Served> TrainerAdapter::ServeParked(Instant now) {
  std::vector<Served> answers;
  if (parked_.size() == 0) return answers;
  const auto is_due = [&](const ParkedPull& parked) {
    const auto ready = shard_.Ready(parked.pull);
    return !ready || *ready || now - parked.since > park_max_;
  };
  for (const ParkedPull& parked : parked_.TakeIf(is_due)) {
    Served served{.peer = parked.peer, .request = parked.request, .sender = parked.sender};
    const auto ready = shard_.Ready(parked.pull);
    if (!ready) {
      served.status = ready.error();
    } else if (*ready) {
      served.status = AnswerPull(parked.pull, &served);
    } else {
      served.status =
          Status(StatusCode::kUnavailable, "pull: waited too long; " + shard_.Waiting());
    }
    answers.push_back(std::move(served));
  }
  return answers;
}

}  // namespace skybridge::ps
