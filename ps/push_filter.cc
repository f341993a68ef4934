// SPDX-License-Identifier: Apache-2.0
#include "ps/push_filter.h"

#include <algorithm>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

bool Contains(std::span<const SlotRange> slots, Slot slot) {
  return std::ranges::any_of(slots, [&](const SlotRange& range) {
    return Number(slot) >= range.begin && Number(slot) < range.end;
  });
}

void KeepSlots(PushPart& part, std::span<const SlotRange> slots) {
  const size_t n = part.ids.size();
  const size_t dim = n == 0 ? 0 : part.gradients.size() / n;
  size_t kept = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!Contains(slots, SlotOf(part.table, part.ids[i]))) continue;
    part.ids[kept] = part.ids[i];
    std::copy_n(part.gradients.begin() + static_cast<ptrdiff_t>(i * dim), dim,
                part.gradients.begin() + static_cast<ptrdiff_t>(kept * dim));
    if (!part.sightings.empty()) part.sightings[kept] = part.sightings[i];
    ++kept;
  }
  part.ids.resize(kept);
  part.gradients.resize(kept * dim);
  if (!part.sightings.empty()) part.sightings.resize(kept);
}

}  // namespace

void KeepSlots(PushRows& push, std::span<const SlotRange> slots) {
  if (slots.size() == 1 && slots[0].begin == 0 && slots[0].end == kSlotCount) return;
  for (PushPart& part : push.parts) KeepSlots(part, slots);
}

}  // namespace skybridge::ps
