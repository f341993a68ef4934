// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "data/batch.h"
#include "data/options.h"

namespace skybridge::data {

// Values by column out of texts like user=4711. Errors: kInvalidArgument: one without column, or a
// column twice.
Result<std::map<std::string, std::string>> ColumnValues(const std::vector<std::string>& texts);

// One example of a tower out of column values. Columns that are not given are empty fields: an
// empty bag, or a number's `missing`.
// Errors: kInvalidArgument: a column that no feature reads (the message lists those that are), a
// bad value, a number without value, no number, id or word at all.
Result<TowerBatch> EncodeColumns(const TowerFeatures& tower,
                                 const std::map<std::string, std::string>& columns);

// One example of a tower out of a plain text, which becomes the column of the tower's text
// features.
// Errors: as EncodeColumns; kInvalidArgument if there is none, or if it is not clear which column
// is meant.
Result<TowerBatch> EncodeText(const TowerFeatures& tower, std::string_view text);

}  // namespace skybridge::data
