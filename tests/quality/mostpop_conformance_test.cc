// SPDX-License-Identifier: Apache-2.0
//
// "Most popular" on public data sets must give the published figures to six decimals: then ranking,
// masking, ties and metrics are what everybody else means by them.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "retrieval/exact_search.h"
#include "retrieval/metrics.h"

namespace skybridge::retrieval {
namespace {

const std::string kData = "../shared/data/";
using Histories = std::map<uint32_t, std::vector<uint32_t>>;  // Items by user, in file order.

// "user item item ..." a line.
Histories ReadAdjacency(const std::string& path) {
  std::ifstream in(path);
  Histories histories;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    uint32_t user = 0;
    fields >> user;
    for (uint32_t item = 0; fields >> item;) histories[user].push_back(item);
  }
  return histories;
}

// "user<TAB>item" a line, after a header.
Histories ReadPairs(const std::string& path) {
  std::ifstream in(path);
  Histories histories;
  std::string line;
  std::getline(in, line);
  for (uint32_t user = 0, item = 0; in >> user >> item;) histories[user].push_back(item);
  return histories;
}

std::string MostPopular(const std::string& name, const Histories& train, const Histories& test,
                        uint32_t k, bool mask) {
  uint32_t items = 0;
  for (const Histories* histories : {&train, &test}) {
    for (const auto& [user, list] : *histories) {
      for (const uint32_t item : list) items = std::max(items, item + 1);
    }
  }
  std::vector<float> counts(items, 0);
  for (const auto& [user, list] : train) {
    for (const uint32_t item : list) counts[item] += 1;
  }
  std::vector<uint64_t> offsets{0};
  std::vector<uint32_t> seen;
  std::vector<std::vector<uint32_t>> relevant;
  for (const auto& [user, list] : test) {
    if (list.empty()) continue;
    std::set<uint32_t> mine;
    if (const auto it = train.find(user); mask && it != train.end()) {
      mine.insert(it->second.begin(), it->second.end());
    }
    seen.insert(seen.end(), mine.begin(), mine.end());
    offsets.push_back(seen.size());
    const std::set<uint32_t> answers(list.begin(), list.end());
    relevant.emplace_back(answers.begin(), answers.end());
  }
  const std::vector<float> queries(relevant.size(), 1.0f);
  const auto hits = *SearchExact(queries, counts, 1, k, {offsets, seen});
  std::vector<MetricSums> sums{{.k = k}};
  for (size_t q = 0; q < hits.size(); ++q) {
    std::vector<uint32_t> ranked;
    for (const Hit& hit : hits[q]) ranked.push_back(hit.position);
    AddQuery(ranked, relevant[q], relevant[q].size(), sums);
  }
  const auto users = static_cast<double>(relevant.size());
  return fmt::format("{} MostPop@{} Recall {:.6f} NDCG {:.6f} HR {:.6f} users {}", name, k,
                     sums[0].recall / users, sums[0].ndcg / users, sums[0].hit / users,
                     relevant.size());
}

std::set<std::string> Expected() {
  std::ifstream in(kData + "mostpop_conformance.txt");
  std::set<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.insert(line);
  return lines;
}

class MostPopularConformanceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kData + "mostpop_conformance.txt")) {
      GTEST_SKIP() << "the public data sets are not there: " << kData;
    }
  }
};

TEST_F(MostPopularConformanceTest, Gowalla) {
  const auto line = MostPopular("gowalla", ReadAdjacency(kData + "gowalla/train.txt"),
                                ReadAdjacency(kData + "gowalla/test.txt"), 20, true);
  EXPECT_TRUE(Expected().contains(line)) << line;
}

TEST_F(MostPopularConformanceTest, RandomAndPopularitySplits) {
  for (const std::string name : {"iid-gowalla", "ood-gowalla-popularity"}) {
    const std::string folder = kData + "irbench/" + name;
    const auto line = MostPopular(name, ReadPairs(folder + "/train.tsv"),
                                  ReadPairs(folder + "/test.tsv"), 20, true);
    EXPECT_TRUE(Expected().contains(line)) << line;
  }
}

TEST_F(MostPopularConformanceTest, LastItemOfMovieSequences) {
  Histories train = ReadAdjacency(kData + "ml-1m/sequences.txt");
  Histories test;
  for (auto& [user, items] : train) {
    test[user] = {items.back()};
    items.pop_back();
  }
  for (const bool mask : {true, false}) {
    const std::string name = std::string("ml-1m LOO (seen ") + (mask ? "masked)" : "not masked)");
    // The last training item is the validation item: popularity does not count it.
    Histories counted = train;
    const auto line = MostPopular(name, counted, test, 10, mask);
    EXPECT_TRUE(Expected().contains(line)) << line;
  }
}

}  // namespace
}  // namespace skybridge::retrieval
