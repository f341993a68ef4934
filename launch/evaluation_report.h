// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/job_result.h"

namespace skybridge::launch {

// How well an index answers the queries of one evaluation.
struct IndexRecall {
  std::string evaluation;
  uint32_t k = 0;
  double recall = 0;  // Share of the exact first k that the index finds.
  uint64_t queries = 0;
};

// Evaluations, one line for each cut-off, under a header; empty if there are none. A negative epoch
// is one that is not known.
std::string EvaluationTable(const std::vector<scheduler::EvaluationPoint>& points);

// The same for machines: a JSON object with the lists "evaluations" and, unless it is empty,
// "index".
std::string EvaluationJson(const std::vector<scheduler::EvaluationPoint>& points,
                           const std::vector<IndexRecall>& index);

// Where the evaluation that an early stop goes by was best, and what was exported instead: no
// weights are kept on the way.
std::string BestLine(const scheduler::BestEvaluation& best, bool exported);

// What a job achieved, for machines: one JSON object, with the evaluations as above.
std::string ResultJson(const scheduler::JobResult& result, double seconds);

}  // namespace skybridge::launch
