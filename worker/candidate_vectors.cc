// SPDX-License-Identifier: Apache-2.0
#include "worker/candidate_vectors.h"

#include <algorithm>
#include <set>

#include "retrieval/npy.h"
#include "retrieval/whole_file.h"

namespace skybridge::worker {
namespace {

// The file of `kind` that belongs to the same partition as `file`.
// Errors: kDataLoss if there is none.
Result<wire::PartFile> Companion(const std::string& folder,
                                 const std::vector<wire::PartFile>& files,
                                 const wire::PartFile& file, const std::string& kind) {
  const auto found = std::ranges::find_if(files, [&](const wire::PartFile& other) {
    return other.kind() == kind && other.partition() == file.partition();
  });
  if (found != files.end()) return *found;
  return Status(StatusCode::kDataLoss,
                "read " + folder + "/" + file.name() + ": it has no " + kind + " beside it");
}

Status CheckPart(const std::string& folder, const wire::PartFile& file) {
  return retrieval::CheckFile(folder + "/" + file.name(), {file.bytes(), file.xxh64()});
}

}  // namespace

Result<CandidateVectors> CandidateVectors::Load(const std::string& folder,
                                                std::vector<wire::PartFile> files, uint32_t dim) {
  std::ranges::stable_sort(files, {}, &wire::PartFile::partition);
  CandidateVectors all;
  std::set<uint64_t> known;
  for (const wire::PartFile& ids_file : files) {
    if (ids_file.kind() == "vectors") {
      SKY_RETURN_IF_ERROR(Companion(folder, files, ids_file, "ids").status());
    }
    if (ids_file.kind() != "ids") continue;
    SKY_ASSIGN_OR_RETURN(const wire::PartFile vectors_file,
                         Companion(folder, files, ids_file, "vectors"));
    SKY_RETURN_IF_ERROR(CheckPart(folder, ids_file));
    SKY_RETURN_IF_ERROR(CheckPart(folder, vectors_file));
    SKY_ASSIGN_OR_RETURN(const auto ids, retrieval::NpyFile::Open(folder + "/" + ids_file.name(),
                                                                  retrieval::NpyType::kUint64, 1));
    SKY_ASSIGN_OR_RETURN(const auto vectors,
                         retrieval::NpyFile::Open(folder + "/" + vectors_file.name(),
                                                  retrieval::NpyType::kFloat32, 2));
    if (vectors.rows() != ids.rows() || vectors.columns() != dim) {
      return Status(StatusCode::kInvalidArgument,
                    "read " + folder + "/" + vectors_file.name() + ": it is " +
                        std::to_string(vectors.rows()) + " x " + std::to_string(vectors.columns()) +
                        ", expected " + std::to_string(ids.rows()) + " x " + std::to_string(dim));
    }
    for (uint64_t row = 0; row < ids.rows(); ++row) {
      if (!known.insert(ids.uint64s()[row]).second) continue;
      all.keys_.push_back(ids.uint64s()[row]);
      const auto vector = vectors.floats().subspan(row * dim, dim);
      all.vectors_.insert(all.vectors_.end(), vector.begin(), vector.end());
    }
  }
  for (uint32_t position = 0; position < all.keys_.size(); ++position) {
    all.by_key_.emplace_back(all.keys_[position], position);
  }
  std::ranges::sort(all.by_key_);
  return all;
}

std::optional<uint32_t> CandidateVectors::Find(uint64_t key) const {
  const auto it = std::ranges::lower_bound(by_key_, key, {}, &std::pair<uint64_t, uint32_t>::first);
  if (it == by_key_.end() || it->first != key) return std::nullopt;
  return it->second;
}

}  // namespace skybridge::worker
