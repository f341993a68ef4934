// SPDX-License-Identifier: Apache-2.0
#include "scheduler/lease.h"

#include <fmt/format.h>

namespace skybridge::scheduler {

std::string LeaseName(const LeaseId& lease) {
  const uint32_t high = UnitHigh(lease.unit);
  const uint32_t low = UnitLow(lease.unit);
  switch (lease.kind) {
    case LeaseKind::kPreparePartition: return fmt::format("prepare partition {}", lease.unit);
    case LeaseKind::kTrainRank: return fmt::format("train rank {}", lease.unit);
    case LeaseKind::kTrainPartition:
      return fmt::format("train partition {} of epoch {}", low, high);
    case LeaseKind::kExportPartition: return fmt::format("export partition {}", lease.unit);
    case LeaseKind::kExportTable: return fmt::format("export table {} of shard {}", high, low);
    case LeaseKind::kEvaluatePartition:
      return fmt::format("evaluate partition {} of evaluation {}", low, high);
    case LeaseKind::kBuildIndex: return "build the index";
    case LeaseKind::kExportCommit: return "commit the export";
  }
  return "unknown lease";
}

}  // namespace skybridge::scheduler
