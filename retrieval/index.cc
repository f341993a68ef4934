// SPDX-License-Identifier: Apache-2.0
#include "retrieval/index.h"

#include <faiss/Index.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <set>
#include <utility>

namespace skybridge::retrieval {
namespace {

constexpr uint64_t kFlatBelow = 50'000;
constexpr int kTrainingRounds = 10;  // Of k-means; more move recall by less than a percent.

// "PQ16" with nothing after its digits, or "PQ16x8".
bool TrainsPolysemous(const std::string& factory) {
  for (size_t at = factory.find("PQ"); at != std::string::npos; at = factory.find("PQ", at + 2)) {
    if (at > 0 && (std::isalpha(static_cast<unsigned char>(factory[at - 1])) != 0)) continue;
    size_t end = at + 2;
    while (end < factory.size() &&
           ((std::isdigit(static_cast<unsigned char>(factory[end])) != 0) || factory[end] == 'x')) {
      ++end;
    }
    if (factory.compare(end, 2, "np") != 0 && factory.compare(end, 2, "fs") != 0) return true;
  }
  return false;
}

class StringReader : public faiss::IOReader {
 public:
  explicit StringReader(std::string_view bytes) : bytes_(bytes) {}
  size_t operator()(void* to, size_t size, size_t count) override {
    const size_t whole = size == 0 ? 0 : std::min(count, bytes_.size() / size);
    std::copy_n(bytes_.data(), whole * size, static_cast<char*>(to));
    bytes_.remove_prefix(whole * size);
    return whole;
  }

 private:
  std::string_view bytes_;
};

class FileWriter : public faiss::IOWriter {
 public:
  explicit FileWriter(WholeFile* file) : file_(file) {}
  size_t operator()(const void* from, size_t size, size_t count) override {
    if (!status.ok()) return 0;
    status = file_->Append({static_cast<const char*>(from), size * count});
    return status.ok() ? count : 0;
  }
  Status status;

 private:
  WholeFile* file_;
};

}  // namespace

std::string DefaultFactory(uint64_t candidates) {
  if (candidates < kFlatBelow) return "Flat";
  const auto wanted = static_cast<uint64_t>(2 * std::sqrt(static_cast<double>(candidates)));
  return "IVF" + std::to_string(std::bit_ceil(wanted)) + ",Flat";
}

Status CheckFactory(const std::string& factory, uint32_t d) {
  if (TrainsPolysemous(factory)) {
    return Status(StatusCode::kInvalidArgument,
                  "build index \"" + factory +
                      "\": write PQ<m>np, since a bare PQ<m> trains fifty "
                      "times as long");
  }
  try {
    const std::unique_ptr<faiss::Index> empty(
        faiss::index_factory(static_cast<int>(d), factory.c_str(), faiss::METRIC_INNER_PRODUCT));
  } catch (const faiss::FaissException& error) {
    return Status(StatusCode::kInvalidArgument, "build index \"" + factory + "\" of width " +
                                                    std::to_string(d) + ": " + error.what());
  }
  return Status();
}

struct VectorIndex::State {
  std::unique_ptr<faiss::Index> index;

