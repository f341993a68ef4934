// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "ps/requests.h"

namespace skybridge::ps {

// The slots that a shard owns, and under which map.
struct OwnSlots {
  MapVersion version{};
  SlotRange slots{0, 0};
};

// Checks what a peer sent before any of it is used.
//
// Errors of all: kInvalidArgument, naming the table and the row; kStaleMap (detail: own version) if
// a row's slot is not owned.

// ids: ascending, unique, owned.
Status CheckIds(const TableSpecs& tables, TableId table, std::span<const RowId> ids,
                const OwnSlots& own);
// Ids, and shapes: gradients [n, dim], finite; sightings [n] or empty; the rate finite and not
// negative.
Status CheckPush(const TableSpecs& tables, const PushRows& push, const OwnSlots& own);
Status CheckPull(const TableSpecs& tables, const PullRequest& pull, const OwnSlots& own);

}  // namespace skybridge::ps
