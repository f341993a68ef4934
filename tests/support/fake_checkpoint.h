// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/object_store.h"
#include "common/shard_map.h"
#include "proto/checkpoint.pb.h"
#include "proto/manifest.h"

namespace skybridge::support {

inline checkpoint::Object PutObject(ObjectStore& store, const std::string& stem,
                                    const std::string& bytes) {
  auto writer = *store.Create();
  CHECK(writer->Append(bytes).ok());
  const ObjectInfo info = *writer->Finish("objects/" + stem, "");
  checkpoint::Object object;
  object.set_key(info.key);
  object.set_bytes(info.bytes);
  object.set_crc32c(info.crc32c);
  return object;
}

// What a shard with even slots uploads: a file of all rounds, one of this round, a tail.
inline checkpoint::FragmentEntry PutFragment(ObjectStore& store, uint32_t round, uint32_t shard,
                                             uint32_t shards, uint64_t clock) {
  checkpoint::Fragment fragment;
  const SlotRange slots = EvenSlots(shard, shards);
  fragment.set_shard(shard);
  fragment.set_slot_begin(slots.begin);
  fragment.set_slot_end(slots.end);
  fragment.set_committed(clock);
  fragment.set_redo(10 * round);
  fragment.set_cut(10 * round + 5);
  const auto add = [&](const std::string& name, const std::string& bytes) {
    checkpoint::File& file = *fragment.add_file();
    file.set_name(name);
    *file.mutable_object() = PutObject(store, name, bytes);
  };
  add(fmt::format("base{}", shard), fmt::format("rows of shard {}", shard));
  add(fmt::format("new{}", shard), fmt::format("rows of shard {} in round {}", shard, round));
  *fragment.mutable_tail() =
      PutObject(store, "tail", fmt::format("log of shard {} in round {}", shard, round));
  checkpoint::FragmentEntry entry;
  entry.set_shard(shard);
  entry.set_slot_begin(slots.begin);
  entry.set_slot_end(slots.end);
  entry.set_new_bytes(100);
  *entry.mutable_object() = PutObject(store, "fragment", fragment.SerializeAsString());
  return entry;
}

// The manifest of a checkpoint whose other objects are in the store.
inline checkpoint::Manifest MakeCheckpoint(ObjectStore& store, uint32_t round, uint32_t shards = 3,
                                           uint64_t clock = 40) {
  checkpoint::Manifest manifest;
  manifest.set_round(round);
  manifest.set_version("1.2");
  manifest.set_job_high(7);
  manifest.set_job_low(9);
  manifest.set_generation(1);
  manifest.set_job("name: \"a\"\nseed: 3\n");
  manifest.set_base("/base");
  manifest.mutable_state()->set_phase(2);
  manifest.mutable_state()->set_clock(clock);
  manifest.mutable_state()->set_epoch(1.0 / 3);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    *manifest.add_fragment() = PutFragment(store, round, shard, shards, clock);
  }
  return manifest;
}

}  // namespace skybridge::support
