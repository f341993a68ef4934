// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/object_store.h"
#include "common/status.h"
#include "proto/checkpoint.pb.h"

namespace skybridge::checkpoint {

// Manifests and fragments are read whole.
inline constexpr uint64_t kManifestBytesMax = 256 << 20;
inline constexpr uint64_t kFragmentBytesMax = 64 << 20;

inline constexpr std::string_view kManifestPrefix = "manifests/MANIFEST-";
inline constexpr std::string_view kObjectPrefix = "objects/";

// "manifests/MANIFEST-00000017".
std::string ManifestKey(uint32_t round);
// Nothing if it is not the key of a manifest.
std::optional<uint32_t> RoundOf(std::string_view key);

// A line "skybridge checkpoint 1 BYTES CRC32C", then the manifest as Protobuf text.
std::string EncodeManifest(const Manifest& manifest);
// What was encoded, checked as by CheckManifest; `key` is where it was found.
// Errors, all naming the key:
//   kDataLoss            bytes are missing, damaged or contradict each other.
//   kFailedPrecondition  it is of another format.
Result<Manifest> DecodeManifest(std::string_view key, std::string_view bytes);
// Errors: kDataLoss if it cannot be that of one job: slots without or with two fragments, no
// identity, a shard twice, a key that is no object's.
Status CheckManifest(const Manifest& manifest);

// Errors: kDataLoss if it is not the fragment that the entry means, of a job at that state.
Status CheckFragment(const Fragment& fragment, const FragmentEntry& entry, const JobState& state);

ObjectInfo InfoOf(const Object& object);

}  // namespace skybridge::checkpoint
