// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/object_store.h"
#include "common/status.h"
#include "env/row_store.h"
#include "proto/checkpoint.pb.h"
#include "ps/fragment_source.h"
#include "ps/log_tail.h"
#include "ps/restore.h"

namespace skybridge::ps {

// A file of a frozen store, as the checkpoint has it.
struct StoreFile {
  std::string name;  // Plain, without folders.
  uint64_t bytes = 0;
  std::function<Status(const ByteSink&)> read;  // All its bytes in order; checked at the end.
};

// Makes a store of its own of such files.
using StoreMaker =
    std::function<Result<std::unique_ptr<env::RowStore>>(const std::vector<StoreFile>&)>;

// Opens a shard of a checkpoint from its objects. `objects` outlives what it returns.
// Errors: kDataLoss if an object is damaged; those of the object store, `make` and
// FragmentSource::Open. All name the shard, and where it is one's fault the file and the object.
Result<std::unique_ptr<FragmentSource>> OpenFragment(const checkpoint::Fragment& fragment,
                                                     ShardOptions options, ObjectStore& objects,
                                                     const StoreMaker& make);

// The shards of a checkpoint for RestoreShards: each is opened as above when it is its turn.
// `fragments` and `objects` outlive what it returns.
std::vector<RestoreSource> SourcesOf(std::span<const checkpoint::Fragment> fragments,
                                     const ShardOptions& options, ObjectStore& objects,
                                     const StoreMaker& make);

}  // namespace skybridge::ps
