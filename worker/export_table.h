// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/table_spec.h"
#include "worker/lease_work.h"

namespace skybridge::worker {

// Rows of one table of one shard, ids ascending.
struct ScannedRows {
  std::vector<uint64_t> ids;
  std::vector<float> values;     // [ids, dim]
  std::vector<uint32_t> counts;  // [ids]
};

// Writes scanned rows: ids, values (if the table has a width) and counts (if it counts).
class WriteRowsTask : public WorkTask {
 public:
  using WorkTask::WorkTask;
  void Run() override;

  std::string folder;
  std::string stem;  // tables/words-00001.a1
  TableSpec spec;
  uint32_t shard = 0;
  ScannedRows rows;

  Status status;
  std::vector<wire::PartFile> files;
};

// Copies what one shard holds of a table that the query tower reads into the export, page by page.
// Rows that were never pushed are not there: a reader computes their first value.
class ExportTable : public LeaseWork {
 public:
  struct Options {
    uint64_t owner = 0;
    uint32_t table = 0;
    uint32_t shard = 0;  // Position in the map.
    uint32_t attempt = 0;
  };
  ExportTable(Options options, const wire::ExportSpec& spec, const TableSpecs& tables,
              Calls& calls);

  void Begin(Instant now, Effects* out) override;
  void OnAnswer(const Answer& answer, Instant now, Effects* out) override;
  void OnTask(WorkTask& task, Instant now, Effects* out) override;

 private:
  void NextPage(Instant now, Effects* out);
  Status TakePage(const Answer& answer);

  const Options options_;
  const wire::ExportSpec spec_;
  const TableSpec table_;
  Calls& calls_;
  ScannedRows rows_;
};

}  // namespace skybridge::worker
