// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/status.h"
#include "launch/open_job.h"
#include "launch/push_size.h"

namespace skybridge::launch {

// Rows that one table would have.
struct TableEstimate {
  std::string name;
  uint32_t dim = 0;
  uint64_t row_bytes = 0;   // In a server's memory, about.
  uint64_t rows_least = 0;  // Seen in the sample.
  uint64_t rows_most = 0;   // If every part of the data had as many new ones.
};

// What the first parts of a job's data hold.
struct Sample {
  uint64_t records = 0;
  uint64_t pairs = 0;
  uint64_t held_out = 0;
  uint64_t skipped = 0;
  uint64_t candidates = 0;
  std::vector<std::string> rows;  // The first few examples, one line a side, for people.
  std::vector<TableEstimate> tables;
  PushSize push;

  uint64_t bytes_least() const;
  uint64_t bytes_most() const;
};

// Reads the first training partition of each source that has examples, and the first candidate
// partition.
// Errors: those of reading.
Result<Sample> TakeSample(const OpenJob& job);

}  // namespace skybridge::launch
