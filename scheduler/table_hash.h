// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/job_result.h"

namespace skybridge::scheduler {

// Adds what the shards say of their rows into one number per table, which does not depend on how
// rows are spread over shards. Pure; a shard counts once.
class TableHash {
 public:
  explicit TableHash(uint32_t shards) : shards_(shards) {}

  void Add(uint32_t shard, const std::vector<TableSum>& tables);
  // Before any of them says something.
  void SetShards(uint32_t shards) { shards_ = shards; }
  bool complete() const { return heard_.size() == shards_; }
  // By name.
  std::vector<TableSum> sums() const;

 private:
  uint32_t shards_;
  std::set<uint32_t> heard_;
  std::map<std::string, TableSum> sums_;
};

}  // namespace skybridge::scheduler
