// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "common/ids.h"
#include "common/table_spec.h"

namespace skybridge {

// Writes the value that a row has before its first push: a pure function of (seed, table, id),
// whoever asks and whenever.
//   weights  [spec.dim]
// Dense tables: numbers past spec.dense_size are zero.
void FirstValue(const TableSpec& spec, TableId table, uint64_t seed, RowId id,
                std::span<float> weights);

}  // namespace skybridge
