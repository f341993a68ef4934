// SPDX-License-Identifier: Apache-2.0
#include "worker/build_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "retrieval/index.h"
#include "worker/candidate_vectors.h"

namespace skybridge::worker {
namespace {

constexpr uint64_t kSampleMax = 200;  // Queries that recall is measured with.
constexpr uint32_t kRecallAt = 100;

// Candidates at even distances stand in for queries.
std::vector<float> Sample(std::span<const float> vectors, uint32_t dim) {
  const uint64_t rows = vectors.size() / dim;
  const uint64_t wanted = std::min(rows, kSampleMax);
  std::vector<float> sample;
  for (uint64_t i = 0; i < wanted; ++i) {
    const auto row = vectors.subspan(i * rows / wanted * dim, dim);
    sample.insert(sample.end(), row.begin(), row.end());
  }
  return sample;
}

}  // namespace

void IndexTask::Run() {
  status = [&]() -> Status {
    SKY_ASSIGN_OR_RETURN(
        const auto candidates,
        CandidateVectors::Load(spec_.folder(), {spec_.part().begin(), spec_.part().end()}, dim_));
    if (candidates.size() == 0) {
      return Status(StatusCode::kInvalidArgument, "build the index: there are no candidates");
    }
    SKY_ASSIGN_OR_RETURN(
        const auto index,
        retrieval::VectorIndex::Build(
            candidates.vectors(), dim_,
            {.factory = options_.factory, .nprobe = options_.nprobe, .threads = threads_}));
    SKY_ASSIGN_OR_RETURN(recall,
                         retrieval::MeasureRecall(index, candidates.vectors(),
                                                  Sample(candidates.vectors(), dim_), kRecallAt));
    SKY_ASSIGN_OR_RETURN(const auto summary, index.Write(spec_.folder() + "/" + name_));
    file.set_name(name_);
    file.set_kind("index");
    file.set_bytes(summary.bytes);
    file.set_xxh64(summary.xxh64);
    file.set_rows(candidates.size());
    report = fmt::format(R"({{"factory": "{}", "candidates": {}, "recall_at_100": {:.4f}}})",
                         index.factory(), candidates.size(), recall);
    return Status();
  }();
}

void BuildIndex::Begin(Instant, Effects* out) {
  const std::string name = fmt::format("index/index.a{}.faiss", options_.attempt);
  out->start.push_back(std::make_unique<IndexTask>(options_.owner, spec_, name, options_.dim,
                                                   options_.index, options_.threads));
}

void BuildIndex::OnTask(WorkTask& task, Instant, Effects*) {
  const auto& built = dynamic_cast<IndexTask&>(task);
  if (!built.status.ok()) return Fail(built.status);
  wire::LeaseDone done;
  done.set_count(built.file.rows());
  done.set_report(built.report);
  *done.add_part() = built.file;
  wire::MetricAtK& at = *done.mutable_metrics()->add_at();
  at.set_k(kRecallAt);
  at.set_recall(built.recall);
  Complete(std::move(done));
}

}  // namespace skybridge::worker
