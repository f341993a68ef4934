// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_record.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/hash.h"
#include "proto/shard_log.pb.h"
#include "ps/row_record.h"
#include "ps/shard_codec.h"

namespace skybridge::ps {
namespace {

constexpr uint8_t kControl = 1;
constexpr uint8_t kPush = 2;
constexpr uint8_t kRows = 3;

Status Damaged(const std::string& what) {
  return Status(StatusCode::kDataLoss, "a record of the shard's log cannot be read: " + what);
}

template <typename T>
std::string_view BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

wire::OpenPhase ToProto(const PhaseRules& rules) {
  wire::OpenPhase message;
  message.set_phase(Number(rules.phase));
  message.set_lockstep(rules.lockstep);
  message.set_staleness(rules.staleness_max ? static_cast<int32_t>(*rules.staleness_max) : -1);
  message.set_ranks(rules.ranks);
  message.set_clock_begin(rules.clock_begin);
  message.set_read_only(rules.read_only);
  return message;
}

redo::SlotDoubt ToProto(const SlotDoubt& doubt) {
  redo::SlotDoubt out;
  out.set_map(Number(doubt.map));
  out.set_slot_begin(doubt.slots.begin);
  out.set_slot_end(doubt.slots.end);
  return out;
}

Result<SlotDoubt> FromProto(const redo::SlotDoubt& in) {
  if (in.slot_begin() > in.slot_end() || in.slot_end() > kSlotCount) return Damaged("slots");
  return SlotDoubt{MapVersion(in.map()), {in.slot_begin(), in.slot_end()}};
}

redo::Image ToProto(const ShardImage& image);
Result<ShardImage> FromProto(const redo::Image& in);

redo::Gate ToProto(const std::vector<StalenessGate::State>& ranks) {
  redo::Gate gate;
  for (const StalenessGate::State& rank : ranks) {
    gate.add_done(rank.done);
    gate.add_changes(rank.changes);
  }
  return gate;
}

Result<std::vector<StalenessGate::State>> FromProto(const redo::Gate& gate) {
  if (gate.changes_size() != gate.done_size()) return Damaged("a gate of uneven lists");
  std::vector<StalenessGate::State> ranks;
  for (int r = 0; r < gate.done_size(); ++r) {
    ranks.push_back({gate.done(r), gate.changes(r)});
  }
  return ranks;
}

// Fills in the control record of each kind.
struct ControlWriter {
  redo::Control& out;

