// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"
#include "data/byte_stream.h"
#include "data/options.h"

namespace skybridge::data {

struct PlannedFile {
  std::string path;  // To open.
  std::string name;  // As the user wrote it, pattern expanded; what errors and hashes use.
  Format format = Format::kTsv;
  Compression compression = Compression::kNone;
  uint64_t bytes = 0;      // On disk.
  uint64_t ends_hash = 0;  // Of its first and last MiB.
};

// What one worker reads at a time.
//  - Of a file: the rows whose lines START in [begin, end) of a plain file; all of a compressed
//    one. Ranges of a file cover it without overlap.
//  - Without file: share `share` of `shares` of a whole (a slice of the catalogue that training
//    gave, or the queries of an evaluation whose key falls into the share).
struct PartitionRef {
  uint32_t index = 0;   // Position in its list of the plan.
  uint32_t source = 0;  // Training: position in options.train. Evaluation: in options.evaluations.
  std::optional<PlannedFile> file;
  uint64_t begin = 0;
  uint64_t end = 0;
  uint32_t share = 0;
  uint32_t shares = 1;
};

// All files of a job, cut into partitions. A pure function of the options and the files; every
// process makes its own and compares hashes.
struct DatasetPlan {
  std::vector<PartitionRef> train;
  std::vector<PartitionRef> candidates;  // As many as `train` if there is no candidates source.
  std::vector<std::vector<PartitionRef>> evaluation;  // By evaluation: shares of its queries.

  // Files of each source, in the order of their patterns, then of their names.
  std::vector<std::vector<PlannedFile>> train_files;  // By training source.
  std::vector<PlannedFile> candidate_files;
  std::vector<std::vector<PlannedFile>> evaluation_files;  // By evaluation; none for a holdout.

  // Equal on machines that hold the same files, wherever these lie.
  uint64_t hash() const;
};

// Expands patterns, looks at the files, cuts them.
// Errors: kNotFound         a path that is not there, or a pattern that nothing matches.
//         kInvalidArgument  an empty file, a folder, a name whose ending tells no format.
Result<DatasetPlan> PlanDataset(const DatasetOptions& options);

}  // namespace skybridge::data
