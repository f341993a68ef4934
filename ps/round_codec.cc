// SPDX-License-Identifier: Apache-2.0
#include "ps/round_codec.h"

namespace skybridge::ps {
namespace {

wire::RoundReply::State EncodeState(RoundAnswer::State state) {
  switch (state) {
    case RoundAnswer::State::kNoRound: return wire::RoundReply::NO_ROUND;
    case RoundAnswer::State::kPreparing: return wire::RoundReply::PREPARING;
    case RoundAnswer::State::kPrepared: return wire::RoundReply::PREPARED;
    case RoundAnswer::State::kCut: return wire::RoundReply::CUT;
    case RoundAnswer::State::kTooLate: return wire::RoundReply::TOO_LATE;
    case RoundAnswer::State::kUploaded: return wire::RoundReply::UPLOADED;
    case RoundAnswer::State::kFailed: return wire::RoundReply::FAILED;
    case RoundAnswer::State::kEnded: return wire::RoundReply::ENDED;
  }
  return wire::RoundReply::NO_ROUND;
}

}  // namespace

wire::RoundReply EncodeRound(const RoundAnswer& answer) {
  wire::RoundReply reply;
  reply.set_round(answer.round);
  reply.set_state(EncodeState(answer.state));
  reply.set_committed(answer.committed);
  if (!answer.failure.ok()) reply.set_failure(answer.failure.ToString());
  if (answer.fragment) {
    checkpoint::FragmentEntry& entry = *reply.mutable_fragment();
    entry.set_shard(answer.fragment->shard);
    entry.set_slot_begin(answer.fragment->slots.begin);
    entry.set_slot_end(answer.fragment->slots.end);
    Encode(answer.fragment->object, entry.mutable_object());
    entry.set_new_bytes(answer.fragment->new_bytes);
  }
  return reply;
}

bool ServeRound(const wire::Header& question, ShardRound& round, wire::Header* reply) {
  RoundAnswer answer;
  switch (question.body_case()) {
    case wire::Header::kPrepareRound:
      answer = round.Prepare(question.prepare_round().round());
      break;
    case wire::Header::kCutRound: {
      const wire::CutRound& cut = question.cut_round();
      answer = round.Cut(cut.round(), Phase(cut.phase()), cut.clock());
      break;
    }
    case wire::Header::kCollectRound:
      answer = round.Collect(question.collect_round().round());
      break;
    case wire::Header::kEndRound:
      answer = round.End(question.end_round().round(), question.end_round().committed());
      break;
    default: return false;
  }
  *reply->mutable_round_reply() = EncodeRound(answer);
  return true;
}

}  // namespace skybridge::ps
