// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/export_checker.h"

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::sim {
namespace {

class ExportWholeTest : public testing::Test {
 protected:
  void WriteManifest(uint64_t bytes, uint64_t candidates) const {
    folder_.Write("MANIFEST.json",
                  R"({"candidates": )" + std::to_string(candidates) +
                      R"(, "file": [{"name": "ids", "kind": "ids", "rows": 2, "bytes": )" +
                      std::to_string(bytes) + "}]}");
  }
  std::string Ids(std::vector<uint64_t> ids) const {
    return "head" + std::string(reinterpret_cast<const char*>(ids.data()), 8 * ids.size());
  }
  std::string broken() {
    ExportWhole checker(folder_.path(), keys_);
    checker.Ended();
    return checker.violation() ? checker.violation()->invariant : "";
  }

  const data::ScratchFolder folder_;
  const std::vector<uint64_t> keys_ = {3, 5};
};

TEST_F(ExportWholeTest, FiresUnlessEverythingNamedIsThereOnce) {
  EXPECT_EQ(broken(), "I16");  // No manifest.
  WriteManifest(20, 2);
  EXPECT_EQ(broken(), "I16");  // No file.
  folder_.Write("ids", Ids({5, 3}));
  EXPECT_EQ(broken(), "");
  WriteManifest(21, 2);
  EXPECT_EQ(broken(), "I16");  // Another size.
  WriteManifest(20, 3);
  EXPECT_EQ(broken(), "I16");  // Another number of candidates.
  WriteManifest(20, 2);
  folder_.Write("ids", Ids({5, 5}));
  EXPECT_EQ(broken(), "I16");  // One twice.
  folder_.Write("MANIFEST.json", "{");
  EXPECT_EQ(broken(), "I16");
}

TEST_F(ExportWholeTest, ReadsAsSoonAsThereIsAManifest) {
  ExportWhole checker(folder_.path(), keys_);
  checker.Passed({std::chrono::seconds(1)});
  EXPECT_FALSE(checker.violation());
  WriteManifest(20, 2);
  checker.Passed({std::chrono::seconds(2)});
  EXPECT_TRUE(checker.violation());
}

}  // namespace
}  // namespace skybridge::sim
