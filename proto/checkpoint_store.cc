// SPDX-License-Identifier: Apache-2.0
#include "proto/checkpoint_store.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glog/logging.h>

#include "proto/manifest.h"

namespace skybridge::checkpoint {
namespace {

Status Lost(std::string message) { return Status(StatusCode::kDataLoss, std::move(message)); }

Status Stopped() { return Status(StatusCode::kCancelled, "the job ends"); }

Result<Fragment> ReadFragment(ObjectStore& store, const FragmentEntry& entry,
                              const JobState& state) {
  const ObjectInfo info = InfoOf(entry.object());
  if (info.bytes > kFragmentBytesMax) {
    return Lost(fmt::format("{}: {} bytes are too many for a fragment", info.key, info.bytes));
  }
  std::string bytes;
  SKY_RETURN_IF_ERROR(store.Read(info, [&](std::string_view piece) {
    bytes += piece;
    return Status();
  }));
  Fragment fragment;
  if (!fragment.ParseFromString(bytes)) return Lost(info.key + ": it is no fragment");
  SKY_RETURN_IF_ERROR(CheckFragment(fragment, entry, state).WithContext(info.key));
  return fragment;
}

Status Add(const Object& object, Objects& objects) {
  const ObjectInfo info = InfoOf(object);
  const auto [at, is_new] = objects.emplace(info.key, info);
  if (is_new || at->second == info) return Status();
  return Lost(info.key + ": it is named with two contents");
}

Status AddAll(const Fragment& fragment, Objects& objects) {
  for (const File& file : fragment.file()) SKY_RETURN_IF_ERROR(Add(file.object(), objects));
  return fragment.has_tail() ? Add(fragment.tail(), objects) : Status();
}

// All objects of all manifests, whole or not.
Result<Objects> Named(ObjectStore& store) {
  Objects named;
  SKY_ASSIGN_OR_RETURN(const std::vector<uint32_t> rounds, ListRounds(store));
  for (const uint32_t round : rounds) {
    SKY_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(store, round));
    SKY_ASSIGN_OR_RETURN(Objects objects, ObjectsOf(store, manifest));
    named.merge(objects);
  }
  return named;
}

Status CheckSize(ObjectStore& store, const ObjectInfo& info) {
  SKY_ASSIGN_OR_RETURN(const uint64_t bytes, store.Bytes(info.key));
  if (bytes == info.bytes) return Status();
  return Lost(
      fmt::format("{}: it has {} bytes, the checkpoint says {}", info.key, bytes, info.bytes));
}

Status DropManifests(ObjectStore& store, uint32_t keep, SoundObjects& sound,
                     const std::stop_token& stop, PruneReport& report) {
  SKY_ASSIGN_OR_RETURN(const std::vector<uint32_t> rounds, ListRounds(store));
  if (rounds.size() <= keep) return Status();
  SKY_ASSIGN_OR_RETURN(const Manifest newest, ReadManifest(store, rounds.back()));
  SKY_ASSIGN_OR_RETURN(Objects whole, VerifyCheckpoint(store, newest, sound, stop));
  Status unread;
  size_t beyond = rounds.size() - 1;  // Those before it go, oldest first.
  for (uint32_t kept = 1; kept < keep && beyond > 0;) {
    const auto manifest = ReadManifest(store, rounds[--beyond]);
    if (manifest) {
      ++kept;
    } else if (manifest.error().code() != StatusCode::kDataLoss && unread.ok()) {
      unread = manifest.error();  // It may be whole: one more than was asked for is left.
    }
  }
  for (size_t i = 0; i < beyond; ++i) {
    SKY_RETURN_IF_ERROR(store.Delete(ManifestKey(rounds[i])));
    report.rounds.push_back(rounds[i]);
  }
  return unread;
}

}  // namespace

Result<std::vector<uint32_t>> ListRounds(ObjectStore& store) {
  SKY_ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                       store.List(std::string(kManifestPrefix)));
  std::vector<uint32_t> rounds;
  for (const std::string& key : keys) {
    if (const std::optional<uint32_t> round = RoundOf(key)) rounds.push_back(*round);
  }
  std::ranges::sort(rounds);
  return rounds;
}

