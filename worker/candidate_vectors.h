// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "proto/wire.pb.h"

namespace skybridge::worker {

// The exported vectors of all parts in one array, in the order of partitions; of several
// candidates with one key the first counts. Immutable.
class CandidateVectors {
 public:
  // Opens only files that `files` names, and checks their sizes and checksums (E5).
  // Errors: kDataLoss, kNotFound, kInvalidArgument naming the file.
  static Result<CandidateVectors> Load(const std::string& folder, std::vector<wire::PartFile> files,
                                       uint32_t dim);

  size_t size() const { return keys_.size(); }
  std::span<const uint64_t> keys() const { return keys_; }
  std::span<const float> vectors() const { return vectors_; }  // [size(), dim]
  std::optional<uint32_t> Find(uint64_t key) const;

 private:
  std::vector<uint64_t> keys_;
  std::vector<float> vectors_;
  std::vector<std::pair<uint64_t, uint32_t>> by_key_;  // Ascending.
};

}  // namespace skybridge::worker
