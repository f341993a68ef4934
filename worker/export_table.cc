// SPDX-License-Identifier: Apache-2.0
#include "worker/export_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/bytes.h"
#include "proto/envelope.h"
#include "worker/part_files.h"

namespace skybridge::worker {

namespace {

// Pages come in the shard's order, by slot; files are looked up by id.
ScannedRows SortedById(const ScannedRows& rows, size_t dim) {
  std::vector<size_t> order(rows.ids.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&rows](size_t i) { return rows.ids[i]; });
  ScannedRows sorted;
  for (const size_t i : order) {
    sorted.ids.push_back(rows.ids[i]);
    sorted.counts.push_back(rows.counts[i]);
    const auto begin = rows.values.begin() + static_cast<ptrdiff_t>(i * dim);
    sorted.values.insert(sorted.values.end(), begin, begin + static_cast<ptrdiff_t>(dim));
  }
  return sorted;
}

}  // namespace

void WriteRowsTask::Run() {
  rows = SortedById(rows, spec.dim);
  PartWriter writer(folder, {.partition = shard, .table = spec.name});
  const uint64_t n = rows.ids.size();
  status = writer.WriteIds("table_ids", stem + ".ids.npy", rows.ids);
  if (status.ok() && spec.dim > 0) {
    status = writer.WriteMatrix("table_rows", stem + ".rows.npy", n, spec.dim, rows.values);
  }
  if (status.ok() && spec.kind == TableKind::kCounts) {
    status = writer.WriteCounts("table_counts", stem + ".counts.npy", rows.counts);
  }
  files = writer.files();
}

ExportTable::ExportTable(Options options, const wire::ExportSpec& spec, const TableSpecs& tables,
                         Calls& calls)
    : options_(options), spec_(spec), table_(tables.at(options.table)), calls_(calls) {}

void ExportTable::Begin(Instant now, Effects* out) { NextPage(now, out); }

void ExportTable::NextPage(Instant now, Effects* out) {
  wire::Header header;
  wire::Scan& scan = *header.mutable_scan();
  scan.set_table(options_.table);
  scan.set_from_start(rows_.ids.empty());
  scan.set_after(rows_.ids.empty() ? 0 : rows_.ids.back());
  const size_t row_bytes = sizeof(uint64_t) + table_.dim * sizeof(float) + sizeof(uint32_t);
  scan.set_rows_max(static_cast<uint32_t>(wire::kPayloadBytesMax / row_bytes));
  scan.set_expect_committed(spec_.expect_committed());
  calls_.Start(options_.owner, options_.shard, std::move(header), {}, now, out);
}

Status ExportTable::TakePage(const Answer& answer) {
  SKY_RETURN_IF_ERROR(answer.status);
  const wire::TablePart& part = answer.header.scan_reply().part();
  RawReader reader(answer.payload);
  std::vector<uint64_t> ids;
  std::vector<float> values;
  std::vector<uint32_t> counts;
  if (!answer.header.has_scan_reply() || part.dim() != table_.dim ||
      !reader.Read(part.rows(), ids) || !reader.Read(size_t{part.rows()} * table_.dim, values) ||
      !reader.Read(part.rows(), counts) || reader.remaining() != 0) {
    return Status(StatusCode::kInternal, "scan of shard " + std::to_string(options_.shard) +
                                             ": the reply has a shape that was not asked for");
  }
  rows_.ids.insert(rows_.ids.end(), ids.begin(), ids.end());
  rows_.values.insert(rows_.values.end(), values.begin(), values.end());
  rows_.counts.insert(rows_.counts.end(), counts.begin(), counts.end());
  return Status();
}

void ExportTable::OnAnswer(const Answer& answer, Instant now, Effects* out) {
  if (Status status = TakePage(answer); !status.ok()) {
    return Fail(status.WithContext("export table \"" + table_.name + "\""));
  }
  progress_.set_done(rows_.ids.size());
  if (!answer.header.scan_reply().done()) return NextPage(now, out);
  auto task = std::make_unique<WriteRowsTask>(options_.owner);
  task->folder = spec_.folder();
  std::string name = table_.name;
  std::ranges::replace(name, '/', '.');
  task->stem = "tables/" + name + "-" + PartNumber(options_.shard, options_.attempt);
  task->spec = table_;
  task->shard = options_.shard;
  task->rows = std::move(rows_);
  out->start.push_back(std::move(task));
}

void ExportTable::OnTask(WorkTask& task, Instant, Effects*) {
  auto& written = dynamic_cast<WriteRowsTask&>(task);
  if (!written.status.ok()) return Fail(written.status);
  wire::LeaseDone done;
  done.set_count(written.rows.ids.size());
  for (const wire::PartFile& file : written.files) *done.add_part() = file;
  Complete(std::move(done));
}

}  // namespace skybridge::worker
