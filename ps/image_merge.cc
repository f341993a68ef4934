// SPDX-License-Identifier: Apache-2.0
#include "ps/image_merge.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/hash.h"

namespace skybridge::ps {
namespace {

// Attempts count anew, so a stream of which nothing was applied is one that was never seen.
PushLedger::Snapshot WithoutAttempts(const PushLedger::Snapshot& ledger) {
  PushLedger::Snapshot out{.open = {}, .closed = ledger.closed};
  for (const PushLedger::StreamState& stream : ledger.open) {
    if (stream.progress == StreamProgress()) continue;
    out.open.push_back(stream);
    out.open.back().attempt = Attempt(0);
  }
  return out;
}

// Appends the groups of a source in `slots`.
void AddGroups(const GroupedLedger::Snapshot& source, SlotRange slots,
               GroupedLedger::Snapshot& out) {
  for (size_t g = 0; g < source.size(); ++g) {
    const uint32_t next = g + 1 < source.size() ? source[g + 1].slot_begin : kSlotCount;
    const uint32_t begin = std::max(source[g].slot_begin, slots.begin);
    if (begin >= std::min(next, slots.end)) continue;
    PushLedger::Snapshot ledger = WithoutAttempts(source[g].ledger);
    if (!out.empty() && out.back().ledger == ledger) continue;
    out.push_back({.slot_begin = out.empty() ? 0 : begin, .ledger = std::move(ledger)});
  }
}

// The state that all targets share: that of any source.
ShardImage Begin(const ShardImage& source) {
  ShardImage image{.rules = source.rules};
  // The rest of the phase begins where the rows stand.
  if (image.rules && image.rules->lockstep) image.rules->clock_begin = source.commit.committed;
  image.ledger.clear();
  image.summary.closed = source.summary.closed;
  image.commit.committed = source.commit.committed;
  image.commit.ranks.assign(source.commit.ranks.size(), {.done = source.commit.committed});
  image.gate.resize(source.rules ? source.rules->ranks : 0);
  return image;
}

}  // namespace

ImageMerge::ImageMerge(std::vector<SlotRange> targets)
    : targets_(std::move(targets)), images_(targets_.size()) {}

Status ImageMerge::CheckSameCut(const ShardImage& image) const {
  const ShardImage& other = images_.front();
  const auto differs = [](const std::string& what) {
    return Status(StatusCode::kDataLoss,
                  "the shards of the checkpoint were not cut together: " + what);
  };
  if (image.commit.committed != other.commit.committed) {
    return differs("this one stands at clock " + std::to_string(image.commit.committed) +
                   ", those before at " + std::to_string(other.commit.committed));
  }
  std::optional<PhaseRules> rules = image.rules;
  if (rules && rules->lockstep) rules->clock_begin = other.rules ? other.rules->clock_begin : 0;
  if (rules != other.rules || image.summary.closed != other.summary.closed) {
    return differs("this one is in another phase than those before");
  }
  if (image.commit.ranks.size() != other.commit.ranks.size()) {
    return differs("this one has " + std::to_string(image.commit.ranks.size()) +
                   " ranks, those before " + std::to_string(other.commit.ranks.size()));
  }
  return Status();
}

Status ImageMerge::Add(SlotRange slots, const ShardImage& image) {
  if (any_) {
    SKY_RETURN_IF_ERROR(CheckSameCut(image));
  } else {
    images_.assign(targets_.size(), Begin(image));
    any_ = true;
  }
  for (size_t t = 0; t < targets_.size(); ++t) {
    const SlotRange& target = targets_[t];
    AddGroups(image.ledger, {std::max(slots.begin, target.begin), std::min(slots.end, target.end)},
              images_[t].ledger);
    // Every shard counts all examples, with the pushes of its first group.
    if (target.begin >= slots.begin && target.begin < slots.end) {
      images_[t].summary.examples = image.summary.examples;
    }
    if (slots.begin < target.begin || slots.begin >= target.end) continue;
    images_[t].summary.pushes += image.summary.pushes;
    images_[t].summary.duplicates += image.summary.duplicates;
  }
  return Status();
}

}  // namespace skybridge::ps
