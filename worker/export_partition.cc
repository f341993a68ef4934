// SPDX-License-Identifier: Apache-2.0
#include "worker/export_partition.h"

#include <utility>

#include "worker/part_files.h"

namespace skybridge::worker {

void CandidatesTask::Run() {
  auto loaded = dataset_.LoadCandidates(partition_);
  if (!loaded.has_value()) {
    status = loaded.error();
    return;
  }
  candidates = *std::move(loaded);
}

void WriteVectorsTask::Run() {
  PartWriter writer(folder, {.partition = partition});
  status =
      writer.WriteMatrix("vectors", stem + ".vectors.npy", candidates->keys.size(), dim, vectors);
  if (status.ok()) status = writer.WriteIds("ids", stem + ".ids.npy", candidates->keys);
  if (status.ok() && labels) {
    std::vector<std::vector<std::string>> fields{candidates->labels};
    fields.insert(fields.end(), candidates->display.begin(), candidates->display.end());
    status = writer.WriteLabels(stem, fields);
  }
  files = writer.files();
}

ExportPartition::ExportPartition(Options options, const wire::ExportSpec& spec,
                                 const model::TwoTower& model, const Dataset& dataset, Calls& calls,
                                 const ClusterView& cluster)
    : options_(options),
      spec_(spec),
      model_(model),
      dataset_(dataset),
      embedder_({.owner = options.owner,
                 .phase = options.phase,
                 .expect_committed = spec.expect_committed(),
                 .totals = {.candidates = spec.candidates_total()}},
                model::Side::kCandidate, model, calls, cluster) {}

void ExportPartition::Begin(Instant, Effects* out) {
  out->start.push_back(
      std::make_unique<CandidatesTask>(options_.owner, dataset_, options_.partition));
}

void ExportPartition::OnTask(WorkTask& task, Instant now, Effects* out) {
  if (auto* read = dynamic_cast<CandidatesTask*>(&task)) {
    if (!read->status.ok()) return Fail(read->status);
    candidates_ = read->candidates;
    progress_.set_total(candidates_->keys.size());
    embedder_.Start(candidates_->features, now, out);
    if (embedder_.complete()) Write(out);
    return;
  }
  if (auto* embedded = dynamic_cast<EmbedTask*>(&task)) {
    embedder_.Take(*embedded, now, out);
    progress_.set_done(embedder_.embedded());
    if (embedder_.complete()) Write(out);
    return;
  }
  auto& written = dynamic_cast<WriteVectorsTask&>(task);
  if (!written.status.ok()) return Fail(written.status);
  wire::LeaseDone done;
  done.set_count(candidates_->keys.size());
  for (const wire::PartFile& file : written.files) *done.add_part() = file;
  Complete(std::move(done));
}

void ExportPartition::OnAnswer(const Answer& answer, Instant, Effects* out) {
  if (const Status status = embedder_.Take(answer, out); !status.ok()) {
    Fail(status.WithContext("export candidate partition " + std::to_string(options_.partition)));
  }
}

void ExportPartition::Write(Effects* out) {
  auto task = std::make_unique<WriteVectorsTask>(options_.owner);
  task->folder = spec_.folder();
  task->stem = "parts/part-" + PartNumber(options_.partition, options_.attempt);
  task->partition = options_.partition;
  task->dim = model_.dim();
  task->labels = !spec_.vectors_only();
  task->candidates = candidates_;
  task->vectors = std::move(embedder_.vectors());
  out->start.push_back(std::move(task));
}

}  // namespace skybridge::worker
