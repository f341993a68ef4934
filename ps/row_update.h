// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "common/status.h"
#include "ps/requests.h"
#include "ps/tiered_rows.h"

namespace skybridge::ps {

// What an update leaves in the headers of its rows.
struct UpdateStamp {
  uint64_t lsn = 0;    // Rows that stand at this position or beyond have it already.
  uint32_t clock = 0;  // 0: outside lockstep; the row keeps the clock it has.
};

// Applies pushes as one update (docs/protocol.md, L5): of each row, gradients are summed in the
// order of `pushes`, in fp32, then the optimizer takes one step; sightings are added to the count.
// All pushes carry the same rate. Rows that did not exist begin with their first value.
// A row that the update has reached already stays as it is, so an update may be applied again after
// any part of it was kept (docs/protocol.md, S6).
// Errors: those of the store; part of the update may then be in the rows.
Status ApplyUpdate(TieredRows& rows, std::span<const PushRows> pushes, const UpdateStamp& stamp);

}  // namespace skybridge::ps
