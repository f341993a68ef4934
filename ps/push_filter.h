// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "common/shard_map.h"
#include "ps/requests.h"

namespace skybridge::ps {

// Leaves in a push that was checked only the rows of some slots.
//   slots  ascending, without overlap
void KeepSlots(PushRows& push, std::span<const SlotRange> slots);

}  // namespace skybridge::ps
