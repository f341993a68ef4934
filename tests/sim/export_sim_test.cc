// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "common/hash.h"
#include "proto/export.pb.h"
#include "tests/sim/seeds.h"
#include "tests/sim/sim_run.h"
#include "tests/sim/swarm.h"

namespace skybridge::sim {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

class ExportSimTest : public SimTest {
 protected:
  // Everything the manifest names is there, whole; the candidates are those of the catalogue.
  void CheckExport(const TrainingClusterOptions& options) {
    const std::string& export_folder = options.export_folder;
    const bool lockstep = options.staleness == 0;
    exports::Manifest manifest;
    const std::string json = ReadFile(export_folder + "/MANIFEST.json");
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &manifest).ok()) << json;
    std::vector<uint64_t> keys;
    for (const exports::File& file : manifest.file()) {
      const std::string bytes = ReadFile(export_folder + "/" + file.name());
      EXPECT_EQ(bytes.size(), file.bytes()) << file.name();
      if (file.kind() == "ids") AppendKeys(bytes, file.rows(), keys);
      if (!lockstep || file.kind() == "index") continue;
      const std::tuple part(options.swarm.tight_memory, options.swarm.ranks, file.kind(),
                            file.table(), file.partition(),
                            file.table().empty() ? 0 : options.swarm.shards);
      const auto [first, is_first] = contents_.emplace(part, HashBytes(bytes));
      EXPECT_EQ(first->second, HashBytes(bytes)) << file.name() << " differs from other seeds'";
    }
    std::ranges::sort(keys);
    const auto catalogue = (*JobOf(options).dataset().catalogue())->keys();
    EXPECT_TRUE(std::ranges::equal(keys, catalogue)) << keys.size() << " keys";
    EXPECT_EQ(manifest.candidates(), catalogue.size());
  }

 private:
  // The array of an npy file is its last bytes.
  static void AppendKeys(const std::string& bytes, uint64_t rows, std::vector<uint64_t>& keys) {
    ASSERT_GE(bytes.size(), rows * sizeof(uint64_t));
    const size_t before = keys.size();
    keys.resize(before + rows);
    std::memcpy(keys.data() + before, bytes.data() + bytes.size() - rows * sizeof(uint64_t),
                rows * sizeof(uint64_t));
  }

  // Lockstep: what a part contained in the first seed that had it, by job, ranks, kind, table,
  // partition, and, for rows of tables, number of shards.
  std::map<std::tuple<bool, uint32_t, std::string, std::string, uint32_t, uint32_t>, uint64_t>
      contents_;
};

// I16, and P2 for what leaves the cluster.
TEST_P(ExportSimTest, LockstepExportNamesEachCandidateOnceWithTheSameVectors) {
  for (const uint64_t seed : BlockSeeds()) {
    const TrainingClusterOptions options{
        .swarm = DrawSwarm(seed), .export_folder = folder() + "/export-" + std::to_string(seed)};
    SCOPED_TRACE(ReplayCommand(seed) + "\n" + Describe(options.swarm));
    RunAndCheck(options);
    if (!HasFailure()) CheckExport(options);
    if (HasFailure()) return;
  }
}

TEST_P(ExportSimTest, AsyncExportNamesEachCandidateOnce) {
  for (const uint64_t seed : BlockSeeds()) {
    TrainingClusterOptions options{.swarm = DrawSwarm(seed),
                                   .export_folder = folder() + "/export-" + std::to_string(seed)};
    options.staleness = options.swarm.staleness;
    SCOPED_TRACE(ReplayCommand(seed) + "\n" + Describe(options.swarm));
    RunAndCheck(options);
    if (!HasFailure()) CheckExport(options);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Blocks, ExportSimTest, testing::Range<uint64_t>(18, 19));

}  // namespace
}  // namespace skybridge::sim
