// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"

namespace skybridge::scheduler {

// Means over queries, or sums while they are being added.
struct MetricAtK {
  uint32_t k = 0;
  double recall = 0;
  double ndcg = 0;
  double mrr = 0;
  double hit = 0;
  bool operator==(const MetricAtK&) const = default;
};

// One evaluation at one point of the training.
struct EvaluationPoint {
  uint32_t evaluation = 0;  // Position in the job's list.
  std::string name;
  uint64_t step = 0;  // Lockstep: clocks. Otherwise: batches of all trainers.
  double epoch = 0;   // Epochs trained, with a fraction.
  uint64_t queries = 0;
  std::vector<MetricAtK> at;  // Means.
  bool operator==(const EvaluationPoint&) const = default;
};

// Of the evaluation that an early stop goes by: its best value, and the one of the weights that the
// job ended with and exported.
struct BestEvaluation {
  std::string name;
  std::string metric;  // As "ndcg@20".
  double value = 0;
  uint64_t step = 0;
  double epoch = 0;
  double last_value = 0;
  uint64_t last_step = 0;
  bool operator==(const BestEvaluation&) const = default;
};

// A table's content as a number; see wire.TableHash.
struct TableSum {
  std::string name;
  uint64_t hash = 0;
  uint64_t rows = 0;
  bool operator==(const TableSum&) const = default;
};

// The newest checkpoint of the job.
struct CheckpointInfo {
  uint32_t round = 0;      // Its number; 0: there is none.
  double seconds = -1;     // Since it was committed.
  uint64_t bytes = 0;      // All that a restore would read.
  uint64_t new_bytes = 0;  // That were written for it; 0 if an earlier scheduler made it.
};

struct PhaseTime {
  Phase phase{};
  std::string name;
  double seconds = 0;
};

// How a job ended, and what it has to show for it.
struct JobResult {
  Status status;  // OK, kCancelled (RequestStop), or the one line that says why it failed.
  std::vector<EvaluationPoint> evaluations;  // In the order they ran.
  bool stopped_early = false;
  std::optional<BestEvaluation> best;  // If some evaluation has an early stop, and ran.
  std::vector<TableSum> table_hashes;  // By name; if options.table_hash.
  uint64_t training_pairs = 0;         // Counted by prepare: of one epoch.
  uint64_t candidates = 0;
  uint64_t examples_trained = 0;  // Of training phases that ended; each batch once, whoever died.
  uint64_t steps = 0;             // As EvaluationPoint::step, at the end.
  uint64_t pushes = 0;            // Applied by shards, all phases.
  uint64_t duplicates = 0;        // Repeats that shards recognised.
  uint64_t leases_regranted = 0;
  double index_recall = 0;
  std::string index_report;   // JSON, from the node that built the index.
  std::string export_folder;  // Empty unless the export was committed.
  std::vector<PhaseTime> phases;
  CheckpointInfo checkpoint;
};

// A process that the job has given up, and that may still run.
struct LostProcess {
  uint32_t pid = 0;
  std::string why;  // "silent for 12 s".
};

// The job at one moment, for the live line and for a supervisor.
struct JobProgress {
  std::string phase;                // "waiting", "prepare", "train", "vectors", "evaluate", ...
  uint64_t done = 0;                // Training: batches of the whole training. Else: leases.
  uint64_t total = 0;               // 0: not known yet.
  uint64_t examples = 0;            // Of this phase.
  double examples_per_second = 0;   // Over the last 10 s.
  std::optional<double> mean_loss;  // Over the last 10 s of training.
  double seconds_left = -1;         // Of this phase (training: of all of it). -1: not known.
  double epoch = 0;                 // Epochs trained, with a fraction.
  std::string waiting_for;          // Who is missing at the start, or awaited back, and why.
  std::vector<LostProcess> lost;    // See Membership::Lost; one entry a node.
  uint32_t live_shards = 0;
  uint32_t shards = 0;         // That have slots; 0 before the start.
  uint32_t shards_wanted = 0;  // That should have some.
  bool scaled = false;         // They have, in equal shares.
  std::string moving;          // "slots 10 to 20 from shard 0 to shard 1"; empty: none move.
  uint32_t live_trainers = 0;
  CheckpointInfo checkpoint;
};

}  // namespace skybridge::scheduler
