// SPDX-License-Identifier: Apache-2.0
#include "ps/fragment_source.h"

#include <utility>
#include <vector>

#include "common/hash.h"
#include "ps/row_record.h"

namespace skybridge::ps {
namespace {

std::string Describe(const std::string& name, uint64_t record_bytes) {
  return name + " (rows of " + std::to_string(record_bytes) + " bytes)";
}

Status CheckTables(const checkpoint::Fragment& fragment, const TableSpecs& tables) {
  const auto differ = [](const std::string& what) {
    return Status(StatusCode::kInvalidArgument,
                  "the tables of the checkpoint are not those of the job: " + what);
  };
  if (static_cast<size_t>(fragment.table_size()) != tables.size()) {
    return differ("it has " + std::to_string(fragment.table_size()) + ", the job " +
                  std::to_string(tables.size()));
  }
  const std::vector<size_t> bytes = RecordBytes(tables);
  for (size_t t = 0; t < tables.size(); ++t) {
    const checkpoint::Table& had = fragment.table(static_cast<int>(t));
    if (had.name() == tables[t].name && had.record_bytes() == bytes[t]) continue;
    return differ("table " + std::to_string(t) + " is " + Describe(had.name(), had.record_bytes()) +
                  ", in the job " + Describe(tables[t].name, bytes[t]));
  }
  return Status();
}

Status CheckTail(const checkpoint::Fragment& fragment, const env::RedoLog& tail) {
  if (tail.first() == fragment.redo() && tail.last() == fragment.cut()) return Status();
  return Status(StatusCode::kDataLoss,
                "the tail of the log has the positions " + std::to_string(tail.first()) + " to " +
                    std::to_string(tail.last()) + " instead of " + std::to_string(fragment.redo()) +
                    " to " + std::to_string(fragment.cut()));
}

}  // namespace

FragmentSource::FragmentSource(SlotRange slots, ShardOptions options,
                               std::unique_ptr<env::RowStore> store,
                               std::unique_ptr<env::RedoLog> tail)
    : slots_(slots),
      store_(std::move(store)),
      tail_(std::move(tail)),
      shard_(std::make_unique<Shard>(std::move(options), *store_, *tail_)) {}

Result<std::unique_ptr<FragmentSource>> FragmentSource::Open(const checkpoint::Fragment& fragment,
                                                             ShardOptions options,
                                                             std::unique_ptr<env::RowStore> store,
                                                             std::unique_ptr<env::RedoLog> tail) {
  const SlotRange slots{fragment.slot_begin(), fragment.slot_end()};
  if (slots.begin >= slots.end || slots.end > kSlotCount) {
    return Status(StatusCode::kDataLoss, "it owns the slots " + std::to_string(slots.begin) +
                                             " to " + std::to_string(slots.end));
  }
  SKY_RETURN_IF_ERROR(CheckTables(fragment, options.rows.tables));
  SKY_RETURN_IF_ERROR(CheckTail(fragment, *tail));
  options.rows.seed = fragment.seed();
  std::unique_ptr<FragmentSource> source(
      new FragmentSource(slots, std::move(options), std::move(store), std::move(tail)));
  SKY_RETURN_IF_ERROR(source->shard_->journal().Recover());
  if (source->shard_->committed() != fragment.committed()) {
    return Status(StatusCode::kDataLoss, "its rows stand at clock " +
                                             std::to_string(source->shard_->committed()) +
                                             " instead of " + std::to_string(fragment.committed()));
  }
  return source;
}

uint64_t FragmentSource::rows() const {
  uint64_t sum = 0;
  for (size_t t = 0; t < shard_->rows().tables().size(); ++t) {
    sum += shard_->rows().rows(TableId(static_cast<uint32_t>(t)));
  }
  return sum;
}

Status FragmentSource::Scan(TableId table, SlotRange slots,
                            const std::function<Status(env::RowKey, std::string_view)>& visit) {
  Status visited;
  const auto visit_row = [&](env::RowKey key, std::string_view record) {
    if (Number(key.slot) >= slots.end) return false;
    visited = visit(key, record);
    return visited.ok();
  };
  SKY_RETURN_IF_ERROR(shard_->rows().Scan(
      table, {.slot = Slot(static_cast<uint16_t>(slots.begin)), .id = RowId(0)}, visit_row));
  return visited;
}

}  // namespace skybridge::ps
