// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/rng.h"
#include "data/zipf.h"

namespace skybridge::data {
namespace {

constexpr uint32_t kClusterWords = 20;  // Different words of a cluster.

// Streams of Purpose::kSynthetic.
enum Stream : uint64_t { kNames, kUserCluster, kTrain, kTest, kText };

// The hidden truth. Items are known by their rank in popularity; rank r belongs to cluster
// r mod clusters, so that every cluster has its share of popular items.
class World {
 public:
  explicit World(const SyntheticOptions& options)
      : options_(options),
        all_(options.items, options.zipf),
        // The sizes of clusters differ by one at most.
        larger_(options.items / options.clusters + 1, options.zipf),
        smaller_(options.items / options.clusters, options.zipf),
        names_(options.items) {
    std::iota(names_.begin(), names_.end(), uint64_t{0});
    Rng rng(options.seed, Purpose::kSynthetic, kNames);
    Shuffle(std::span(names_), rng);  // So that a name says nothing about popularity.
  }

  uint64_t SizeOf(uint32_t cluster) const {
    return options_.items / options_.clusters +
           (cluster < options_.items % options_.clusters ? 1 : 0);
  }
  const Zipf& Within(uint32_t cluster) const {
    return SizeOf(cluster) > options_.items / options_.clusters ? larger_ : smaller_;
  }
  uint32_t ClusterOfUser(uint64_t user) const {
    Rng rng(options_.seed, Purpose::kSynthetic, kUserCluster, user);
    return static_cast<uint32_t>(rng.Below(options_.clusters));
  }
  uint64_t DrawName(uint32_t cluster, Rng& rng) const {
    const bool own = rng.UniformDouble() < options_.signal;
    return names_[own ? cluster + options_.clusters * Within(cluster).Draw(rng) : all_.Draw(rng)];
  }
  uint64_t name(uint64_t rank) const { return names_[rank]; }

  // Probability that a line of a user of `cluster` has one of its k most probable items.
  double Ceiling(uint32_t cluster) const {
    std::vector<double> probabilities;
    for (uint64_t i = 0; i < SizeOf(cluster); ++i) {
      probabilities.push_back(options_.signal * Within(cluster).probability(i) +
                              (1 - options_.signal) *
                                  all_.probability(cluster + options_.clusters * i));
    }
    // Of the others, no more than the k most popular can be among the best.
    uint32_t others = 0;
    for (uint64_t rank = 0; rank < options_.items && others < options_.k; ++rank) {
      if (rank % options_.clusters == cluster) continue;
      probabilities.push_back((1 - options_.signal) * all_.probability(rank));
      ++others;
    }
    std::ranges::sort(probabilities, std::greater());
    probabilities.resize(std::min<size_t>(probabilities.size(), options_.k));
    return std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  }

 private:
  const SyntheticOptions& options_;
  Zipf all_;
  Zipf larger_;
  Zipf smaller_;
  std::vector<uint64_t> names_;  // By rank.
};

// A file that is there once it is whole.
class WholeText {
 public:
  explicit WholeText(std::string path)
      : path_(std::move(path)), partial_(path_ + ".partial"), file_(partial_, std::ios::binary) {}

  std::ofstream& stream() { return file_; }
  Status Commit() {
    file_.close();
    std::error_code error;
    if (file_) std::filesystem::rename(partial_, path_, error);
    if (file_ && !error) return {};
    std::error_code ignored;
    std::filesystem::remove(partial_, ignored);
    return {StatusCode::kUnavailable, "write " + path_ + ": disk full, or no such folder"};
  }

 private:
  const std::string path_;
  const std::string partial_;
  std::ofstream file_;
};

Status WritePairs(const SyntheticOptions& options, const World& world, Stream stream,
                  uint32_t per_user, const std::string& path) {
  WholeText text(path);
  std::ofstream& file = text.stream();
  file << "user\titem\n";
  for (uint64_t user = 0; user < options.users && file; ++user) {
    const uint32_t cluster = world.ClusterOfUser(user);
    Rng rng(options.seed, Purpose::kSynthetic, stream, user);
    for (uint32_t i = 0; i < per_user; ++i) {
      file << user << '\t' << world.DrawName(cluster, rng) << '\n';
    }
  }
  return text.Commit();
}

Status WriteItems(const SyntheticOptions& options, const World& world, const std::string& path) {
  WholeText text(path);
  std::ofstream& file = text.stream();
  file << (options.words_per_item > 0 ? "item\tcluster\ttext\n" : "item\tcluster\n");
  for (uint64_t rank = 0; rank < options.items && file; ++rank) {
    const uint64_t cluster = rank % options.clusters;
    file << world.name(rank) << '\t' << cluster;
    Rng rng(options.seed, Purpose::kSynthetic, kText, rank);
    for (uint32_t i = 0; i < options.words_per_item; ++i) {
      file << (i == 0 ? '\t' : ' ') << fmt::format("c{}w{}", cluster, rng.Below(kClusterWords));
    }
    file << '\n';
  }
  return text.Commit();
}

double MeanCeiling(const SyntheticOptions& options, const World& world) {
  std::vector<uint64_t> users(options.clusters);
  for (uint64_t user = 0; user < options.users; ++user) ++users[world.ClusterOfUser(user)];
  double sum = 0;
  for (uint32_t cluster = 0; cluster < options.clusters; ++cluster) {
    if (users[cluster] > 0) sum += static_cast<double>(users[cluster]) * world.Ceiling(cluster);
  }
  return sum / static_cast<double>(options.users);
}

}  // namespace

Status SyntheticOptions::Validate() const {
  const auto invalid = [](const char* what) {
    return Status(StatusCode::kInvalidArgument, std::string("synthetic data: ") + what);
  };
  if (users == 0) return invalid("users: 0");
  if (clusters == 0) return invalid("clusters: 0");
  if (items < clusters) return invalid("items: fewer than clusters");
  if (train_per_user == 0) return invalid("train_per_user: 0");
  if (!(signal >= 0 && signal <= 1)) return invalid("signal: not in [0, 1]");
  if (!(zipf >= 0)) return invalid("zipf: negative");
  if (k == 0) return invalid("k: 0");
  return Status();
}

Result<SyntheticReport> GenerateSynthetic(const SyntheticOptions& options,
                                          const std::string& folder) {
  SKY_RETURN_IF_ERROR(options.Validate());
  const World world(options);
  SKY_RETURN_IF_ERROR(
      WritePairs(options, world, kTrain, options.train_per_user, folder + "/train.tsv"));
  SKY_RETURN_IF_ERROR(
      WritePairs(options, world, kTest, options.test_per_user, folder + "/test.tsv"));
  SKY_RETURN_IF_ERROR(WriteItems(options, world, folder + "/items.tsv"));
  return SyntheticReport{.train_pairs = options.users * options.train_per_user,
                         .test_pairs = options.users * options.test_per_user,
                         .recall_ceiling = MeanCeiling(options, world)};
}

}  // namespace skybridge::data
