// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/shard_map.h"
#include "proto/wire.pb.h"

namespace skybridge::worker {

// What a trainer knows of the cluster it is in: who it is itself, and where the shards are.
struct ClusterView {
  wire::Identity self;  // Without a target.
  ShardMap map;

  // What a request to shard `position` of the map carries.
  wire::Identity IdentityFor(size_t position) const {
    wire::Identity identity = self;
    identity.set_map_version(Number(map.version()));
    identity.set_target_incarnation(Number(map.shards()[position].incarnation));
    return identity;
  }
};

}  // namespace skybridge::worker