  void operator()(const PhaseOpened& record) const {
    *out.mutable_phase_opened() = ToProto(record.rules);
  }
  void operator()(const PhaseClosed& record) const { out.set_phase_closed(Number(record.phase)); }
  void operator()(const RankFenced& record) const {
    out.mutable_rank_fenced()->set_of(Number(record.rank));
    out.mutable_rank_fenced()->set_attempt(Number(record.attempt));
  }
  void operator()(const StreamFenced& record) const {
    out.mutable_stream_fenced()->set_of(Number(record.stream));
    out.mutable_stream_fenced()->set_attempt(Number(record.attempt));
  }
  void operator()(const StreamClosed& record) const {
    out.mutable_stream_closed()->set_stream(Number(record.stream));
    out.mutable_stream_closed()->set_count(record.count);
  }
  void operator()(const GateMoved& record) const {
    *out.mutable_gate_moved() = ToProto(record.ranks);
  }
  void operator()(const RankCertified& record) const {
    out.mutable_rank_certified()->set_rank(Number(record.rank));
    out.mutable_rank_certified()->set_attempt(Number(record.attempt));
    out.mutable_rank_certified()->set_done(record.done);
  }
  void operator()(const ClockCommitted& record) const { out.set_clock_committed(record.clock); }
  void operator()(const SlotsInDoubt& record) const {
    *out.mutable_slots_in_doubt() = ToProto(record.doubt);
  }
  void operator()(const SlotsInstalled& record) const {
    out.mutable_slots_installed()->set_whole(record.whole);
    *out.mutable_slots_installed()->mutable_state() = ToProto(record.state);
  }
  void operator()(const SlotsSettled& record) const {
    redo::SlotsSettled& settled = *out.mutable_slots_settled();
    for (const SlotRange& range : record.dropped) {
      settled.add_dropped_begin(range.begin);
      settled.add_dropped_end(range.end);
    }
  }
  void operator()(const PushAccepted&) const { LOG(FATAL) << "a push is no control record"; }
  void operator()(const SlotRows&) const { LOG(FATAL) << "rows are no control record"; }
};

EncodedRecord EncodePush(const PushAccepted& record) {
  redo::PushHeader header;
  wire::Push& push = *header.mutable_push();
  push.set_stream(Number(record.stream));
  push.set_sequence(record.sequence);
  push.set_rank(Number(record.rank));
  push.set_attempt(Number(record.attempt));
  push.set_chunks(1);
  push.set_rate(record.push.rows.rate);
  push.set_examples(record.push.rows.examples);
  for (const uint32_t crc : record.push.crcs) header.add_crc(crc);

  EncodedRecord out{.type = kPush};
  for (const PushPart& rows : record.push.rows.parts) {
    wire::TablePart& part = *push.add_table();
    const size_t n = rows.ids.size();
    part.set_table(Number(rows.table));
    part.set_rows(static_cast<uint32_t>(n));
    part.set_dim(n == 0 ? 0 : static_cast<uint32_t>(rows.gradients.size() / n));
    part.set_counts(!rows.sightings.empty());
    out.tail.push_back(BytesOf(rows.ids));
    out.tail.push_back(BytesOf(rows.gradients));
    out.tail.push_back(BytesOf(rows.sightings));
  }
  const auto bytes = static_cast<uint32_t>(header.ByteSizeLong());
  out.head.assign(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
  header.AppendToString(&out.head);
  return out;
}

EncodedRecord EncodeRows(const SlotRows& record) {
  EncodedRecord out{.type = kRows};
  const uint32_t counts[] = {Number(record.table), static_cast<uint32_t>(record.ids.size())};
  AppendRaw<uint32_t>(out.head, counts);
  out.tail = {BytesOf(record.ids), BytesOf(record.records)};
  return out;
}

Result<ShardRecord> DecodeRowsRecord(std::string_view payload, const TableSpecs& tables) {
  RawReader reader(payload);
  std::vector<uint32_t> counts;
  SlotRows rows;
  if (!reader.Read(2, counts) || counts[0] >= tables.size()) return Damaged("rows of no table");
  rows.table = TableId(counts[0]);
  const size_t bytes = RowLayout(tables[counts[0]]).bytes;
  if (!reader.Read(counts[1], rows.ids) || !reader.Read(counts[1] * bytes, rows.records) ||
      reader.remaining() > 0) {
    return Damaged("rows of odd sizes");
  }
  return ShardRecord(std::move(rows));
}

Result<ShardRecord> DecodePushRecord(std::string_view payload, const TableSpecs& tables) {
  uint32_t bytes = 0;
  if (payload.size() < sizeof(bytes)) return Damaged("a push without a header");
  std::memcpy(&bytes, payload.data(), sizeof(bytes));
  payload.remove_prefix(sizeof(bytes));
  redo::PushHeader header;
  if (payload.size() < bytes || bytes > static_cast<uint32_t>(std::numeric_limits<int>::max()) ||
      !header.ParseFromArray(payload.data(), static_cast<int>(bytes))) {
    return Damaged("a push whose header of " + std::to_string(bytes) + " bytes is none");
  }
  payload.remove_prefix(bytes);
  wire::Header message;
  *message.mutable_push() = std::move(*header.mutable_push());
  // Without rows a part has no width of its own.
  for (wire::TablePart& part : *message.mutable_push()->mutable_table()) {
    if (part.rows() == 0 && part.table() < tables.size()) part.set_dim(tables[part.table()].dim);
  }
  auto push = DecodePush(message, payload, tables);
  if (!push) return Damaged(push.error().message());
  PushAccepted record{
      .stream = push->stream,
      .sequence = push->sequence,
      .rank = push->rank,
      .attempt = push->attempt,
      .push = {.rows = std::move(push->rows), .crcs = {header.crc().begin(), header.crc().end()}}};
  record.push.bytes = record.push.rows.bytes();
  return ShardRecord(std::move(record));
}

Result<ShardRecord> DecodeControl(std::string_view payload) {
  redo::Control control;
  if (!control.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return Damaged("no control record");
  }
  switch (control.body_case()) {
    case redo::Control::kPhaseOpened: {
      auto rules = DecodeRules(control.phase_opened());
      if (!rules) return Damaged(rules.error().message());
      return ShardRecord(PhaseOpened{*std::move(rules)});
    }
    case redo::Control::kPhaseClosed:
      return ShardRecord(PhaseClosed{Phase(control.phase_closed())});
    case redo::Control::kRankFenced: {
      const auto rank = DecodeRank(static_cast<uint32_t>(control.rank_fenced().of()));
      const auto attempt = DecodeAttempt(control.rank_fenced().attempt());
      if (!rank || !attempt) return Damaged("a fence of no rank");
      return ShardRecord(RankFenced{*rank, *attempt});
    }
    case redo::Control::kStreamFenced: {
      const auto attempt = DecodeAttempt(control.stream_fenced().attempt());
      if (!attempt) return Damaged("a fence of no attempt");
      return ShardRecord(StreamFenced{StreamId(control.stream_fenced().of()), *attempt});
    }
    case redo::Control::kStreamClosed:
      return ShardRecord(StreamClosed{StreamId(control.stream_closed().stream()),
                                      control.stream_closed().count()});
    case redo::Control::kGateMoved: {
      SKY_ASSIGN_OR_RETURN(auto ranks, FromProto(control.gate_moved()));
      return ShardRecord(GateMoved{std::move(ranks)});
    }
    case redo::Control::kRankCertified: {
      const auto rank = DecodeRank(control.rank_certified().rank());
      const auto attempt = DecodeAttempt(control.rank_certified().attempt());
      if (!rank || !attempt) return Damaged("a certificate of no rank");
      return ShardRecord(RankCertified{*rank, *attempt, control.rank_certified().done()});
    }
    case redo::Control::kClockCommitted:
      return ShardRecord(ClockCommitted{control.clock_committed()});
    case redo::Control::kSlotsInDoubt: {
      SKY_ASSIGN_OR_RETURN(const SlotDoubt doubt, FromProto(control.slots_in_doubt()));
      return ShardRecord(SlotsInDoubt{doubt});
    }
    case redo::Control::kSlotsInstalled: {
      SKY_ASSIGN_OR_RETURN(auto state, FromProto(control.slots_installed().state()));
      return ShardRecord(SlotsInstalled{control.slots_installed().whole(), std::move(state)});
    }
    case redo::Control::kSlotsSettled: {
      const redo::SlotsSettled& in = control.slots_settled();
      SlotsSettled settled;
      for (int i = 0; i < in.dropped_begin_size(); ++i) {
        if (i >= in.dropped_end_size() || in.dropped_begin(i) > in.dropped_end(i) ||
            in.dropped_end(i) > kSlotCount) {
          return Damaged("slots");
        }
        settled.dropped.push_back({in.dropped_begin(i), in.dropped_end(i)});
      }
      return ShardRecord(std::move(settled));
    }
    case redo::Control::BODY_NOT_SET: break;
  }
  return Damaged("a control record without content");
}

Result<PushLedger::StreamState> FromProto(const redo::StreamState& state) {
  const auto attempt = DecodeAttempt(state.attempt());
  const auto outside = [&](uint64_t sequence) {
    return sequence <= state.next() || sequence - state.next() >= PushLedger::kWindow;
  };
  if (!attempt || std::ranges::any_of(state.applied(), outside)) return Damaged("a stream");
  return PushLedger::StreamState{
      .stream = StreamId(state.stream()),
      .progress = {.next = state.next(),
                   .applied = {state.applied().begin(), state.applied().end()}},
      .attempt = *attempt};
}

redo::SlotGroup ToProto(const GroupedLedger::GroupState& group) {
  redo::SlotGroup out;
  out.set_slot_begin(group.slot_begin);
  for (const PushLedger::StreamState& stream : group.ledger.open) {
    redo::StreamState& state = *out.add_stream();
    state.set_stream(Number(stream.stream));
    state.set_next(stream.progress.next);
    for (const uint64_t sequence : stream.progress.applied) state.add_applied(sequence);
    state.set_attempt(Number(stream.attempt));
  }
  for (const auto& [stream, count] : group.ledger.closed) {
    redo::StreamClosed& closed = *out.add_stream_closed();
    closed.set_stream(Number(stream));
    closed.set_count(count);
  }
  return out;
}

Result<GroupedLedger::GroupState> FromProto(const redo::SlotGroup& in) {
  GroupedLedger::GroupState group{.slot_begin = in.slot_begin(), .ledger = {}};
  for (const redo::StreamState& state : in.stream()) {
    SKY_ASSIGN_OR_RETURN(PushLedger::StreamState stream, FromProto(state));
    group.ledger.open.push_back(std::move(stream));
  }
  for (const redo::StreamClosed& closed : in.stream_closed()) {
    group.ledger.closed.emplace_back(StreamId(closed.stream()), closed.count());
  }
  return group;
}

Result<GroupedLedger::Snapshot> FromProto(
    const google::protobuf::RepeatedPtrField<redo::SlotGroup>& groups) {
  GroupedLedger::Snapshot ledger;
  for (const redo::SlotGroup& state : groups) {
    SKY_ASSIGN_OR_RETURN(GroupedLedger::GroupState group, FromProto(state));
    const bool follows =
        ledger.empty() ? group.slot_begin == 0 : group.slot_begin > ledger.back().slot_begin;
    if (!follows || group.slot_begin >= kSlotCount) return Damaged("slot groups of an image");
    ledger.push_back(std::move(group));
  }
  return ledger;
}

redo::Image ToProto(const ShardImage& image) {
  redo::Image out;
  out.set_redo(image.redo);
  out.set_begin(image.begin);
  if (image.rules) *out.mutable_rules() = ToProto(*image.rules);
  out.set_closed(image.summary.closed);
  out.set_pushes(image.summary.pushes);
  out.set_examples(image.summary.examples);
  out.set_duplicates(image.summary.duplicates);
  out.set_committed(image.commit.committed);
  for (const ClockCommit::RankState& rank : image.commit.ranks) {
    redo::RankState& state = *out.add_rank();
    state.set_attempt(Number(rank.attempt));
    state.set_done(rank.done);
    state.set_last_clock(rank.last_clock);
    for (const uint32_t crc : rank.last_crcs) state.add_last_crc(crc);
    state.set_pending(rank.pending_lsn);
  }
  for (const GroupedLedger::GroupState& group : image.ledger) *out.add_group() = ToProto(group);
  *out.mutable_gate() = ToProto(image.gate);
  if (image.doubt) *out.mutable_doubt() = ToProto(*image.doubt);
  for (const GroupedLedger::GroupState& group : image.incoming) {
    *out.add_incoming() = ToProto(group);
  }
  return out;
}

Result<ShardImage> FromProto(const redo::Image& in) {
  if (in.redo() == 0 || in.redo() > in.begin()) return Damaged("no image");
  ShardImage image{.redo = in.redo(), .begin = in.begin()};
  if (in.has_rules()) {
    const auto rules = DecodeRules(in.rules());
    if (!rules) return Damaged("an image with odd rules");
    image.rules = *rules;
  }
  image.summary = {.closed = in.closed(),
                   .pushes = in.pushes(),
                   .duplicates = in.duplicates(),
                   .examples = in.examples()};
  image.commit.committed = in.committed();
  for (const redo::RankState& rank : in.rank()) {
    const auto attempt = DecodeAttempt(rank.attempt());
    if (!attempt || rank.pending() >= in.begin()) return Damaged("a rank of an image");
    image.commit.ranks.push_back({.attempt = *attempt,
                                  .done = rank.done(),
                                  .last_clock = rank.last_clock(),
                                  .last_crcs = {rank.last_crc().begin(), rank.last_crc().end()},
                                  .pending_lsn = rank.pending()});
  }
  SKY_ASSIGN_OR_RETURN(image.ledger, FromProto(in.group()));
  if (image.ledger.empty()) return Damaged("an image without slot groups");
  SKY_ASSIGN_OR_RETURN(image.incoming, FromProto(in.incoming()));
  SKY_ASSIGN_OR_RETURN(image.gate, FromProto(in.gate()));
  if (in.has_doubt()) {
    SKY_ASSIGN_OR_RETURN(image.doubt, FromProto(in.doubt()));
  }
  return image;
}

}  // namespace

std::vector<std::string_view> EncodedRecord::pieces() const {
  std::vector<std::string_view> pieces = {head};
  pieces.insert(pieces.end(), tail.begin(), tail.end());
  return pieces;
}

uint64_t EncodedRecord::bytes() const {
  uint64_t sum = head.size();
  for (const std::string_view piece : tail) sum += piece.size();
  return sum;
}

EncodedRecord Encode(const ShardRecord& record) {
  if (const auto* push = std::get_if<PushAccepted>(&record)) return EncodePush(*push);
  if (const auto* rows = std::get_if<SlotRows>(&record)) return EncodeRows(*rows);
  redo::Control control;
  std::visit(ControlWriter{control}, record);
  return {.type = kControl, .head = control.SerializeAsString()};
}

Result<ShardRecord> DecodeRecord(uint8_t type, std::string_view payload, const TableSpecs& tables) {
  if (type == kPush) return DecodePushRecord(payload, tables);
  if (type == kRows) return DecodeRowsRecord(payload, tables);
  if (type == kControl) return DecodeControl(payload);
  return Damaged("type " + std::to_string(type));
}

std::string EncodeImage(const ShardImage& image) { return ToProto(image).SerializeAsString(); }

Result<ShardImage> DecodeImage(std::string_view bytes) {
  redo::Image in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Damaged("no image");
  return FromProto(in);
}

}  // namespace skybridge::ps
