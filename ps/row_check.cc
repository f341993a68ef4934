// SPDX-License-Identifier: Apache-2.0
#include "ps/row_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

std::string Name(const TableSpecs& tables, TableId table) {
  return "table " + tables[Number(table)].name;
}

// Without a branch per number: an exponent of all ones is Inf or NaN.
bool AllFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t bad = 0;
  for (const float value : values) {
    bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & kExponent) == kExponent);
  }
  return bad == 0;
}

Status CheckGradients(const TableSpecs& tables, const PushPart& part) {
  const size_t dim = tables[Number(part.table)].dim;
  if (part.gradients.size() != part.ids.size() * dim ||
      (!part.sightings.empty() && part.sightings.size() != part.ids.size())) {
    return Status(StatusCode::kInvalidArgument,
                  Name(tables, part.table) + ": " + std::to_string(part.ids.size()) +
                      " rows cannot have " + std::to_string(part.gradients.size()) +
                      " gradients and " + std::to_string(part.sightings.size()) + " sightings");
  }
  if (AllFinite(part.gradients)) return Status();
  const auto bad = std::ranges::find_if(part.gradients, [](float g) { return !std::isfinite(g); });
  const auto at = static_cast<size_t>(bad - part.gradients.begin());
  return Status(StatusCode::kInvalidArgument,
                Name(tables, part.table) + ", row " + std::to_string(Number(part.ids[at / dim])) +
                    ": gradient " + std::to_string(at % dim) + " is " + std::to_string(*bad) +
                    "; lower the learning rate or look for the example that causes it");
}

}  // namespace

Status CheckIds(const TableSpecs& tables, TableId table, std::span<const RowId> ids,
                const OwnSlots& own) {
  if (Number(table) >= tables.size()) {
    return Status(StatusCode::kInvalidArgument, "table " + std::to_string(Number(table)) +
                                                    ": the model has " +
                                                    std::to_string(tables.size()));
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i - 1] >= ids[i]) {
      return Status(StatusCode::kInvalidArgument, Name(tables, table) + ", row " +
                                                      std::to_string(Number(ids[i])) +
                                                      ": ids must ascend and be unique");
    }
    const uint32_t slot = Number(SlotOf(table, ids[i]));
    if (slot < own.slots.begin || slot >= own.slots.end) {
      return Status(StatusCode::kStaleMap,
                    Name(tables, table) + ", row " + std::to_string(Number(ids[i])) + ": slot " +
                        std::to_string(slot) + " belongs to another shard",
                    Number(own.version));
    }
  }
  return Status();
}

Status CheckPush(const TableSpecs& tables, const PushRows& push, const OwnSlots& own) {
  if (!std::isfinite(push.rate) || push.rate < 0) {
    return Status(StatusCode::kInvalidArgument,
                  "push: rate " + std::to_string(push.rate) + " must be finite and at least 0");
  }
  for (size_t i = 0; i < push.parts.size(); ++i) {
    const PushPart& part = push.parts[i];
    SKY_RETURN_IF_ERROR(CheckIds(tables, part.table, part.ids, own));
    SKY_RETURN_IF_ERROR(CheckGradients(tables, part));
    if (i > 0 && push.parts[i - 1].table >= part.table) {
      return Status(StatusCode::kInvalidArgument,
                    Name(tables, part.table) + ": tables of a push must ascend");
    }
  }
  return Status();
}

Status CheckPull(const TableSpecs& tables, const PullRequest& pull, const OwnSlots& own) {
  for (const PullPart& part : pull.parts) {
    SKY_RETURN_IF_ERROR(CheckIds(tables, part.table, part.ids, own));
  }
  return Status();
}

}  // namespace skybridge::ps
