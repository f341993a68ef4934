// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_options.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace skybridge::scheduler {
namespace {

// Vectors, ids and labels of a candidate partition; ids and rows of a table on one shard.
constexpr uint64_t kFilesPerPartition = 3;
constexpr uint64_t kFilesPerTable = 2;
constexpr uint64_t kIndexFiles = 1;

Status Refuse(std::string message) {
  return Status(StatusCode::kInvalidArgument, "scheduler options: " + std::move(message));
}

Status AtLeastOne(std::string_view field, uint64_t value) {
  if (value > 0) return Status();
  return Refuse(fmt::format("{} is 0, expected at least 1", field));
}

Status ValidateEvaluation(const EvaluationOptions& evaluation, bool lockstep) {
  const std::string& name = evaluation.name;
  if (evaluation.every_clocks > 0 && !lockstep) {
    return Refuse(
        fmt::format("evaluation '{}' has every_clocks {}, which only lockstep (staleness "
                    "0) can keep; use every_epochs",
                    name, evaluation.every_clocks));
  }
  const EarlyStop& stop = evaluation.early_stop;
  if (stop.metric.empty()) return Status();
  constexpr std::array<std::string_view, 4> kMetrics = {"recall", "ndcg", "mrr", "hit"};
  if (std::ranges::count(kMetrics, stop.metric) == 0 || stop.k == 0) {
    return Refuse(
        fmt::format("evaluation '{}' stops early by '{}@{}', expected recall, ndcg, mrr "
                    "or hit at a cut-off",
                    name, stop.metric, stop.k));
  }
  return AtLeastOne(fmt::format("evaluation '{}' early_stop.patience", name), stop.patience);
}

}  // namespace

uint64_t SchedulerNodeOptions::parts_expected() const {
  return kFilesPerPartition * candidate_partitions +
         kFilesPerTable * export_tables.size() * shards + kIndexFiles;
}

uint64_t SchedulerNodeOptions::streams_expected() const {
  const uint64_t prepared = uint64_t{training_partitions} + candidate_partitions;
  if (lockstep()) return prepared;
  uint32_t epochs_of_phase = epochs;
  for (const EvaluationOptions& evaluation : evaluations) {
    if (evaluation.every_epochs == 0) continue;
    epochs_of_phase = std::min(epochs_of_phase, evaluation.every_epochs);
  }
  return std::max(prepared, uint64_t{epochs_of_phase} * training_partitions);
}

Status SchedulerNodeOptions::Validate() const {
  SKY_RETURN_IF_ERROR(AtLeastOne("shards", shards));
  SKY_RETURN_IF_ERROR(AtLeastOne("servers", servers));
  SKY_RETURN_IF_ERROR(AtLeastOne("trainers", trainers));
  SKY_RETURN_IF_ERROR(AtLeastOne("workers", workers));
  SKY_RETURN_IF_ERROR(AtLeastOne("ranks", ranks));
  SKY_RETURN_IF_ERROR(AtLeastOne("leases_per_node", leases_per_node));
  if (ranks > std::numeric_limits<uint16_t>::max()) {
    return Refuse(fmt::format("ranks is {}, expected at most 65535", ranks));
  }
  if (staleness < -1) {
    return Refuse(fmt::format("staleness is {}, expected -1 (no bound) or more", staleness));
  }
  if (epochs > 0) SKY_RETURN_IF_ERROR(AtLeastOne("training_partitions", training_partitions));
  if (checkpoint_every < Duration{0}) {
    return Refuse(fmt::format("checkpoint_every is {} s", ToSeconds(checkpoint_every)));
  }
  SKY_RETURN_IF_ERROR(AtLeastOne("checkpoint_keep", checkpoint_keep));
  const bool embeds = !evaluations.empty() || !export_folder.empty();
  if (embeds) SKY_RETURN_IF_ERROR(AtLeastOne("candidate_partitions", candidate_partitions));
  if (!evaluations.empty() && temp_folder.empty()) return Refuse("temp_folder is empty");
  for (const EvaluationOptions& evaluation : evaluations) {
    SKY_RETURN_IF_ERROR(ValidateEvaluation(evaluation, lockstep()));
  }
  const std::set<uint32_t> tables(export_tables.begin(), export_tables.end());
  if (tables.size() != export_tables.size()) return Refuse("export_tables names a table twice");
  if (parts_expected() > kPartsMax) {
    return Refuse(fmt::format(
        "the export would have {} files ({} candidate partitions, {} tables "
        "on {} shards), more than {}; make data.partition_bytes larger",
        parts_expected(), candidate_partitions, export_tables.size(), shards, kPartsMax));
  }
  if (streams_expected() > kStreamsMax) {
    return Refuse(fmt::format(
        "{} partitions are trained on {} times, and shards would keep {} streams of pushes, more "
        "than {}; make data.partition_bytes larger, or evaluate every few epochs",
        training_partitions, epochs, streams_expected(), kStreamsMax));
  }
  return Status();
}

}  // namespace skybridge::scheduler
