// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"
#include "worker/step_source.h"

namespace skybridge::worker {

// Rows of a gradient, as fake shards see them pushed.
using SeenRows = std::map<std::pair<uint32_t, uint64_t>, std::vector<float>>;

// Lease works that train in the small world, on two fake shards.
class TrainingWorkTest : public SmallWorldTest {
 protected:
  // What a grant says of the training as a whole; the rest is the test's.
  wire::TrainSpec Spec(uint32_t epochs) const;
  // The gradient of the batch at `position`, by row; shards see it together.
  SeenRows RowsOfGradient(const BatchPosition& position, float scale) const;
  // Slots move to a third shard before the n-th message is delivered.
  void MoveSlotsBefore(size_t n, uint64_t owner);
  // Of all pushes of `sequence` that the shards saw.
  SeenRows RowsPushed(uint64_t sequence) const;

  static constexpr StepTotals kTotals{.candidates = 5, .examples = 11};
  const std::vector<uint64_t> batches_ = Batches();
  WorkRunner runner_{2};
  PartitionCache cache_{1 << 20};
};

}  // namespace skybridge::worker
