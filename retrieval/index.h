// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "retrieval/exact_search.h"
#include "retrieval/whole_file.h"

namespace skybridge::retrieval {

struct IndexOptions {
  std::string factory;   // FAISS factory string; empty: DefaultFactory.
  uint32_t nprobe = 64;  // IVF: lists searched per query.
  int threads = 1;
};

// Flat under 50,000 candidates; else IVF over plain vectors with about 2 sqrt(n) lists.
std::string DefaultFactory(uint64_t candidates);

// Whether VectorIndex::Build will take this factory string for vectors of width d.
// Errors: kInvalidArgument for one that FAISS refuses, or a bare "PQm", whose polysemous training
// takes fifty times as long: write "PQmnp".
Status CheckFactory(const std::string& factory, uint32_t d);

// A FAISS index by inner product; answers are rows of the vectors it was built from. Thread-safe
// for searching.
class VectorIndex {
 public:
  // vectors [n, d].
  // Errors: kInvalidArgument as CheckFactory, or for fewer vectors than the factory trains on.
  static Result<VectorIndex> Build(std::span<const float> vectors, uint32_t d,
                                   const IndexOptions& options);
  // Errors: kNotFound; kDataLoss or kInvalidArgument if the file is no such index.
  static Result<VectorIndex> Open(const std::string& path, uint32_t nprobe);
  ~VectorIndex();
  VectorIndex(VectorIndex&&) noexcept;
  VectorIndex& operator=(VectorIndex&&) noexcept;

  // Complete or not at all. Errors: those of WholeFile.
  Result<FileSummary> Write(const std::string& path) const;
  uint64_t size() const;
  uint32_t dim() const;
  const std::string& factory() const { return factory_; }  // Empty after Open.
  // The k best rows for each query, best first; of those, equal scores go to the lower row first.
  //   queries [Q, d]
  std::vector<std::vector<Hit>> Search(std::span<const float> queries, uint32_t k) const;

 private:
  struct State;
  explicit VectorIndex(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  std::string factory_;
};

// Share of the exact top k that `index` finds, over `queries` [Q, d].
Result<double> MeasureRecall(const VectorIndex& index, std::span<const float> vectors,
                             std::span<const float> queries, uint32_t k);

}  // namespace skybridge::retrieval
