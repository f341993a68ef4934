// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/training_work.h"

#include <numeric>

namespace skybridge::worker {

wire::TrainSpec TrainingWorkTest::Spec(uint32_t epochs) const {
  wire::TrainSpec spec;
  for (const uint64_t batches : batches_) spec.add_batches(batches);
  spec.set_epochs(epochs);
  spec.set_examples_total(kTotals.examples);
  spec.set_candidates_total(kTotals.candidates);
  return spec;
}

SeenRows TrainingWorkTest::RowsOfGradient(const BatchPosition& position, float scale) const {
  const auto step = Prepare(position);
  const model::Gradients gradients = GradientsOf(*step, kTotals, scale);
  SeenRows rows;
  for (uint32_t table = 0; table < specs().size(); ++table) {
    const auto& ids = step->binding.ids()[table];
    const size_t dim = specs()[table].dim;
    if (specs()[table].kind == TableKind::kCounts) continue;
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto begin = gradients.tables[table].begin() + static_cast<ptrdiff_t>(i * dim);
      rows[{table, ids[i]}].assign(begin, begin + static_cast<ptrdiff_t>(dim));
    }
  }
  return rows;
}

void TrainingWorkTest::MoveSlotsBefore(size_t n, uint64_t owner) {
  runner_.before = [this, n, owner](size_t delivered, LeaseWork& work, Effects* out) {
    if (delivered != n) return;
    // Messages that are under way were sent to the shards of before.
    runner_.shards.pushes.clear();
    runner_.cluster.map = *ShardMap::Create(MapVersion(2), TestCluster(3).map.shards());
    runner_.calls.Drop(owner);
    work.OnMap({}, out);
  };
}

SeenRows TrainingWorkTest::RowsPushed(uint64_t sequence) const {
  SeenRows rows;
  for (const SeenPush& push : runner_.shards.pushes) {
    const bool to_former_map = push.map_version < Number(runner_.cluster.map.version());
    if (push.push.sequence() != sequence || to_former_map) continue;
    for (const auto& [row, gradient] : push.gradients) {
      EXPECT_TRUE(rows.emplace(row, gradient).second) << "row " << row.second << " came twice";
    }
  }
  return rows;
}

}  // namespace skybridge::worker