Result<uint32_t> ChooseRound(const std::vector<uint32_t>& rounds, std::optional<uint32_t> wanted) {
  if (rounds.empty()) return Status(StatusCode::kNotFound, "there is no checkpoint");
  if (!wanted) return rounds.back();
  if (std::ranges::find(rounds, *wanted) != rounds.end()) return *wanted;
  return Status(StatusCode::kNotFound, fmt::format("there is no checkpoint {}; there are {}",
                                                   *wanted, fmt::join(rounds, ", ")));
}

Result<Manifest> ReadManifest(ObjectStore& store, uint32_t round) {
  const std::string key = ManifestKey(round);
  SKY_ASSIGN_OR_RETURN(const std::string bytes, store.Get(key, kManifestBytesMax));
  return DecodeManifest(key, bytes);
}

Result<std::vector<Fragment>> ReadFragments(ObjectStore& store, const Manifest& manifest) {
  std::vector<Fragment> fragments;
  for (const FragmentEntry& entry : manifest.fragment()) {
    SKY_ASSIGN_OR_RETURN(Fragment fragment, ReadFragment(store, entry, manifest.state()));
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

Result<Objects> ObjectsOf(ObjectStore& store, const Manifest& manifest) {
  Objects objects;
  for (const FragmentEntry& entry : manifest.fragment()) {
    SKY_RETURN_IF_ERROR(Add(entry.object(), objects));
    // One at a time: all together may be large.
    SKY_ASSIGN_OR_RETURN(const Fragment fragment, ReadFragment(store, entry, manifest.state()));
    SKY_RETURN_IF_ERROR(AddAll(fragment, objects));
  }
  return objects;
}

uint64_t BytesOf(const Objects& objects) {
  uint64_t bytes = 0;
  for (const auto& [key, info] : objects) bytes += info.bytes;
  return bytes;
}

Result<Objects> PutCheckpoint(ObjectStore& store, const Manifest& manifest) {
  SKY_RETURN_IF_ERROR(CheckManifest(manifest));
  SKY_ASSIGN_OR_RETURN(Objects objects, ObjectsOf(store, manifest));
  for (const auto& [key, info] : objects) SKY_RETURN_IF_ERROR(CheckSize(store, info));
  SKY_RETURN_IF_ERROR(store.Put(ManifestKey(manifest.round()), EncodeManifest(manifest)));
  return objects;
}

Result<Objects> VerifyCheckpoint(ObjectStore& store, const Manifest& manifest, SoundObjects& sound,
                                 const std::stop_token& stop, const ReadProgress& progress) {
  SKY_ASSIGN_OR_RETURN(Objects objects, ObjectsOf(store, manifest));
  const uint64_t all = BytesOf(objects);
  uint64_t read = 0;
  const auto look = [&](std::string_view piece) {
    read += piece.size();
    if (progress) progress(read, all);
    return stop.stop_requested() ? Stopped() : Status();
  };
  for (const auto& [key, info] : objects) {
    if (stop.stop_requested()) return Stopped();
    SKY_RETURN_IF_ERROR(CheckSize(store, info));
    if (const auto known = sound.find(key); known != sound.end() && known->second == info) {
      read += info.bytes;
      continue;
    }
    SKY_RETURN_IF_ERROR(store.Read(info, look));
    sound[key] = info;
  }
  return objects;
}

Result<PruneReport> Prune(ObjectStore& store, const PruneOptions& options, SoundObjects& sound,
                          const std::stop_token& stop) {
  CHECK_GE(options.keep, 1u);
  PruneReport report;
  SKY_RETURN_IF_ERROR(DropManifests(store, options.keep, sound, stop, report));
  // The objects first: one that a manifest names which was written meanwhile is young or was named
  // before.
  SKY_ASSIGN_OR_RETURN(const std::vector<std::string> keys, store.List(std::string(kObjectPrefix)));
  SKY_ASSIGN_OR_RETURN(const Objects named, Named(store));
  std::erase_if(sound, [&](const auto& entry) { return !named.contains(entry.first); });
  for (const std::string& key : keys) {
    if (stop.stop_requested()) return Stopped();
    if (named.contains(key)) continue;
    SKY_ASSIGN_OR_RETURN(const double age, store.Age(key));
    if (age < options.object_age_min) continue;
    SKY_ASSIGN_OR_RETURN(const uint64_t bytes, store.Bytes(key));
    SKY_RETURN_IF_ERROR(store.Delete(key));
    ++report.objects;
    report.bytes += bytes;
  }
  return report;
}

}  // namespace skybridge::checkpoint
