// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"

namespace skybridge {

enum class TableKind : uint8_t {
  kRows,    // Embedding rows by id.
  kDense,   // One tensor, cut into rows of kDenseBlock numbers by block number.
  kCounts,  // Width 0: how often an id was sighted while the data were prepared.
};

// Numbers in one row of a dense table (the last block is padded with zeros).
inline constexpr uint32_t kDenseBlock = 1024;

enum class RowOptimizer : uint8_t { kSgd, kAdagrad, kRowwiseAdagrad, kAdam };

struct OptimizerOptions {
  RowOptimizer kind = RowOptimizer::kRowwiseAdagrad;
  float learning_rate = 0.1f;
  float epsilon = 1e-10f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  bool bias_correction = true;
  bool linear_decay = false;  // Multiply the rate by the factor that a push carries.

  bool operator==(const OptimizerOptions&) const = default;
};

// One table as every process knows it: the shards store it, the trainers use it.
struct TableSpec {
  std::string name;
  TableKind kind = TableKind::kRows;
  uint32_t dim = 0;         // Numbers per row. kDense: kDenseBlock. kCounts: 0.
  uint64_t dense_size = 0;  // kDense: numbers in the tensor.
  float init_stddev = 0;    // First values: normal with this deviation ...
  float init_constant = 0;  // ... around this.
  OptimizerOptions optimizer;

  bool operator==(const TableSpec&) const = default;
};

// Position in this list = TableId. The list is a pure function of the job.
using TableSpecs = std::vector<TableSpec>;

}  // namespace skybridge