  void SetProbes(uint32_t nprobe) {
    if (auto* ivf = dynamic_cast<faiss::IndexIVF*>(index.get())) ivf->nprobe = nprobe;
  }
};

VectorIndex::VectorIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
VectorIndex::~VectorIndex() = default;
VectorIndex::VectorIndex(VectorIndex&&) noexcept = default;
VectorIndex& VectorIndex::operator=(VectorIndex&&) noexcept = default;
uint64_t VectorIndex::size() const { return static_cast<uint64_t>(state_->index->ntotal); }
uint32_t VectorIndex::dim() const { return static_cast<uint32_t>(state_->index->d); }

Result<VectorIndex> VectorIndex::Build(std::span<const float> vectors, uint32_t d,
                                       const IndexOptions& options) {
  const uint64_t n = vectors.size() / d;
  const std::string factory = options.factory.empty() ? DefaultFactory(n) : options.factory;
  SKY_RETURN_IF_ERROR(CheckFactory(factory, d));
  auto state = std::make_unique<State>();
  try {
    omp_set_num_threads(options.threads);
    state->index.reset(
        faiss::index_factory(static_cast<int>(d), factory.c_str(), faiss::METRIC_INNER_PRODUCT));
    if (auto* ivf = dynamic_cast<faiss::IndexIVF*>(state->index.get())) {
      ivf->cp.niter = kTrainingRounds;
    }
    state->index->train(static_cast<faiss::Index::idx_t>(n), vectors.data());
    state->index->add(static_cast<faiss::Index::idx_t>(n), vectors.data());
  } catch (const faiss::FaissException& error) {
    return Status(
        StatusCode::kInvalidArgument,
        "build index \"" + factory + "\" over " + std::to_string(n) + " vectors: " + error.what());
  }
  state->SetProbes(options.nprobe);
  VectorIndex index(std::move(state));
  index.factory_ = factory;
  return index;
}

Result<VectorIndex> VectorIndex::Open(const std::string& path, uint32_t nprobe) {
  SKY_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  auto state = std::make_unique<State>();
  try {
    StringReader reader(file.bytes());
    state->index.reset(faiss::read_index(&reader));
  } catch (const std::exception& error) {  // FaissException, or bad_alloc on a wild size.
    return Status(StatusCode::kDataLoss,
                  "read index " + path + ": damaged or not an index (" + error.what() + ")");
  }
  state->SetProbes(nprobe);
  return VectorIndex(std::move(state));
}

Result<FileSummary> VectorIndex::Write(const std::string& path) const {
  SKY_ASSIGN_OR_RETURN(WholeFile file, WholeFile::Create(path));
  FileWriter writer(&file);
  try {
    faiss::write_index(state_->index.get(), &writer);
  } catch (const faiss::FaissException& error) {
    if (writer.status.ok()) {
      return Status(StatusCode::kInternal, "write index " + path + ": " + error.what());
    }
  }
  SKY_RETURN_IF_ERROR(writer.status);
  return file.Commit();
}

std::vector<std::vector<Hit>> VectorIndex::Search(std::span<const float> queries,
                                                  uint32_t k) const {
  const size_t count = queries.size() / dim();
  std::vector<float> scores(count * k);
  std::vector<faiss::Index::idx_t> rows(count * k);
  state_->index->search(static_cast<faiss::Index::idx_t>(count), queries.data(),
                        static_cast<faiss::Index::idx_t>(k), scores.data(), rows.data());
  std::vector<std::vector<Hit>> hits(count);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0) continue;  // Fewer than k were found.
    hits[i / k].push_back({static_cast<uint32_t>(rows[i]), scores[i]});
  }
  for (std::vector<Hit>& found : hits) {
    std::ranges::sort(found, [](const Hit& a, const Hit& b) {
      return a.score != b.score ? a.score > b.score : a.position < b.position;
    });
  }
  return hits;
}

Result<double> MeasureRecall(const VectorIndex& index, std::span<const float> vectors,
                             std::span<const float> queries, uint32_t k) {
  SKY_ASSIGN_OR_RETURN(const auto exact, SearchExact(queries, vectors, index.dim(), k));
  const auto found = index.Search(queries, k);
  uint64_t expected = 0;
  uint64_t hits = 0;
  for (size_t q = 0; q < exact.size(); ++q) {
    std::set<uint32_t> answers;
    for (const Hit& hit : found[q]) answers.insert(hit.position);
    for (const Hit& hit : exact[q]) hits += answers.count(hit.position);
    expected += exact[q].size();
  }
  return expected == 0 ? 1.0 : static_cast<double>(hits) / static_cast<double>(expected);
}

}  // namespace skybridge::retrieval
