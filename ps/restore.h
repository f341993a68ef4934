// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/shard_map.h"
#include "common/status.h"
#include "env/row_store.h"
#include "ps/fragment_source.h"
#include "ps/shard_builder.h"

namespace skybridge::ps {

// A shard of the checkpoint.
struct RestoreSource {
  std::string name;  // For messages: which fragment.
  SlotRange slots{0, 0};
  // Called once, when it is its turn; what it returns is destroyed before the next one is opened.
  std::function<Result<std::unique_ptr<FragmentSource>>()> open;
};

// A shard to be made.
struct RestoreTarget {
  std::string name;  // For messages.
  SlotRange slots{0, 0};
  env::RowStore* store = nullptr;  // Empty.
};

struct RestoreProgress {
  uint64_t rows = 0;   // Written so far.
  size_t sources = 0;  // Read to their ends, of all.
};

struct RestoreOptions {
  ShardBuilderOptions build;
  std::function<void(const RestoreProgress&)>
      progress;  // Now and then, and at the end; may be empty.
};

// Makes shards from a checkpoint (docs/protocol.md, Restore): each row of the sources goes to the
// target that owns its slot. One source is open at a time, read once, in slot order; beside what
// that takes, one run of rows and the sources' ledgers are in memory. All targets become shards at
// the end, or none of them is used.
//
// Errors, naming source or target: kInvalidArgument unless sources and targets each cover all slots
// once, in order; kDataLoss if sources do not fit together or have not all their rows; those of
// FragmentSource and ShardBuilder.
Status RestoreShards(const RestoreOptions& options, std::span<const RestoreSource> sources,
                     std::span<const RestoreTarget> targets);

}  // namespace skybridge::ps
