// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/status.h"

namespace skybridge::launch {

// In what two results (result.json) of one job differ that must not, a line each; empty: in
// nothing.
//
// In lockstep the tables must be the same bit for bit, and with them every evaluation. Otherwise
// values depend on the order in which gradients come, but nothing may be counted twice or never:
// the examples and batches that were trained, the pushes that shards applied, the rows of each
// table.
//
// Errors: kFailedPrecondition: one of them is no result of `run --hash`, or of a run that failed.
Result<std::vector<std::string>> CompareResults(const std::string& calm, const std::string& storm,
                                                bool lockstep);

}  // namespace skybridge::launch
