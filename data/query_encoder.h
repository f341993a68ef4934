// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/status.h"
#include "data/batch.h"
#include "data/options.h"

namespace skybridge::data {

// One example of a tower out of column values. Columns that are not given are empty fields: an
// empty bag, or a number's `missing`.
// Errors: kInvalidArgument: a column that no feature reads (the message lists those that are), a
// bad value, a number without value, no number, id or word at all.
Result<TowerBatch> EncodeColumns(const TowerFeatures& tower,
                                 const std::map<std::string, std::string>& columns);

// One example of a tower out of a plain text, which becomes the column of the tower's text
// features; without a text feature, of its only id feature.
// Errors: as EncodeColumns; kInvalidArgument if it is not clear which column is meant.
Result<TowerBatch> EncodeText(const TowerFeatures& tower, std::string_view text);

}  // namespace skybridge::data
