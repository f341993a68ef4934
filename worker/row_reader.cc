// SPDX-License-Identifier: Apache-2.0
#include "worker/row_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"
#include "proto/envelope.h"

namespace skybridge::worker {
namespace {

size_t ReplyBytes(const TableSpec& spec) {
  return spec.dim * sizeof(float) + (spec.kind == TableKind::kCounts ? sizeof(uint32_t) : 0);
}

}  // namespace

RowReader::RowReader(uint64_t owner, const TableSpecs& specs, Calls& calls,
                     const ClusterView& cluster)
    : owner_(owner), specs_(specs), calls_(calls), cluster_(cluster) {}

void RowReader::Start(const wire::Pull& request, const TableIds& ids, const ShardSplit& split,
                      Instant now, Effects* out) {
  CHECK(complete());
  CHECK_EQ(ids.size(), specs_.size());
  ids_ = &ids;
  split_ = &split;
  rows_.values.resize(specs_.size());
  rows_.counts.resize(specs_.size());
  std::vector<size_t> row_bytes;
  for (size_t table = 0; table < specs_.size(); ++table) {
    rows_.values[table].resize(ids[table].size() * specs_[table].dim);
    const bool counts = specs_[table].kind == TableKind::kCounts;
    rows_.counts[table].resize(counts ? ids[table].size() : 0);
    // The question's ids are at most as long as the answer but for narrow tables.
    row_bytes.push_back(std::max(sizeof(uint64_t), ReplyBytes(specs_[table])));
  }
  for (size_t shard = 0; shard < split.shards(); ++shard) {
    for (auto& ranges : CutIntoMessages(split, shard, row_bytes, wire::kPayloadBytesMax)) {
      Ask(request, shard, std::move(ranges), now, out);
    }
  }
}

void RowReader::Ask(const wire::Pull& request, size_t shard, std::vector<RowRange> ranges,
                    Instant now, Effects* out) {
  wire::Header header;
  wire::Pull& pull = *header.mutable_pull();
  pull = request;
  std::string payload;
  std::vector<uint64_t> ids;
  for (const RowRange& range : ranges) {
    wire::TablePart& part = *pull.add_table();
    part.set_table(range.table);
    part.set_rows(range.end - range.begin);
    part.set_dim(specs_[range.table].dim);
    part.set_counts(specs_[range.table].kind == TableKind::kCounts);
    const auto positions = split_->positions(shard, range.table);
    ids.clear();
    for (uint32_t i = range.begin; i < range.end; ++i) {
      ids.push_back((*ids_)[range.table][positions[i]]);
    }
    AppendRaw<uint64_t>(payload, ids);
  }
  const uint64_t call =
      calls_.Start(owner_, shard, std::move(header), std::move(payload), now, out);
  asked_.emplace(call, Piece{shard, std::move(ranges)});
}

Result<bool> RowReader::Take(const Answer& answer) {
  const auto it = asked_.find(answer.call);
  if (it == asked_.end()) return false;
  const Piece piece = std::move(it->second);
  asked_.erase(it);
  SKY_RETURN_IF_ERROR(answer.status);
  SKY_RETURN_IF_ERROR(Store(piece, answer));
  return true;
}

Status RowReader::Store(const Piece& piece, const Answer& answer) {
  Status odd(StatusCode::kInternal, "pull from shard " + std::to_string(piece.shard) +
                                        ": the reply has a shape "
                                        "that was not asked for");
  const auto& parts = answer.header.pull_reply().table();
  if (!answer.header.has_pull_reply() || parts.size() != static_cast<int>(piece.ranges.size())) {
    return odd;
  }
  const char* bytes = answer.payload.data();
  size_t left = answer.payload.size();
  for (int i = 0; i < parts.size(); ++i) {
    const RowRange& range = piece.ranges[static_cast<size_t>(i)];
    const TableSpec& spec = specs_[range.table];
    const size_t rows = range.end - range.begin;
    if (parts[i].table() != range.table || parts[i].rows() != rows ||
        left < rows * ReplyBytes(spec)) {
      return odd;
    }
    left -= rows * ReplyBytes(spec);
    const auto positions = split_->positions(piece.shard, range.table).subspan(range.begin, rows);
    const size_t row_bytes = spec.dim * sizeof(float);
    float* values = rows_.values[range.table].data();
    for (const uint32_t position : positions) {
      if (row_bytes > 0) std::memcpy(values + size_t{position} * spec.dim, bytes, row_bytes);
      bytes += row_bytes;
    }
    if (spec.kind != TableKind::kCounts) continue;
    for (const uint32_t position : positions) {
      std::memcpy(&rows_.counts[range.table][position], bytes, sizeof(uint32_t));
      bytes += sizeof(uint32_t);
    }
  }
  return left == 0 ? Status() : odd;
}

}  // namespace skybridge::worker
