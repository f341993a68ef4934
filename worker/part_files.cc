// SPDX-License-Identifier: Apache-2.0
#include "worker/part_files.h"

#include <fmt/format.h>

#include "retrieval/labels.h"
#include "retrieval/npy.h"

namespace skybridge::worker {

std::string PartNumber(uint32_t partition, uint32_t attempt) {
  return fmt::format("{:05}.a{}", partition, attempt);
}

void PartWriter::Record(const std::string& kind, const std::string& name,
                        const retrieval::FileSummary& summary, uint64_t rows) {
  wire::PartFile& file = files_.emplace_back();
  file.set_name(name);
  file.set_kind(kind);
  file.set_bytes(summary.bytes);
  file.set_xxh64(summary.xxh64);
  file.set_rows(rows);
  file.set_partition(label_.partition);
  file.set_table(label_.table);
}

Status PartWriter::WriteIds(const std::string& kind, const std::string& name,
                            std::span<const uint64_t> ids) {
  SKY_ASSIGN_OR_RETURN(const auto summary, retrieval::WriteNpy(folder_ + "/" + name, ids));
  Record(kind, name, summary, ids.size());
  return Status();
}

Status PartWriter::WriteCounts(const std::string& kind, const std::string& name,
                               std::span<const uint32_t> counts) {
  SKY_ASSIGN_OR_RETURN(const auto summary, retrieval::WriteNpy(folder_ + "/" + name, counts));
  Record(kind, name, summary, counts.size());
  return Status();
}

Status PartWriter::WriteMatrix(const std::string& kind, const std::string& name, uint64_t rows,
                               uint32_t dim, std::span<const float> values) {
  SKY_ASSIGN_OR_RETURN(const auto summary,
                       retrieval::WriteNpy(folder_ + "/" + name, rows, dim, values));
  Record(kind, name, summary, rows);
  return Status();
}

Status PartWriter::WriteLabels(const std::string& stem,
                               const std::vector<std::vector<std::string>>& fields) {
  SKY_ASSIGN_OR_RETURN(const auto summaries, retrieval::WriteLabels(folder_ + "/" + stem, fields));
  const uint64_t rows = fields.empty() ? 0 : fields[0].size();
  Record("labels", stem + ".labels.tsv", summaries.lines, rows);
  Record("label_offsets", stem + ".labels.npy", summaries.offsets, rows + 1);
  return Status();
}

Status WriteWholeFile(const std::string& folder, const std::string& name, std::string_view bytes,
                      const std::string& writer) {
  SKY_ASSIGN_OR_RETURN(auto file, retrieval::WholeFile::Create(folder + "/" + name, writer));
  SKY_RETURN_IF_ERROR(file.Append(bytes));
  return file.Commit().status();
}

}  // namespace skybridge::worker
