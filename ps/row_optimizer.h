// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "common/status.h"
#include "common/table_spec.h"

namespace skybridge::ps {

// One step of the table's optimizer on one row.
//   weights, gradient  [dim]
//   state              [OptimizerStateSize(options.kind, dim)], zeros before the first step
//   rate_factor        times the learning rate, if options.linear_decay
void OptimizerStep(const OptimizerOptions& options, std::span<float> weights,
                   std::span<float> state, std::span<const float> gradient, float rate_factor);

// Errors: kInvalidArgument, naming the option, its value and what is allowed.
Status ValidateOptimizer(const OptimizerOptions& options);

}  // namespace skybridge::ps
