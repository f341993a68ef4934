// SPDX-License-Identifier: Apache-2.0
#include "ps/push_merge.h"

#include <algorithm>

#include <glog/logging.h>

namespace skybridge::ps {

PushMerge::PushMerge(std::span<const PushPart* const> parts) : parts_(parts), at_(parts.size()) {}

bool PushMerge::Next(size_t rows_max) {
  CHECK_GT(rows_max, 0u);
  ids_.clear();
  sources_.clear();
  begins_.assign(1, 0);
  while (ids_.size() < rows_max) {
    // Few parts: looking at all of them beats a heap.
    const RowId* lowest = nullptr;
    for (uint32_t p = 0; p < parts_.size(); ++p) {
      const std::vector<RowId>& ids = parts_[p]->ids;
      if (at_[p] < ids.size() && (lowest == nullptr || ids[at_[p]] < *lowest)) {
        lowest = &ids[at_[p]];
      }
    }
    if (lowest == nullptr) break;
    const RowId id = *lowest;
    ids_.push_back(id);
    for (uint32_t p = 0; p < parts_.size(); ++p) {
      const std::vector<RowId>& ids = parts_[p]->ids;
      if (at_[p] < ids.size() && ids[at_[p]] == id) sources_.push_back({p, at_[p]++});
    }
    begins_.push_back(static_cast<uint32_t>(sources_.size()));
  }
  return !ids_.empty();
}

}  // namespace skybridge::ps
