// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/status.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

// What early_stop names: a metric at one of the evaluation's cut-offs.
struct MetricName {
  std::string metric;  // recall, ndcg, mrr or hit.
  uint32_t k = 0;
};
// Errors: kInvalidArgument, unless it is like `ndcg@20`.
Result<MetricName> ParseMetricName(std::string_view text);

// Everything wrong with a job as its author wrote it, one sentence each, led by the path of the
// field: "candidate.dim: 32, but query.dim is 64: ...". Empty if it can be run. Whether its
// files are there is not looked at. `job` may be resolved already.
std::vector<std::string> CheckJob(const job::Job& job);

}  // namespace skybridge::launch
