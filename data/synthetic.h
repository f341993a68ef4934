// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"

namespace skybridge::data {

// A log with a known answer: users and items belong to hidden clusters; with probability `signal`
// a user's item comes from its cluster, else from all items; both by Zipf popularity.
struct SyntheticOptions {
  uint64_t seed = 1;
  uint64_t users = 1000;
  uint64_t items = 1000;
  uint32_t clusters = 20;
  uint32_t train_per_user = 20;  // Lines of train.tsv per user.
  uint32_t test_per_user = 2;    // Lines of test.tsv per user.
  double signal = 0.8;           // In [0, 1].
  double zipf = 1.0;             // Exponent of the popularity, >= 0.
  uint32_t words_per_item = 0;   // Words of its cluster in items.tsv's text; 0: no text column.
  uint32_t k = 20;               // Cut-off of the ceiling.

  // Errors: kInvalidArgument, naming the field.
  Status Validate() const;
};

struct SyntheticReport {
  uint64_t train_pairs = 0;
  uint64_t test_pairs = 0;
  // Expected share of test lines whose item is among the k most probable ones of its user's
  // cluster: what a model that knew the clusters and the popularity would reach, seen items not
  // masked.
  double recall_ceiling = 0;
};

// Writes train.tsv and test.tsv (user, item) and items.tsv (item, cluster, text) into `folder`,
// which must exist. The same options give the same bytes. Memory: O(items), whatever the lines.
// Errors: kInvalidArgument from Validate; kUnavailable, naming the file that could not be written.
Result<SyntheticReport> GenerateSynthetic(const SyntheticOptions& options,
                                          const std::string& folder);

}  // namespace skybridge::data
