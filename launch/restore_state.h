// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/ids.h"
#include "common/object_store.h"
#include "common/status.h"
#include "launch/open_job.h"
#include "launch/run_folder.h"
#include "proto/checkpoint.pb.h"
#include "proto/checkpoint_store.h"

namespace skybridge::launch {

using Say = std::function<void(const std::string&)>;  // Takes lines for people.

// Says after each GiB how much of a checkpoint was read.
checkpoint::ReadProgress EachGigabyte(const Say& say);

// Reads every byte of a checkpoint and says that it is sound.
// Errors: kNotFound, kDataLoss: names the object.
Result<checkpoint::Manifest> VerifiedManifest(ObjectStore& store, uint32_t round, const Say& say);

JobId JobOf(const checkpoint::Manifest& manifest);

// Fills the empty stores and the empty scheduler folder of `into` from a checkpoint: rows and
// ledgers dealt to as many shards as `job` has, and a scheduler log that begins there, in the
// generation after `generation` and that of the checkpoint. `run`: the folder that it is for.
//
// Errors: kDataLoss            an object is damaged: names it;
//         kFailedPrecondition  another version made it, or the data files have changed;
//         kResourceExhausted   no room.
Status RestoreState(ObjectStore& store, const checkpoint::Manifest& manifest, uint32_t generation,
                    const OpenJob& job, const RunFolder& run, const RunFolder& into,
                    const Say& say);

}  // namespace skybridge::launch
