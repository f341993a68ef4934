// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "common/status.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

// Applies "path=value" to a job. A path is field names joined by dots; an element of a list is
// chosen by position, `table[0].dim`, or by one of its fields, `table[name=user].dim`; the position
// behind the last element adds one. Messages that are not there yet are made.
//
// A value is written as in the job file, without quotes for text; a list as `256,128`, a message as
// `{kind: BPR}`; nothing clears the field.
//
// Errors: kInvalidArgument, naming the part of the path, with the nearest known name.
Status ApplyOverride(std::string_view assignment, job::Job* job);

}  // namespace skybridge::launch
