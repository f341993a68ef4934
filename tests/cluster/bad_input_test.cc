// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

class BadInputTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeData();
  }
  // Runs the small job with `arguments`; it must be refused, with each of `words` in the message.
  void ExpectRefusal(std::vector<std::string> arguments, const std::vector<std::string>& words) {
    std::vector<std::string> all = {"run", Path("job.pbtxt"), "--run_dir", Path("run")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = Call(all);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
    for (const std::string& word : words) {
      EXPECT_NE(outcome.output.find(word), std::string::npos) << word << " in\n" << outcome.output;
    }
    EXPECT_FALSE(std::filesystem::exists(Path("run/export/MANIFEST.json")));
  }
};

TEST_F(BadInputTest, UnknownFieldIsNamedWithTheNearestOne) {
  Write("job.pbtxt", Read("job.pbtxt") + "trainig { epochs: 1 }\n");
  ExpectRefusal({}, {"trainig", "training"});
}

TEST_F(BadInputTest, WrongTypeIsNamed) {
  Write("job.pbtxt", Read("job.pbtxt") + "seed: \"one\"\n");
  ExpectRefusal({}, {"job.pbtxt:", "expected integer", "one"});
}

TEST_F(BadInputTest, MissingFileIsNamed) {
  std::filesystem::remove(Path("train.tsv"));
  ExpectRefusal({}, {"train.tsv"});
}

TEST_F(BadInputTest, EmptyFileIsNamed) {
  Write("train.tsv", "");
  ExpectRefusal({}, {"train.tsv"});
}

TEST_F(BadInputTest, RaggedLineIsNamedByFileAndPlace) {
  Write("train.tsv", Read("train.tsv") + "only-one-field\n");
  ExpectRefusal({}, {"train.tsv"});
}

TEST_F(BadInputTest, TowersOfDifferentWidthAreRefused) {
  ExpectRefusal({"--set", "candidate.dim=16"}, {"dim"});
}

TEST_F(BadInputTest, TruncatedPartOfAnExportIsRefused) {
  const Outcome run = Call({"run", Path("job.pbtxt"), "--run_dir", Path("run")});
  ASSERT_EQ(run.exit_code, 0) << run.output;
  for (const auto& entry : std::filesystem::directory_iterator(Path("run/export/parts"))) {
    if (entry.path().extension() == ".npy") {
      std::filesystem::resize_file(entry.path(), entry.file_size() - 4);
    }
  }
  const Outcome query = Call({"query", "--export", Path("run"), "--features", "user=1"});
  EXPECT_EQ(query.exit_code, 1) << query.output;
  EXPECT_NE(query.output.find(".npy"), std::string::npos) << query.output;
}

}  // namespace
}  // namespace skybridge::cluster
