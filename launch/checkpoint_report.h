// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "common/object_store.h"
#include "common/status.h"
#include "launch/restore_state.h"

namespace skybridge::launch {

// What people are told of the checkpoints in a store. The job may go on meanwhile: a checkpoint
// that it prunes is neither listed nor damaged.

// One line of each. Errors: those of the store.
Status ListCheckpoints(ObjectStore& store, const Say& say);

// Reads every byte of all of them, or of the one that is `wanted`, whatever is found.
// Errors: the first thing that is wrong; kNotFound: the one that is wanted is not there.
Status VerifyCheckpoints(ObjectStore& store, std::optional<uint32_t> wanted, const Say& say);

}  // namespace skybridge::launch
