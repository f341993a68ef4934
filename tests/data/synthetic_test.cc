// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::data {
namespace {

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

using Rows = std::vector<std::vector<std::string>>;

// Without the header.
Rows ReadRows(const std::string& path) {
  std::istringstream lines(Slurp(path));
  Rows rows;
  std::string line, field;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    auto& row = rows.emplace_back();
    while (std::getline(fields, field, '\t')) row.push_back(field);
  }
  return rows;
}

std::map<std::string, std::string> ClusterOfItem(const std::string& folder) {
  std::map<std::string, std::string> clusters;
  for (const auto& row : ReadRows(folder + "/items.tsv")) clusters[row[0]] = row[1];
  return clusters;
}

TEST(SyntheticTest, SameOptionsGiveTheSameBytes) {
  const ScratchFolder first, second, other;
  SyntheticOptions options{.users = 50, .items = 40, .clusters = 4, .words_per_item = 3};
  ASSERT_TRUE(GenerateSynthetic(options, first.path()).has_value());
  ASSERT_TRUE(GenerateSynthetic(options, second.path()).has_value());
  options.seed = 2;
  ASSERT_TRUE(GenerateSynthetic(options, other.path()).has_value());
  for (const std::string name : {"/train.tsv", "/test.tsv", "/items.tsv"}) {
    EXPECT_EQ(Slurp(first.path() + name), Slurp(second.path() + name));
    EXPECT_NE(Slurp(first.path() + name), Slurp(other.path() + name));
  }
}

TEST(SyntheticTest, FilesHoldWhatTheReportSays) {
  const ScratchFolder folder;
  const SyntheticOptions options{.users = 30,
                                 .items = 23,
                                 .clusters = 5,
                                 .train_per_user = 4,
                                 .test_per_user = 3,
                                 .words_per_item = 6};
  const SyntheticReport report = *GenerateSynthetic(options, folder.path());
  EXPECT_EQ(report.train_pairs, 120u);
  EXPECT_EQ(ReadRows(folder.path() + "/train.tsv").size(), 120u);
  EXPECT_EQ(report.test_pairs, 90u);
  EXPECT_EQ(ReadRows(folder.path() + "/test.tsv").size(), 90u);
  EXPECT_EQ(Slurp(folder.path() + "/train.tsv").substr(0, 10), "user\titem\n");
  std::map<std::string, int> sizes;
  std::set<std::string> names;
  for (const auto& row : ReadRows(folder.path() + "/items.tsv")) {
    names.insert(row[0]);
    ++sizes[row[1]];
    std::istringstream words(row[2]);
    std::string word;
    int count = 0;
    for (; words >> word; ++count) EXPECT_EQ(word.rfind("c" + row[1] + "w", 0), 0u) << word;
    EXPECT_EQ(count, 6);
  }
  EXPECT_EQ(names.size(), 23u);
  ASSERT_EQ(sizes.size(), 5u);
  for (const auto& [cluster, size] : sizes) EXPECT_TRUE(size == 4 || size == 5) << cluster;
}

TEST(SyntheticTest, FullSignalKeepsAUserInOneClusterAndHalfDoesNot) {
  const ScratchFolder folder;
  SyntheticOptions options{.users = 200, .items = 100, .clusters = 10, .signal = 1};
  const auto clusters_per_user = [&] {
    CHECK(GenerateSynthetic(options, folder.path()).has_value());
    const auto clusters = ClusterOfItem(folder.path());
    std::map<std::string, std::set<std::string>> seen;
    for (const std::string name : {"/train.tsv", "/test.tsv"}) {
      for (const auto& row : ReadRows(folder.path() + name)) {
        seen[row[0]].insert(clusters.at(row[1]));
      }
    }
    size_t most = 0;
    for (const auto& [user, set] : seen) most = std::max(most, set.size());
    return most;
  };
  EXPECT_EQ(clusters_per_user(), 1u);
  options.signal = 0.5;
  EXPECT_GT(clusters_per_user(), 3u);
}

// A model that knew everything: for each user's cluster the k items seen most often over all users
// of that cluster, counted on lines that it is not scored on.
TEST(SyntheticTest, CeilingIsWhatAnOracleReaches) {
  for (const uint32_t k : {1u, 5u, 20u}) {
    const ScratchFolder folder;
    const SyntheticOptions options{.users = 3000,
                                   .items = 60,
                                   .clusters = 6,
                                   .train_per_user = 40,
                                   .test_per_user = 10,
                                   .signal = 0.7,
                                   .zipf = 0.9,
                                   .k = k};
    const SyntheticReport report = *GenerateSynthetic(options, folder.path());
    const auto cluster_of_item = ClusterOfItem(folder.path());
    const Rows train = ReadRows(folder.path() + "/train.tsv");
    std::map<std::string, std::map<std::string, int>> clusters_of_user;
    for (const auto& row : train) ++clusters_of_user[row[0]][cluster_of_item.at(row[1])];
    const auto cluster_of_user = [&](const std::string& user) {
      const auto& seen = clusters_of_user[user];
      return std::ranges::max_element(seen, {}, [](const auto& entry) { return entry.second; })
          ->first;
    };
    std::map<std::string, std::map<std::string, int>> counts;
    for (const auto& row : train) ++counts[cluster_of_user(row[0])][row[1]];
    std::map<std::string, std::set<std::string>> best;
    for (const auto& [cluster, items] : counts) {
      std::vector<std::pair<int, std::string>> order;
      for (const auto& [item, times] : items) order.emplace_back(-times, item);
      std::ranges::sort(order);
      for (size_t i = 0; i < k; ++i) best[cluster].insert(order[i].second);
    }
    double hits = 0;
    for (const auto& row : ReadRows(folder.path() + "/test.tsv")) {
      hits += best[cluster_of_user(row[0])].contains(row[1]);
    }
    EXPECT_NEAR(hits / 30000, report.recall_ceiling, 0.015) << k;
  }
}

TEST(SyntheticTest, BadOptionsAreRefusedByName) {
  const auto error = [](SyntheticOptions options) {
    const Status status = options.Validate();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_TRUE(SyntheticOptions().Validate().ok());
  EXPECT_EQ(error({.users = 0}), "synthetic data: users: 0");
  EXPECT_EQ(error({.clusters = 0}), "synthetic data: clusters: 0");
  EXPECT_EQ(error({.items = 3, .clusters = 4}), "synthetic data: items: fewer than clusters");
  EXPECT_EQ(error({.train_per_user = 0}), "synthetic data: train_per_user: 0");
  EXPECT_EQ(error({.signal = 1.1}), "synthetic data: signal: not in [0, 1]");
  EXPECT_EQ(error({.zipf = -1}), "synthetic data: zipf: negative");
  EXPECT_EQ(error({.k = 0}), "synthetic data: k: 0");
}

TEST(SyntheticTest, FolderThatIsNotThereIsNamed) {
  const Status status = GenerateSynthetic({}, "/nowhere/at/all").error();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("/nowhere/at/all/train.tsv"), std::string::npos) << status;
}

}  // namespace
}  // namespace skybridge::data
