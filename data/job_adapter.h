// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "common/status.h"
#include "data/options.h"

namespace skybridge::job {
class Job;
}  // namespace skybridge::job

namespace skybridge::data {

// What `job` says about examples and batches. `base` is the folder of the job file, from which
// relative paths start.
//
// Errors: kInvalidArgument, naming the field: no training source, no candidate_key, a feature
// without column or kind, `where` that is not `column=value`, a share outside [0, 1], an n-gram
// range upside down, mask_seen without query_key, inverse_cloze columns that no tower reads, ...
Result<DatasetOptions> OptionsFromJob(const job::Job& job, std::string_view base);

}  // namespace skybridge::data
