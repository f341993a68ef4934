// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proto/job.pb.h"

namespace skybridge::launch {

// The job with everything said that it left open: every default in full, a table for each feature,
// a width for each table, cut-offs, ranks. What a reader sees then depends on no default of the
// program, so an old job means the same to a later one. Repeats change nothing.
//
// Expects nothing of the job: mistakes stay for CheckJob to find.
job::Job ResolveJob(job::Job job);

}  // namespace skybridge::launch
