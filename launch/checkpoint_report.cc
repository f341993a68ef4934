// SPDX-License-Identifier: Apache-2.0
#include "launch/checkpoint_report.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "launch/progress_line.h"
#include "proto/checkpoint_store.h"
#include "proto/manifest.h"

namespace skybridge::launch {
namespace {

// Whether what was not found is that of a checkpoint that was pruned since it was listed. Its
// objects go after its manifest.
bool WasPruned(ObjectStore& store, uint32_t round, const Status& error) {
  return error.code() == StatusCode::kNotFound &&
         store.Bytes(checkpoint::ManifestKey(round)).status().code() == StatusCode::kNotFound;
}

std::string Line(const checkpoint::Manifest& manifest, double age) {
  const checkpoint::JobState& state = manifest.state();
  uint64_t new_bytes = 0;
  for (const checkpoint::FragmentEntry& entry : manifest.fragment()) new_bytes += entry.new_bytes();
  return fmt::format("{:>6} {:>12} {:>8.2f} {:>12} {:>7} {:>10}", manifest.round(),
                     ShortDuration(age), state.epoch(),
                     fmt::format("{}/{}", state.steps(), state.steps_total()),
                     manifest.fragment_size(), ShortCount(static_cast<double>(new_bytes)));
}

Result<std::string> LineOf(ObjectStore& store, uint32_t round) {
  const auto manifest = checkpoint::ReadManifest(store, round);
  SKY_ASSIGN_OR_RETURN(const double age, store.Age(checkpoint::ManifestKey(round)));
  if (manifest) return Line(*manifest, age);
  return fmt::format("{:>6} damaged: {}", round, manifest.error().message());
}

Result<std::string> Soundness(ObjectStore& store, uint32_t round, checkpoint::SoundObjects& sound,
                              const Say& say) {
  SKY_ASSIGN_OR_RETURN(const checkpoint::Manifest manifest, checkpoint::ReadManifest(store, round));
  SKY_ASSIGN_OR_RETURN(const checkpoint::Objects objects,
                       checkpoint::VerifyCheckpoint(store, manifest, sound, {}, EachGigabyte(say)));
  return fmt::format("checkpoint {} is sound: {} objects, {} bytes", round, objects.size(),
                     checkpoint::BytesOf(objects));
}

}  // namespace

Status ListCheckpoints(ObjectStore& store, const Say& say) {
  SKY_ASSIGN_OR_RETURN(const std::vector<uint32_t> rounds, checkpoint::ListRounds(store));
  say(fmt::format("{:>6} {:>12} {:>8} {:>12} {:>7} {:>10}", "round", "age", "epoch", "step",
                  "shards", "new bytes"));
  for (const uint32_t round : rounds) {
    const auto line = LineOf(store, round);
    if (!line && WasPruned(store, round, line.error())) continue;
    if (!line) return line.error();
    say(*line);
  }
  return {};
}

Status VerifyCheckpoints(ObjectStore& store, std::optional<uint32_t> wanted, const Say& say) {
  SKY_ASSIGN_OR_RETURN(std::vector<uint32_t> rounds, checkpoint::ListRounds(store));
  if (wanted) {
    SKY_ASSIGN_OR_RETURN(const uint32_t round, checkpoint::ChooseRound(rounds, wanted));
    rounds = {round};
  }
  checkpoint::SoundObjects sound;
  Status first;
  for (const uint32_t round : rounds) {
    const auto found = Soundness(store, round, sound, say);
    const bool pruned = !found && WasPruned(store, round, found.error());
    if (pruned) {
      say(fmt::format("checkpoint {} was pruned meanwhile", round));
    } else {
      say(found ? *found
                : fmt::format("checkpoint {} is damaged: {}", round, found.error().message()));
    }
    if (!found && first.ok() && (!pruned || wanted)) {
      first = found.error().WithContext(fmt::format("checkpoint {}", round));
    }
  }
  return first;
}

}  // namespace skybridge::launch
