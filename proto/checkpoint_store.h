// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/object_store.h"
#include "common/status.h"
#include "proto/checkpoint.pb.h"

namespace skybridge::checkpoint {

// Checkpoints as they lie in an object store. All of this blocks: for tasks and commands.
// Errors beyond those named: those of the store.

// Rounds of all manifests, ascending; whether these can be read is not looked at.
Result<std::vector<uint32_t>> ListRounds(ObjectStore& store);
// The one that is `wanted` of them; the newest, if none is.
// Errors: kNotFound if it is not there: names those that are.
Result<uint32_t> ChooseRound(const std::vector<uint32_t>& rounds, std::optional<uint32_t> wanted);
// Errors: as DecodeManifest; kNotFound.
Result<Manifest> ReadManifest(ObjectStore& store, uint32_t round);
// Errors: kDataLoss if they are damaged or contradict the manifest.
Result<std::vector<Fragment>> ReadFragments(ObjectStore& store, const Manifest& manifest);

// By key. An object that several fragments name is in it once.
using Objects = std::map<std::string, ObjectInfo>;
// All that a checkpoint consists of, but its manifest.
// Errors: kDataLoss if one object is named with two contents; as ReadFragments.
Result<Objects> ObjectsOf(ObjectStore& store, const Manifest& manifest);
uint64_t BytesOf(const Objects& objects);

// Writes the manifest once its fragments were read back and fit it, and each object was seen with
// its size. Returns the objects that it consists of. The checkpoint exists if, and maybe though
// not, this returns a value. Errors: kAlreadyExists if there is one of that round; kNotFound or
// kDataLoss if an object is not
//         there; as ReadFragments.
Result<Objects> PutCheckpoint(ObjectStore& store, const Manifest& manifest);

// Objects whose every byte was read and found as it should be. They are immutable, so once is
// enough for a process that keeps this.
using SoundObjects = Objects;

// Bytes read so far, or known to be sound, of `all`: while a checkpoint is read.
using ReadProgress = std::function<void(uint64_t read, uint64_t all)>;

// Whether a restore would find all that it needs: each object is there with its size, and each one
// that is not in `sound` is read and checked, and then is in `sound`.
// Errors: kDataLoss, kNotFound: the checkpoint is damaged; names the object.
//         kCancelled: `stop` was requested.
Result<Objects> VerifyCheckpoint(ObjectStore& store, const Manifest& manifest, SoundObjects& sound,
                                 const std::stop_token& stop = {},
                                 const ReadProgress& progress = {});

struct PruneOptions {
  uint32_t keep = 3;             // Newest ones with a manifest that can be read, which stay; >= 1.
  double object_age_min = 3600;  // Seconds. Younger objects may belong to a round that goes on.
};

struct PruneReport {
  std::vector<uint32_t> rounds;  // Whose manifests are gone.
  uint64_t objects = 0;          // That are gone, with their bytes.
  uint64_t bytes = 0;
};

// Deletes the manifests of checkpoints beyond the newest `keep`, if the newest one is sound, and
// then the objects that no manifest names. Interrupted anywhere it leaves a store that can be
// pruned again, and no checkpoint without its objects.
// Errors: as VerifyCheckpoint; of a manifest that cannot be read for now, when those beyond it are
//         gone. Of a damaged one nobody knows what it names: as long as one is kept, no object
//         goes.
Result<PruneReport> Prune(ObjectStore& store, const PruneOptions& options, SoundObjects& sound,
                          const std::stop_token& stop = {});

}  // namespace skybridge::checkpoint
