// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "launch/findings.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

// The part of CheckJob about tables, features, towers, similarity, loss and negatives. `job` is as
// its author wrote it; `resolved` is the same with its defaults.
void CheckModel(const job::Job& job, const job::Job& resolved, Findings* findings);

}  // namespace skybridge::launch
