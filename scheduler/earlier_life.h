// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/object_store.h"
#include "common/status.h"
#include "proto/checkpoint.pb.h"
#include "scheduler/log_begin.h"

namespace skybridge::scheduler {

// What a job that goes on from this checkpoint must not give again: all that the job ever gave, as
// far as the checkpoints in the store know, and a caller who knows that it got as far as
// `generation`. Blocks. Errors: those of the store.
Result<EarlierLife> FindEarlierLife(ObjectStore& store, const checkpoint::Manifest& manifest,
                                    uint32_t generation = 0);

}  // namespace skybridge::scheduler
