// SPDX-License-Identifier: Apache-2.0
#include "retrieval/row_file.h"

#include <algorithm>
#include <functional>

namespace skybridge::retrieval {

Result<RowFile> RowFile::Open(const std::string& ids_path, const std::string& rows_path,
                              const std::string& counts_path) {
  SKY_ASSIGN_OR_RETURN(NpyFile ids, NpyFile::Open(ids_path, NpyType::kUint64, 1));
  RowFile file(std::move(ids));
  const auto misfit = [&](const std::string& path) {
    return Status(StatusCode::kDataLoss,
                  "read " + path + ": it does not fit " + ids_path + "; export again");
  };
  const auto all = file.ids();
  if (std::ranges::adjacent_find(all, std::greater_equal<>()) != all.end()) {
    return Status(StatusCode::kDataLoss, "read " + ids_path + ": its ids are not ascending");
  }
  if (!rows_path.empty()) {
    SKY_ASSIGN_OR_RETURN(NpyFile values, NpyFile::Open(rows_path, NpyType::kFloat32, 2));
    if (values.rows() != file.rows()) return misfit(rows_path);
    file.values_.emplace(std::move(values));
  }
  if (!counts_path.empty()) {
    SKY_ASSIGN_OR_RETURN(NpyFile counts, NpyFile::Open(counts_path, NpyType::kUint32, 1));
    if (counts.rows() != file.rows()) return misfit(counts_path);
    file.counts_.emplace(std::move(counts));
  }
  return file;
}

std::optional<uint64_t> RowFile::Find(uint64_t id) const {
  const auto all = ids();
  const auto it = std::ranges::lower_bound(all, id);
  if (it == all.end() || *it != id) return std::nullopt;
  return static_cast<uint64_t>(it - all.begin());
}

std::span<const float> RowFile::Values(uint64_t row) const {
  if (!values_) return {};
  return values_->floats().subspan(row * values_->columns(), values_->columns());
}

}  // namespace skybridge::retrieval
