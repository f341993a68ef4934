// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/table_spec.h"

namespace skybridge::ps {

// First bytes of every row, in memory and on disk.
struct RowHeader {
  uint64_t lsn = 0;         // Log position of the last change; no part of the row's content.
  uint32_t last_clock = 0;  // Lockstep clock of the last change; 0 outside lockstep.
  uint32_t count = 0;       // Sightings pushed to it; stays at its maximum.
};
static_assert(sizeof(RowHeader) == 16);

// Where things lie in one row of a table: header, weights f32[dim], optimizer state
// f32[state], zeros up to a multiple of 8 bytes. One format, in memory and on disk
// (docs/protocol.md, L7).
struct RowLayout {
  uint32_t dim = 0;
  uint32_t state = 0;
  uint32_t bytes = 0;

  explicit RowLayout(const TableSpec& spec);

  RowHeader& header(char* record) const { return *reinterpret_cast<RowHeader*>(record); }
  const RowHeader& header(const char* record) const {
    return *reinterpret_cast<const RowHeader*>(record);
  }
  std::span<float> weights(char* record) const {
    return {reinterpret_cast<float*>(record + sizeof(RowHeader)), dim};
  }
  std::span<const float> weights(const char* record) const {
    return {reinterpret_cast<const float*>(record + sizeof(RowHeader)), dim};
  }
  std::span<float> optimizer_state(char* record) const {
    return {reinterpret_cast<float*>(record + sizeof(RowHeader)) + dim, state};
  }
};

// Floats of optimizer state that one row of `dim` weights carries.
uint32_t OptimizerStateSize(RowOptimizer optimizer, uint32_t dim);

// Bytes of one record of each table: what a RowStore is opened with.
std::vector<size_t> RecordBytes(const TableSpecs& tables);

}  // namespace skybridge::ps
