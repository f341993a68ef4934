// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/status.h"

namespace skybridge::retrieval {

struct Hit {
  uint32_t position = 0;  // Row of the candidate.
  float score = 0;        // Inner product.
  bool operator==(const Hit&) const = default;
};

// Candidates that are no answer, by query (CSR): rows ascending within a query. Empty: none.
struct Excluded {
  std::span<const uint64_t> offsets;  // [Q + 1]
  std::span<const uint32_t> positions;
};

// The k candidates of highest inner product for each query, best first; equal scores go to the
// lower row. Fewer than k if there are no more. Exact: a blocked product; one thread; the same
// bits on every machine.
//   queries [Q, d], candidates [n, d]
// Errors: kInvalidArgument for numbers that are not finite, naming the row.
Result<std::vector<std::vector<Hit>>> SearchExact(std::span<const float> queries,
                                                  std::span<const float> candidates, uint32_t d,
                                                  uint32_t k, const Excluded& excluded = {});

}  // namespace skybridge::retrieval
