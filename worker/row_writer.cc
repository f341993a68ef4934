// SPDX-License-Identifier: Apache-2.0
#include "worker/row_writer.h"

#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"
#include "proto/envelope.h"

namespace skybridge::worker {
namespace {

// Ids with gradients, or with sightings where the table counts; 0 if `rows` has neither for it.
size_t RowBytes(const TableSpec& spec, const PushRows& rows) {
  const bool counts = spec.kind == TableKind::kCounts;
  if (counts) return rows.sightings == nullptr ? 0 : sizeof(uint64_t) + sizeof(uint32_t);
  return rows.gradients == nullptr ? 0 : sizeof(uint64_t) + spec.dim * sizeof(float);
}

}  // namespace

RowWriter::RowWriter(uint64_t owner, const TableSpecs& specs, Calls& calls,
                     const ClusterView& cluster)
    : owner_(owner), specs_(specs), calls_(calls), cluster_(cluster) {}

Status RowWriter::Start(const wire::Push& request, const PushRows& rows, const ShardSplit& split,
                        Instant now, Effects* out) {
  CHECK(complete());
  std::vector<size_t> row_bytes;
  for (const TableSpec& spec : specs_) row_bytes.push_back(RowBytes(spec, rows));
  for (size_t shard = 0; shard < split.shards(); ++shard) {
    const auto messages = CutIntoMessages(split, shard, row_bytes, wire::kPayloadBytesMax);
    if (messages.size() > kChunksMax) {
      return Status(StatusCode::kResourceExhausted, "push to shard " + std::to_string(shard) +
                                                        ": needs " +
                                                        std::to_string(messages.size()) +
                                                        " chunks of 4 MiB, 16 are allowed; "
                                                        "use a smaller batch or more shards");
    }
    for (size_t chunk = 0; chunk < messages.size(); ++chunk) {
      wire::Header header;
      wire::Push& push = *header.mutable_push();
      push = request;
      push.set_chunk(static_cast<uint32_t>(chunk));
      push.set_chunks(static_cast<uint32_t>(messages.size()));
      std::string payload = Encode(rows, split, shard, messages[chunk], &push);
      asked_.emplace(calls_.Start(owner_, shard, std::move(header), std::move(payload), now, out),
                     shard);
    }
  }
  return Status();
}

std::string RowWriter::Encode(const PushRows& rows, const ShardSplit& split, size_t shard,
                              const std::vector<RowRange>& ranges, wire::Push* push) const {
  std::string payload;
  std::vector<uint64_t> ids;
  for (const RowRange& range : ranges) {
    const TableSpec& spec = specs_[range.table];
    const bool counts = spec.kind == TableKind::kCounts;
    wire::TablePart& part = *push->add_table();
    part.set_table(range.table);
    part.set_rows(range.end - range.begin);
    part.set_dim(spec.dim);
    part.set_counts(counts);
    const auto positions =
        split.positions(shard, range.table).subspan(range.begin, range.end - range.begin);
    ids.clear();
    for (const uint32_t position : positions) ids.push_back((*rows.ids)[range.table][position]);
    AppendRaw<uint64_t>(payload, ids);
    if (spec.dim > 0) {
      const float* gradients = (*rows.gradients)[range.table].data();
      for (const uint32_t position : positions) {
        AppendRaw<float>(payload, {gradients + size_t{position} * spec.dim, spec.dim});
      }
    }
    if (!counts) continue;
    for (const uint32_t position : positions) {
      AppendRaw<uint32_t>(payload, {&(*rows.sightings)[range.table][position], 1});
    }
  }
  return payload;
}

Result<bool> RowWriter::Take(const Answer& answer) {
  if (asked_.erase(answer.call) == 0) return false;
  SKY_RETURN_IF_ERROR(answer.status);
  if (!answer.header.has_push_reply()) {
    return Status(StatusCode::kInternal, "push to shard " + std::to_string(answer.shard) +
                                             ": answered with something else");
  }
  // The shard has the whole push; its other chunks are not answered.
  std::erase_if(asked_, [&](const auto& asked) {
    if (asked.second != answer.shard) return false;
    calls_.Forget(asked.first);
    return true;
  });
  return true;
}

}  // namespace skybridge::worker
