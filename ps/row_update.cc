// SPDX-License-Identifier: Apache-2.0
#include "ps/row_update.h"

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include <glog/logging.h>

#include "ps/push_merge.h"
#include "ps/row_optimizer.h"

namespace skybridge::ps {
namespace {

constexpr size_t kPrefetchAhead = 8;

uint32_t AddCount(uint32_t count, uint32_t sightings) {
  const uint32_t most = std::numeric_limits<uint32_t>::max();
  return sightings > most - count ? most : count + sightings;
}

// The updates of one table.
class TableUpdate {
 public:
  TableUpdate(TieredRows& rows, TableId table, std::span<const PushPart* const> parts, float rate,
              const UpdateStamp& stamp)
      : rows_(rows),
        table_(table),
        spec_(rows.tables()[Number(table)]),
        layout_(rows.layout(table)),
        parts_(parts),
        rate_(rate),
        stamp_(stamp),
        sum_(spec_.dim) {}

  Status Run() {
    PushMerge merge(parts_);
    while (merge.Next(rows_.block_rows())) {
      SKY_ASSIGN_OR_RETURN(const auto numbers, rows_.Create(table_, merge.ids()));
      for (size_t i = 0; i < numbers.size(); ++i) {
        if (i + kPrefetchAhead < numbers.size()) Prefetch(numbers[i + kPrefetchAhead]);
        UpdateRow(rows_.record(table_, numbers[i]), merge.sources(i));
        rows_.MarkChanged(table_, numbers[i]);
      }
    }
    return Status();
  }

 private:
  void Prefetch(RowNumber row) {
    const char* record = rows_.record(table_, row);
    const uint32_t bytes = std::min(layout_.bytes, 1024u);
    for (uint32_t at = 0; at < bytes; at += 64) __builtin_prefetch(record + at, 1);
  }

  std::span<const float> GradientOf(const PushMerge::Source& source) const {
    return std::span(parts_[source.part]->gradients)
        .subspan(size_t{source.position} * spec_.dim, spec_.dim);
  }

  // A row of one push needs no copy.
  std::span<const float> Sum(std::span<const PushMerge::Source> sources) {
    std::span<const float> total = GradientOf(sources[0]);
    for (const PushMerge::Source& source : sources.subspan(1)) {
      const std::span<const float> next = GradientOf(source);
      for (size_t i = 0; i < spec_.dim; ++i) sum_[i] = total[i] + next[i];
      total = sum_;
    }
    return total;
  }

  void UpdateRow(char* record, std::span<const PushMerge::Source> sources) {
    RowHeader& header = layout_.header(record);
    if (header.lsn >= stamp_.lsn) return;
    header.lsn = stamp_.lsn;
    if (stamp_.clock > 0) header.last_clock = stamp_.clock;
    for (const PushMerge::Source& source : sources) {
      const std::vector<uint32_t>& sightings = parts_[source.part]->sightings;
      header.count = AddCount(header.count, sightings.empty() ? 1 : sightings[source.position]);
    }
    if (spec_.dim == 0) return;
    OptimizerStep(spec_.optimizer, layout_.weights(record), layout_.optimizer_state(record),
                  Sum(sources), rate_);
  }

  TieredRows& rows_;
  const TableId table_;
  const TableSpec& spec_;
  const RowLayout& layout_;
  const std::span<const PushPart* const> parts_;
  const float rate_;
  const UpdateStamp stamp_;
  std::vector<float> sum_;
};

}  // namespace

Status ApplyUpdate(TieredRows& rows, std::span<const PushRows> pushes, const UpdateStamp& stamp) {
  if (pushes.empty()) return Status();
  std::map<TableId, std::vector<const PushPart*>> by_table;
  for (const PushRows& push : pushes) {
    CHECK_EQ(push.rate, pushes.front().rate);
    for (const PushPart& part : push.parts) by_table[part.table].push_back(&part);
  }
  for (const auto& [table, parts] : by_table) {
    SKY_RETURN_IF_ERROR(TableUpdate(rows, table, parts, pushes.front().rate, stamp).Run());
  }
  return Status();
}

}  // namespace skybridge::ps
