// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "scheduler/job_result.h"

namespace skybridge::scheduler {

// Numbers of wire.LeaseKind.
enum class LeaseKind : uint8_t {
  kPreparePartition = 1,
  kTrainRank = 2,
  kTrainPartition = 3,
  kExportPartition = 4,
  kExportTable = 5,
  kEvaluatePartition = 6,
  kBuildIndex = 7,
  kExportCommit = 8,
};

// One piece of a phase's work. The unit's meaning goes by kind: a partition, a rank, or two
// numbers in one (UnitOf).
struct LeaseId {
  Phase phase{};
  LeaseKind kind{};
  uint64_t unit = 0;
  auto operator<=>(const LeaseId&) const = default;
};

constexpr uint64_t UnitOf(uint32_t high, uint32_t low) { return uint64_t{high} << 32 | low; }
constexpr uint32_t UnitHigh(uint64_t unit) { return static_cast<uint32_t>(unit >> 32); }
constexpr uint32_t UnitLow(uint64_t unit) { return static_cast<uint32_t>(unit); }

// "train partition 3 of epoch 1": for error lines.
std::string LeaseName(const LeaseId& lease);

// One file of an export; see wire.PartFile.
struct PartFile {
  std::string name;
  uint64_t bytes = 0;
  uint64_t xxh64 = 0;
  uint64_t rows = 0;
  uint32_t partition = 0;
  std::string kind;
  std::string table;
  bool operator==(const PartFile&) const = default;
};

// Sums over queries.
struct MetricSums {
  uint64_t queries = 0;
  std::vector<MetricAtK> at;
};

// A node's or a lease's work so far; see wire.Progress.
struct WorkDone {
  uint64_t examples = 0;
  double loss_sum = 0;
  uint64_t done = 0;
  uint64_t total = 0;
};

// What a node reports when it has finished a lease.
struct LeaseOutcome {
  uint64_t count = 0;
  uint64_t examples = 0;
  std::vector<PartFile> parts;
  MetricSums metrics;
  WorkDone progress;
  std::string report;
};

}  // namespace skybridge::scheduler
