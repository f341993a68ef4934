// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/ids.h"
#include "ps/requests.h"

namespace skybridge::ps {

// Walks over the rows of several pushes to one table in id order, a block at a time, and says for
// each row which pushes have it: the order in which their gradients are added (docs/protocol.md,
// L5).
class PushMerge {
 public:
  // Row `position` of push `part`.
  struct Source {
    uint32_t part;
    uint32_t position;
    bool operator==(const Source&) const = default;
  };

  // parts: by rank; not null; they outlive this.
  explicit PushMerge(std::span<const PushPart* const> parts);

  // Moves to the next block of at most `rows_max` distinct rows. False at the end.
  bool Next(size_t rows_max);
  // Of this block, ascending.
  std::span<const RowId> ids() const { return ids_; }
  // Who has row ids()[i], in the order of parts.
  std::span<const Source> sources(size_t i) const {
    return std::span(sources_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
  }

 private:
  const std::span<const PushPart* const> parts_;
  std::vector<uint32_t> at_;  // By part: the first row not walked over.
  std::vector<RowId> ids_;
  std::vector<Source> sources_;
  std::vector<uint32_t> begins_;  // [ids_.size() + 1]
};

}  // namespace skybridge::ps
