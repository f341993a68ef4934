// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/shard_map.h"
#include "common/status.h"
#include "ps/shard_record.h"

namespace skybridge::ps {

// The states of the shards that take over from others, which were cut together (docs/protocol.md,
// Restore): the phase goes on where it stood, with an empty log. Attempts begin anew, and so do the
// clocks of the staleness gate. In lockstep every rank stands at the clock of the cut; otherwise
// each target has the ledgers of all sources that it has slots of. Pure state.
class ImageMerge {
 public:
  // targets: ascending, none empty.
  explicit ImageMerge(std::vector<SlotRange> targets);

  // A source with its slots, after all sources of lower slots.
  // Errors: kDataLoss, naming what differs, if the sources before were not cut with it.
  Status Add(SlotRange slots, const ShardImage& image);

  // By target. What sources counted is counted once over all of them.
  const std::vector<ShardImage>& images() const { return images_; }

 private:
  Status CheckSameCut(const ShardImage& image) const;

  const std::vector<SlotRange> targets_;
  std::vector<ShardImage> images_;
  bool any_ = false;
};

}  // namespace skybridge::ps
