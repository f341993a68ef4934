// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/status.h"
#include "scheduler/job_result.h"
#include "scheduler/lease.h"
#include "scheduler/scheduler_options.h"

namespace skybridge::scheduler {

// What the evaluations found, over the whole training; decides when it has gone on long enough.
//
// Sums of partitions are added in partition order whatever order they arrive in, so that the means
// are the same to the last bit. Pure state machine.
class MetricBoard {
 public:
  explicit MetricBoard(std::vector<EvaluationOptions> evaluations);

  // One partition of the evaluation that is running. Once per partition.
  // Errors: kInvalidArgument if the evaluation is unknown, or its partitions' cut-offs differ.
  Status Record(uint32_t evaluation, uint32_t partition, const MetricSums& sums);

  // All partitions are in: forms the means at this point of the training.
  // Errors: kInvalidArgument if the early stop's metric is not among them.
  Status Conclude(uint32_t evaluation, uint64_t step, double epoch);

  // Before all else: what an earlier life of the job concluded, in order.
  // Errors: kFailedPrecondition if the job has no such evaluation; as Conclude.
  Status Restore(const std::vector<EvaluationPoint>& history);

  // True once some evaluation's early stop says so.
  bool should_stop() const;
  // Of the evaluation with an early stop; nothing before it ran. The first of equal values is best.
  std::optional<BestEvaluation> best() const;
  // In the order they were concluded.
  const std::vector<EvaluationPoint>& history() const { return history_; }

 private:
  struct Running {
    std::map<uint32_t, MetricSums> partitions;
    std::optional<double> best;
    uint32_t worse_in_a_row = 0;
  };
  Status Judge(uint32_t evaluation, const EvaluationPoint& point);

  const std::vector<EvaluationOptions> evaluations_;
  std::vector<Running> running_;  // By evaluation.
  std::vector<EvaluationPoint> history_;
};

// The value of `metric` (recall, ndcg, mrr, hit) at cut-off k. Nothing if it is not there.
std::optional<double> MetricValue(const EvaluationPoint& point, const std::string& metric,
                                  uint32_t k);

}  // namespace skybridge::scheduler
