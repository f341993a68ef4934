// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/status.h"
#include "model/options.h"

namespace skybridge::model {

// Whether these options describe a model. Errors: kInvalidArgument, naming the tower, feature or
// table and what to change.
Status ValidateOptions(const TwoTowerOptions& options);

}  // namespace skybridge::model
