// SPDX-License-Identifier: Apache-2.0
#include "ps/restore.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/hash.h"
#include "ps/image_merge.h"

namespace skybridge::ps {
namespace {

constexpr uint64_t kRowsPerReport = 1 << 16;

// Sources or targets.
template <typename Part>
Status CheckCover(std::span<const Part> parts) {
  uint32_t next = 0;
  for (const Part& part : parts) {
    if (part.slots.begin != next || part.slots.end <= next || part.slots.end > kSlotCount) {
      return Status(StatusCode::kInvalidArgument,
                    part.name + ": slots " + std::to_string(part.slots.begin) + " to " +
                        std::to_string(part.slots.end) + " do not follow slot " +
                        std::to_string(next));
    }
    next = part.slots.end;
  }
  if (next == kSlotCount) return Status();
  return Status(StatusCode::kInvalidArgument,
                "nobody has the slots from " + std::to_string(next) + " on");
}

// One run of RestoreShards.
class Restoration {
 public:
  Restoration(const RestoreOptions& options, std::span<const RestoreTarget> targets)
      : options_(options), targets_(targets), states_(SlotsOf(targets)) {
    for (const RestoreTarget& target : targets) {
      builders_.emplace_back(options.build, target.slots, *target.store);
    }
  }

  Status Begin() {
    for (size_t t = 0; t < targets_.size(); ++t) {
      SKY_RETURN_IF_ERROR(builders_[t].Begin().WithContext(targets_[t].name));
    }
    return Status();
  }

  Status Add(const RestoreSource& named) {
    SKY_ASSIGN_OR_RETURN(const std::unique_ptr<FragmentSource> source, named.open());
    if (source->slots().begin != named.slots.begin || source->slots().end != named.slots.end) {
      return Status(StatusCode::kDataLoss, "it owns other slots than the manifest says");
    }
    SKY_RETURN_IF_ERROR(states_.Add(named.slots, source->image()));
    const uint64_t before = progress_.rows;
    for (size_t t = 0; t < targets_.size(); ++t) {
      const SlotRange slots{std::max(named.slots.begin, targets_[t].slots.begin),
                            std::min(named.slots.end, targets_[t].slots.end)};
      if (slots.begin < slots.end) SKY_RETURN_IF_ERROR(Copy(*source, slots, t));
    }
    if (progress_.rows - before != source->rows()) {
      return Status(StatusCode::kDataLoss,
                    "its slots have " + std::to_string(progress_.rows - before) +
                        " rows, but it should have " + std::to_string(source->rows()));
    }
    ++progress_.sources;
    Report();
    return Status();
  }

  Status Finish() {
    for (size_t t = 0; t < targets_.size(); ++t) {
      SKY_RETURN_IF_ERROR(builders_[t].Finish(states_.images()[t]).WithContext(targets_[t].name));
    }
    return Status();
  }

 private:
  static std::vector<SlotRange> SlotsOf(std::span<const RestoreTarget> targets) {
    std::vector<SlotRange> slots;
    for (const RestoreTarget& target : targets) slots.push_back(target.slots);
    return slots;
  }

  Status Copy(FragmentSource& source, SlotRange slots, size_t target) {
    ShardBuilder& builder = builders_[target];
    for (size_t t = 0; t < options_.build.tables.size(); ++t) {
      const auto table = TableId(static_cast<uint32_t>(t));
      const auto add = [&](env::RowKey key, std::string_view record) -> Status {
        SKY_RETURN_IF_ERROR(builder.AddRow(table, key, record).WithContext(targets_[target].name));
        if (++progress_.rows % kRowsPerReport == 0) Report();
        return Status();
      };
      SKY_RETURN_IF_ERROR(source.Scan(table, slots, add));
    }
    return builder.Flush().WithContext(targets_[target].name);
  }

  void Report() const {
    if (options_.progress) options_.progress(progress_);
  }

  const RestoreOptions& options_;
  const std::span<const RestoreTarget> targets_;
  std::vector<ShardBuilder> builders_;
  ImageMerge states_;
  RestoreProgress progress_;
};

}  // namespace

Status RestoreShards(const RestoreOptions& options, std::span<const RestoreSource> sources,
                     std::span<const RestoreTarget> targets) {
  SKY_RETURN_IF_ERROR(CheckCover(sources).WithContext("fragments"));
  SKY_RETURN_IF_ERROR(CheckCover(targets).WithContext("new shards"));
  Restoration restoration(options, targets);
  SKY_RETURN_IF_ERROR(restoration.Begin());
  for (const RestoreSource& source : sources) {
    SKY_RETURN_IF_ERROR(restoration.Add(source).WithContext(source.name));
  }
  return restoration.Finish();
}

}  // namespace skybridge::ps
