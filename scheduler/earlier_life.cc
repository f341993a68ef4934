// SPDX-License-Identifier: Apache-2.0
#include "scheduler/earlier_life.h"

#include <algorithm>
#include <vector>

#include "proto/checkpoint_store.h"

namespace skybridge::scheduler {
namespace {

// No scheduler of one generation gives as many terms and incarnations.
constexpr uint32_t kTermsOfGeneration = 1'000'000;
constexpr int kIncarnationBits = 40;

}  // namespace

Result<EarlierLife> FindEarlierLife(ObjectStore& store, const checkpoint::Manifest& manifest,
                                    uint32_t generation) {
  SKY_ASSIGN_OR_RETURN(const std::vector<uint32_t> rounds, checkpoint::ListRounds(store));
  EarlierLife life{.generation = std::max(generation, manifest.generation()),
                   .round = manifest.round()};
  for (const uint32_t round : rounds) {
    life.round = std::max(life.round, round);
    // One that is damaged has told nobody anything but its number.
    const Result<checkpoint::Manifest> other = checkpoint::ReadManifest(store, round);
    if (other) life.generation = std::max(life.generation, other->generation());
    if (!other && other.error().code() == StatusCode::kUnavailable) return other.error();
  }
  life.term = life.generation * kTermsOfGeneration;
  life.incarnation = uint64_t{life.generation} << kIncarnationBits;
  return life;
}

}  // namespace skybridge::scheduler
