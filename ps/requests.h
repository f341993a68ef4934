// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"

namespace skybridge::ps {

// What trainers ask of a shard, as typed values; ps/shard_codec makes them from messages.

// Rows of one table in a push. Shapes: n = ids.size().
struct PushPart {
  TableId table{};
  std::vector<RowId> ids;           // [n] ascending, unique
  std::vector<float> gradients;     // [n, dim]
  std::vector<uint32_t> sightings;  // [n], or empty: one each

  uint64_t bytes() const {
    return ids.size() * sizeof(RowId) + gradients.size() * sizeof(float) +
           sightings.size() * sizeof(uint32_t);
  }
};

// The rows of one whole push.
struct PushRows {
  float rate = 1;               // Factor on every optimizer's learning rate: linear decay.
  uint64_t examples = 0;        // Of the batch.
  std::vector<PushPart> parts;  // Ascending by table; at most one a table.

  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const PushPart& part : parts) sum += part.bytes();
    return sum;
  }
};

// One chunk of a push.
struct PushRequest {
  Phase phase{};
  StreamId stream{};  // Lockstep: the rank.
  uint64_t sequence = 0;
  Rank rank{};
  Attempt attempt{};
  uint32_t chunk = 0;  // Of `chunks`.
  uint32_t chunks = 1;
  uint32_t crc = 0;  // Of the bytes it came in.
  PushRows rows;
};

struct PullPart {
  TableId table{};
  std::vector<RowId> ids;  // [n] ascending, unique
  bool counts = false;
};

struct PullRequest {
  Phase phase{};
  Rank rank{};
  Attempt attempt{};
  uint64_t clock = 0;
  uint64_t done = 0;
  bool read_only = false;
  uint64_t expect_committed = 0;
  std::vector<PullPart> parts;

  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const PullPart& part : parts) sum += part.ids.size() * sizeof(RowId);
    return sum;
  }
};

}  // namespace skybridge::ps
