// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_codec.h"

#include <algorithm>
#include <limits>

#include "proto/envelope.h"

namespace skybridge::scheduler {
namespace {

// An attempt that does not fit was never granted; the highest number stands for all of them.
Attempt ToAttempt(uint32_t number) {
  constexpr uint32_t kMax = std::numeric_limits<uint16_t>::max();
  return Attempt(static_cast<uint16_t>(std::min(number, kMax)));
}

void PutParts(const std::vector<PartFile>& parts,
              google::protobuf::RepeatedPtrField<wire::PartFile>* out) {
  for (const PartFile& part : parts) {
    wire::PartFile& file = *out->Add();
    file.set_name(part.name);
    file.set_bytes(part.bytes);
    file.set_xxh64(part.xxh64);
    file.set_rows(part.rows);
    file.set_partition(part.partition);
    file.set_kind(part.kind);
    file.set_table(part.table);
  }
}

void Put(const TrainSpec& spec, wire::TrainSpec* out) {
  out->set_rank(spec.rank);
  out->set_clock_begin(spec.clock_begin);
  out->set_clock_end(spec.clock_end);
  out->set_clocks_total(spec.clocks_total);
  out->mutable_batches()->Add(spec.batches.begin(), spec.batches.end());
  out->set_examples_total(spec.examples_total);
  out->set_candidates_total(spec.candidates_total);
  out->set_epoch(spec.epoch);
  out->set_partition(spec.partition);
  out->set_partition_batches(spec.partition_batches);
  out->set_epochs(spec.epochs);
}

void Put(const ExportSpec& spec, wire::ExportSpec* out) {
  out->set_folder(spec.folder);
  out->set_expect_committed(spec.expect_committed);
  out->set_vectors_only(spec.vectors_only);
  PutParts(spec.parts, out->mutable_part());
  out->set_step(spec.step);
  out->set_index_recall(spec.index_recall);
  out->set_candidates_total(spec.candidates_total);
}

void Put(const EvaluateSpec& spec, wire::EvaluateSpec* out) {
  out->set_folder(spec.folder);
  PutParts(spec.parts, out->mutable_part());
  out->set_evaluation(spec.evaluation);
  out->set_expect_committed(spec.expect_committed);
  out->set_candidates_total(spec.candidates_total);
}

}  // namespace

std::optional<Registration> FromWire(const wire::Register& message) {
  if (message.role() != wire::SHARD && message.role() != wire::TRAINER) return std::nullopt;
  const Role role = message.role() == wire::SHARD ? Role::kShard : Role::kTrainer;
  return Registration{.key = {role, message.index()},
                      .process = message.process(),
                      .host = message.host(),
                      .pid = message.pid(),
                      .instance = message.instance(),
                      .version = message.version(),
                      .job_hash = message.job_hash(),
                      .dataset_hash = message.dataset_hash(),
                      .endpoint = message.endpoint(),
                      .store_id = message.store_id()};
}

LeaseId FromWire(const wire::Lease& message) {
  // A kind that does not exist is no lease of any phase.
  const bool known = message.kind() > 0 && message.kind() <= wire::LeaseKind_MAX;
  const auto kind = known ? static_cast<LeaseKind>(message.kind()) : LeaseKind{};
  return {Phase(message.phase()), kind, message.unit()};
}

WorkDone FromWire(const wire::Progress& message) {
  return {message.examples(), message.loss_sum(), message.done(), message.total()};
}

LeaseOutcome FromWire(const wire::LeaseDone& message) {
  LeaseOutcome outcome{.count = message.count(),
                       .examples = message.examples(),
                       .progress = FromWire(message.progress()),
                       .report = message.report()};
  for (const wire::PartFile& file : message.part()) {
    outcome.parts.push_back({file.name(), file.bytes(), file.xxh64(), file.rows(), file.partition(),
                             file.kind(), file.table()});
  }
  outcome.metrics.queries = message.metrics().queries();
  for (const wire::MetricAtK& at : message.metrics().at()) {
    outcome.metrics.at.push_back({at.k(), at.recall(), at.ndcg(), at.mrr(), at.hit()});
  }
  return outcome;
}

ShardReply FromWire(const wire::PhaseReply& message) {
  return {.closed = message.closed(),
          .committed = message.committed(),
          .pushes = message.pushes(),
          .duplicates = message.duplicates(),
          .examples = message.examples()};
}

ShardReply FromWire(const wire::TableHashReply& message) {
  ShardReply reply;
  for (const wire::TableSum& table : message.table()) {
    reply.tables.push_back({table.name(), table.hash(), table.rows()});
  }
  return reply;
}

Granted FromWire(const wire::Lease& lease, uint32_t attempt, Incarnation node) {
  return {FromWire(lease), ToAttempt(attempt), node};
}

std::vector<Granted> HeldLeases(const wire::Heartbeat& message, Incarnation node) {
  std::vector<Granted> held;
  for (const wire::HeldLease& entry : message.held()) {
    held.push_back(FromWire(entry.lease(), entry.attempt(), node));
  }
  return held;
}

wire::Lease ToWire(const LeaseId& lease) {
  wire::Lease message;
  message.set_phase(Number(lease.phase));
  message.set_kind(static_cast<wire::LeaseKind>(lease.kind));
  message.set_unit(lease.unit);
  return message;
}

wire::Register ToWire(const Registration& registration) {
  wire::Register message;
  message.set_role(static_cast<wire::Role>(registration.key.role));
  message.set_index(registration.key.index);
  message.set_process(registration.process);
  message.set_host(registration.host);
  message.set_pid(registration.pid);
  message.set_instance(registration.instance);
  message.set_version(registration.version);
  message.set_job_hash(registration.job_hash);
  message.set_dataset_hash(registration.dataset_hash);
  message.set_endpoint(registration.endpoint);
  message.set_store_id(registration.store_id);
  return message;
}

wire::Header ToWire(const ShardCall& call) {
  wire::Header header;
  header.set_request(call.request);
  const ShardRequest& what = call.what;
  const uint32_t phase = Number(what.rules.phase);
  switch (what.kind) {
    case ShardRequest::Kind::kOpenPhase: {
      wire::OpenPhase& open = *header.mutable_open_phase();
      open.set_phase(phase);
      open.set_lockstep(what.rules.lockstep);
      open.set_staleness(what.rules.staleness);
      open.set_ranks(what.rules.ranks);
      open.set_clock_begin(what.rules.clock_begin);
      open.set_read_only(what.rules.read_only);
      break;
    }
    case ShardRequest::Kind::kClosePhase:
      header.mutable_close_phase()->set_phase(phase);
      header.mutable_close_phase()->set_clock_end(what.clock_end);
      break;
    case ShardRequest::Kind::kCloseStream:
      header.mutable_close_stream()->set_phase(phase);
      header.mutable_close_stream()->set_stream(what.stream);
      header.mutable_close_stream()->set_count(what.count);
      break;
    case ShardRequest::Kind::kRetireRank:
      header.mutable_retire_rank()->set_phase(phase);
      header.mutable_retire_rank()->set_rank(what.rank);
      header.mutable_retire_rank()->set_changes(what.changes);
      break;
    case ShardRequest::Kind::kTableHash: header.mutable_table_hash(); break;
    case ShardRequest::Kind::kPrepareRound:
      header.mutable_prepare_round()->set_round(what.round);
      break;
    case ShardRequest::Kind::kCutRound:
      header.mutable_cut_round()->set_round(what.round);
      header.mutable_cut_round()->set_phase(phase);
      header.mutable_cut_round()->set_clock(what.clock);
      break;
    case ShardRequest::Kind::kCollectRound:
      header.mutable_collect_round()->set_round(what.round);
      break;
    case ShardRequest::Kind::kEndRound:
      header.mutable_end_round()->set_round(what.round);
      header.mutable_end_round()->set_committed(what.committed);
      break;
    case ShardRequest::Kind::kTakeSlots: {
      wire::TakeSlots& take = *header.mutable_take_slots();
      take.set_map_version(Number(what.map));
      take.set_slot_begin(what.slots.begin);
      take.set_slot_end(what.slots.end);
      take.set_source_endpoint(what.endpoint);
      take.set_source_incarnation(Number(what.incarnation));
      take.set_whole(what.whole);
      break;
    }
    case ShardRequest::Kind::kFreezeSlots:
      header.mutable_freeze_slots()->set_map_version(Number(what.map));
      header.mutable_freeze_slots()->set_slot_begin(what.slots.begin);
      header.mutable_freeze_slots()->set_slot_end(what.slots.end);
      break;
    case ShardRequest::Kind::kInstallSlots:
      header.mutable_install_slots()->set_map_version(Number(what.map));
      break;
  }
  return header;
}

wire::Header ToWire(const Granted& granted, const GrantSpec& spec) {
  wire::Header header;
  wire::Grant& grant = *header.mutable_grant();
  *grant.mutable_lease() = ToWire(granted.lease);
  grant.set_attempt(Number(granted.attempt));
  if (spec.train) Put(*spec.train, grant.mutable_train());
  if (spec.export_spec) Put(*spec.export_spec, grant.mutable_export_());
  if (spec.evaluate) Put(*spec.evaluate, grant.mutable_evaluate());
  return header;
}

wire::Header ToWire(const ShardMap& map) {
  wire::Header header;
  wire::ClusterMap& message = *header.mutable_cluster_map();
  message.set_version(Number(map.version()));
  for (const ShardMap::Shard& shard : map.shards()) {
    wire::ShardEntry& entry = *message.add_shard();
    entry.set_shard(Number(shard.id));
    entry.set_endpoint(shard.endpoint);
    entry.set_incarnation(Number(shard.incarnation));
    entry.set_slot_begin(shard.slot_begin);
    entry.set_slot_end(shard.slot_end);
  }
  return header;
}

wire::Error ToWire(const Status& status) {
  wire::Error error;
  error.set_code(static_cast<uint32_t>(status.code()));
  error.set_message(status.message());
  error.set_detail(status.detail());
  return error;
}

Status StatusFromWire(const wire::Error& error) {
  return error.code() == 0 ? Status() : wire::ToStatus(error);
}

}  // namespace skybridge::scheduler
