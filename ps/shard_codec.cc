// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_codec.h"

#include <limits>
#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"

namespace skybridge::ps {
namespace {

using Parts = google::protobuf::RepeatedPtrField<wire::TablePart>;

Status Invalid(std::string message) {
  return Status(StatusCode::kInvalidArgument, std::move(message));
}

Status CheckParts(const Parts& parts, const TableSpecs& tables) {
  if (parts.size() > kPartsMax) {
    return Invalid(std::to_string(parts.size()) + " tables in one message, " +
                   std::to_string(kPartsMax) + " are allowed");
  }
  for (const wire::TablePart& part : parts) {
    if (part.table() >= tables.size()) {
      return Invalid("table " + std::to_string(part.table()) + ": the model has " +
                     std::to_string(tables.size()));
    }
    const TableSpec& spec = tables[part.table()];
    if (part.dim() != spec.dim) {
      return Invalid("table " + spec.name + ": rows of " + std::to_string(part.dim()) +
                     " numbers, not " + std::to_string(spec.dim));
    }
  }
  return Status();
}

Status TooShort(const TableSpecs& tables, const wire::TablePart& part) {
  return Invalid("table " + tables[part.table()].name + ": " + std::to_string(part.rows()) +
                 " rows declared, the payload is shorter");
}

Status CheckEnd(const RawReader& reader) {
  if (reader.remaining() == 0) return Status();
  return Invalid("payload: " + std::to_string(reader.remaining()) +
                 " bytes beyond what the tables declare");
}

}  // namespace

Result<Rank> DecodeRank(uint32_t rank) {
  if (rank > std::numeric_limits<uint16_t>::max()) return Invalid("rank " + std::to_string(rank));
  return Rank(static_cast<uint16_t>(rank));
}

Result<Attempt> DecodeAttempt(uint32_t attempt) {
  if (attempt > std::numeric_limits<uint16_t>::max()) {
    return Invalid("attempt " + std::to_string(attempt));
  }
  return Attempt(static_cast<uint16_t>(attempt));
}

Result<PushRequest> DecodePush(const wire::Header& header, std::string_view payload,
                               const TableSpecs& tables) {
  const wire::Push& message = header.push();
  SKY_RETURN_IF_ERROR(CheckParts(message.table(), tables));
  SKY_ASSIGN_OR_RETURN(const Rank rank, DecodeRank(message.rank()));
  SKY_ASSIGN_OR_RETURN(const Attempt attempt, DecodeAttempt(message.attempt()));
  PushRequest push{.phase = Phase(message.phase()),
                   .stream = StreamId(message.stream()),
                   .sequence = message.sequence(),
                   .rank = rank,
                   .attempt = attempt,
                   .chunk = message.chunk(),
                   .chunks = message.chunks(),
                   .crc = header.payload_crc32c(),
                   .rows = {.rate = message.rate(), .examples = message.examples()}};
  RawReader reader(payload);
  for (const wire::TablePart& part : message.table()) {
    PushPart rows{.table = TableId(part.table())};
    if (!reader.Read(part.rows(), rows.ids) ||
        !reader.Read(size_t{part.rows()} * part.dim(), rows.gradients) ||
        (part.counts() && !reader.Read(part.rows(), rows.sightings))) {
      return TooShort(tables, part);
    }
    push.rows.parts.push_back(std::move(rows));
  }
  SKY_RETURN_IF_ERROR(CheckEnd(reader));
  return push;
}

Result<PullRequest> DecodePull(const wire::Pull& message, std::string_view payload,
                               const TableSpecs& tables) {
  SKY_RETURN_IF_ERROR(CheckParts(message.table(), tables));
  SKY_ASSIGN_OR_RETURN(const Rank rank, DecodeRank(message.rank()));
  SKY_ASSIGN_OR_RETURN(const Attempt attempt, DecodeAttempt(message.attempt()));
  PullRequest pull{.phase = Phase(message.phase()),
                   .rank = rank,
                   .attempt = attempt,
                   .clock = message.clock(),
                   .done = message.done(),
                   .read_only = message.read_only(),
                   .expect_committed = message.expect_committed()};
  RawReader reader(payload);
  for (const wire::TablePart& part : message.table()) {
    PullPart rows{.table = TableId(part.table()), .counts = part.counts()};
    if (!reader.Read(part.rows(), rows.ids)) return TooShort(tables, part);
    pull.parts.push_back(std::move(rows));
  }
  SKY_RETURN_IF_ERROR(CheckEnd(reader));
  return pull;
}

Result<PhaseRules> DecodeRules(const wire::OpenPhase& message) {
  if (message.phase() == 0) return Invalid("phases count from 1");
  PhaseRules rules{.phase = Phase(message.phase()),
                   .lockstep = message.lockstep(),
                   .ranks = message.ranks(),
                   .clock_begin = message.clock_begin(),
                   .read_only = message.read_only()};
  if (message.staleness() >= 0) rules.staleness_max = static_cast<uint32_t>(message.staleness());
  return rules;
}

Result<ShardMap> DecodeMap(const wire::ClusterMap& message) {
  if (message.version() == 0) return Invalid("map versions count from 1");
  std::vector<ShardMap::Shard> shards;
  for (const wire::ShardEntry& entry : message.shard()) {
    shards.push_back({ShardId(entry.shard()), entry.endpoint(), Incarnation(entry.incarnation()),
                      entry.slot_begin(), entry.slot_end()});
  }
  return ShardMap::Create(MapVersion(message.version()), std::move(shards));
}

wire::PhaseReply EncodeSummary(Phase phase, const PhaseSummary& summary) {
  wire::PhaseReply reply;
  reply.set_phase(Number(phase));
  reply.set_closed(summary.closed);
  reply.set_committed(summary.committed);
  reply.set_pushes(summary.pushes);
  reply.set_examples(summary.examples);
  reply.set_duplicates(summary.duplicates);
  return reply;
}

wire::PullReply EncodePullReply(const PullRequest& pull, const TableSpecs& tables,
                                uint64_t committed) {
  wire::PullReply reply;
  reply.set_committed(committed);
  for (const PullPart& rows : pull.parts) {
    wire::TablePart& part = *reply.add_table();
    part.set_table(Number(rows.table));
    part.set_rows(static_cast<uint32_t>(rows.ids.size()));
    part.set_dim(tables[Number(rows.table)].dim);
    part.set_counts(rows.counts);
  }
  return reply;
}

wire::ScanReply EncodeScanReply(uint32_t table, const ScanPage& page, const TableSpecs& tables) {
  wire::ScanReply reply;
  reply.mutable_part()->set_table(table);
  reply.mutable_part()->set_rows(page.rows);
  reply.mutable_part()->set_dim(tables[table].dim);
  reply.mutable_part()->set_counts(true);
  reply.set_done(page.done);
  return reply;
}

wire::TableHashReply EncodeHashes(const std::vector<TableSum>& sums, const TableSpecs& tables) {
  CHECK_EQ(sums.size(), tables.size());
  wire::TableHashReply reply;
  for (size_t t = 0; t < tables.size(); ++t) {
    wire::TableSum& sum = *reply.add_table();
    sum.set_name(tables[t].name);
    sum.set_hash(sums[t].hash);
    sum.set_rows(sums[t].rows);
  }
  return reply;
}

}  // namespace skybridge::ps
