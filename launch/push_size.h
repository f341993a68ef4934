// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "common/status.h"
#include "data/partition.h"
#include "launch/open_job.h"

namespace skybridge::launch {

// What one step of a trainer sends to the shard that gets most of it.
struct PushSize {
  uint64_t batches = 0;     // That were built; 0: nothing is known.
  uint64_t bytes_mean = 0;  // Of ids and gradients.
  uint64_t bytes_most = 0;
};

// Builds some batches of `partition` as training does. `catalogue` may be null unless
// CatalogueIfNeeded says otherwise. Errors: those of BatchBuilder.
Result<PushSize> MeasurePushes(const OpenJob& job, const data::Partition& partition,
                               const data::Catalogue* catalogue);

// The same of the first training partition that has any. Errors: also those of reading.
Result<PushSize> MeasurePushes(const OpenJob& job);

// Errors: kInvalidArgument: no batch was built, so there is nothing to train on.
Status CheckHasBatches(const OpenJob& job, const PushSize& push);

}  // namespace skybridge::launch
