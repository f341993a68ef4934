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

TEST_F(BadInputTest, CatalogueOfNothingIsAnErrorOfTheUser) {
  Write("items.tsv", "item\tcluster\n");
  ExpectRefusal({}, {"no candidate in any file"});
}

TEST_F(BadInputTest, RaggedLineIsNamedByFileAndPlace) {
  Write("train.tsv", Read("train.tsv") + "only-one-field\n");
  ExpectRefusal({}, {"train.tsv"});
}

TEST_F(BadInputTest, TowersOfDifferentWidthAreRefused) {
  ExpectRefusal({"--set", "candidate.dim=16"}, {"dim"});
}

TEST_F(BadInputTest, WrongCommandLinesAreErrorsOfUsage) {
  const std::vector<std::vector<std::string>> wrong = {{"generate", "--users", "0"},
                                                       {"generate", "--uesrs", "9"},
                                                       {"simulate", "--workload", "nope"},
                                                       {"simulate", "--seeds", "5..3"},
                                                       {"checkpoint", "prune", ".", "--round", "3"},
                                                       {"checkpoint", "list", ".", "--keep=3"},
                                                       {"checkpoint", "verify", ".", "--hash"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const Outcome outcome = Call(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    const std::string help = "try: skybridge " + arguments[0] + " --help";
    EXPECT_NE(outcome.output.find(help), std::string::npos) << outcome.output;
  }
}

// What only the end of a run would find out is found before it begins.
TEST_F(BadInputTest, IndexThatCannotBeBuiltIsRefusedBeforeTheTraining) {
  ExpectRefusal({"--set", "index.factory=garbage"}, {"index.factory", "garbage"});
  EXPECT_FALSE(std::filesystem::exists(Path("run")));
}

TEST_F(BadInputTest, NameThatIsNoFolderIsRefused) {
  for (const char* name : {"../evil", "a/b", ".hidden"}) {
    ExpectRefusal({"--set", std::string("name=") + name}, {name, "names no folder"});
  }
}

TEST_F(BadInputTest, TrainingFileOfNothingButAHeaderIsRefused) {
  const std::string all = Read("train.tsv");
  Write("train.tsv", all.substr(0, all.find('\n') + 1));
  const Outcome outcome = Call({"check", Path("job.pbtxt")});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find("nothing to train on"), std::string::npos) << outcome.output;
  ExpectRefusal({}, {"data.train: nothing to train on", "train.tsv"});
  EXPECT_FALSE(std::filesystem::exists(Path("run")));
}

// One end, one reason: nodes that are told to stop have not failed.
TEST_F(BadInputTest, FailedJobStartsNothingAgain) {
  Write("items.tsv", Read("items.tsv") + "7\t1\textra\n");
  const Outcome outcome = Call({"run", Path("job.pbtxt"), "--run_dir", Path("run")});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find("items.tsv"), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("starting it again"), std::string::npos) << outcome.output;
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

// Each of these stands in one field of a training line.
TEST_F(BadInputTest, NumberThatIsNoneIsNamedByLineAndColumn) {
  Write("train.tsv", "user\titem\tage\n1\t2\t30\n1\t3\tnan\n");
  ExpectRefusal({"--set", "query.feature[1]={column: \"age\" number {}}", "--set", "evaluation="},
                {"train.tsv:3", "column age", "nan", "missing"});
}

TEST_F(BadInputTest, TextThatIsNotUtf8IsNamedByFileAndByte) {
  Write("train.tsv", Read("train.tsv") + "us\xff\xfe\t2\n");
  ExpectRefusal({}, {"train.tsv", "byte", "not UTF-8"});
}

TEST_F(BadInputTest, IdOutOfItsRangeIsNamedByLineAndBound) {
  ExpectRefusal({"--set", "query.feature[0].id={form: INTEGER below: 10}"},
                {"train.tsv", "column user", "is not below 10"});
}

TEST_F(BadInputTest, HistoryOfNoItemsIsNamedByLine) {
  Write("train.tsv", "user\titem\thistory\n1\t2\t3|4\n2\t3\t\n");
  ExpectRefusal(
      {"--set", "query.feature[0]={column: \"history\" table: \"item\" id {separator: \"|\"}}",
       "--set", "evaluation="},
      {"train.tsv:3", "history", "nothing to embed"});
}

TEST_F(BadInputTest, RunFolderThatIsInUseIsRefused) {
  Write("run-notes", "mine");
  std::filesystem::create_directories(Path("run"));
  Write("run/notes", "mine");
  const Outcome outcome = Call({"run", Path("job.pbtxt"), "--run_dir", Path("run")});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find(Path("run")), std::string::npos) << outcome.output;
  EXPECT_EQ(Read("run/notes"), "mine");
}

// Exports of two models: one folder's files with the other's manifest.
TEST_F(BadInputTest, ExportOfAnotherModelIsRefused) {
  for (const auto& [run, seed] : {std::pair("one", "1"), std::pair("two", "2")}) {
    const Outcome made = Call(
        {"run", Path("job.pbtxt"), "--run_dir", Path(run), "--set", std::string("seed=") + seed});
    ASSERT_EQ(made.exit_code, 0) << made.output;
  }
  Write("one/export/MANIFEST.json", Read("two/export/MANIFEST.json"));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"query", "--export", Path("one"), "--features", "user=1"},
        std::vector<std::string>{"evaluate", Path("one"), "--base", folder()}}) {
    const Outcome outcome = Call(command);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
    EXPECT_NE(outcome.output.find(Path("one/export")), std::string::npos) << outcome.output;
  }
}

TEST_F(BadInputTest, FolderThatIsNoExportIsRefused) {
  const Outcome outcome = Call({"query", "--export", folder(), "--features", "user=1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find("MANIFEST.json"), std::string::npos) << outcome.output;
}

// `run` has nobody to tell how it gets on, and goes on.
TEST_F(BadInputTest, OutputThatCannotBeWrittenIsAnErrorAndProgressIsNot) {
  MakeData();
  const std::string program = SKYBRIDGE_BINARY;
  const auto shell = [this](const std::string& line) { return CallProgram({"sh", "-c", line}); };
  const Outcome quiet =
      shell(program + " run " + Path("job.pbtxt") + " --run_dir " + Path("run") + " 2>/dev/full");
  EXPECT_EQ(quiet.exit_code, 0) << quiet.output;
  EXPECT_TRUE(std::filesystem::exists(Path("run/result.json")));
  for (const std::string& command :
       {std::string(" version"), " check " + Path("job.pbtxt"), std::string(" run --help")}) {
    const Outcome lost = shell(program + command + " >/dev/full");
    EXPECT_EQ(lost.exit_code, 3) << command << lost.output;
    EXPECT_NE(lost.output.find("write the output: No space left"), std::string::npos)
        << command << lost.output;
  }
}

// Needs a file system of its own, and so a right that not every machine gives.
class FullDiskTest : public BadInputTest {
 protected:
  // Runs `skybridge ARGUMENTS` with a disk of `size` at folder()/disk, and lists what is left.
  Outcome CallWithDisk(const std::string& size, const std::string& arguments) const {
    std::filesystem::create_directories(Path("disk"));
    Write("script", "mount -t tmpfs -o size=" + size + " small " + Path("disk") + " || exit 77\n" +
                        SKYBRIDGE_BINARY + " " + arguments + "\ncode=$?\nfind " + Path("disk") +
                        "\nexit $code\n");
    return CallProgram({"unshare", "--map-root-user", "--mount", "sh", Path("script")});
  }
  static bool MayNotMount(const Outcome& outcome) {
    return outcome.exit_code == 77 || outcome.output.starts_with("unshare: ");
  }
};

TEST_F(FullDiskTest, ServersFolderIsNamedBeforeTheStart) {
  const Outcome outcome =
      CallWithDisk("8m", "run " + Path("job.pbtxt") + " --run_dir " + Path("disk/run"));
  if (MayNotMount(outcome)) GTEST_SKIP() << "may not mount: " << outcome.output;
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  for (const std::string& word : {Path("disk/run/store"), std::string("free")}) {
    EXPECT_NE(outcome.output.find(word), std::string::npos) << outcome.output;
  }
}

TEST_F(FullDiskTest, HalfAGeneratedFileIsNone) {
  const Outcome outcome = CallWithDisk("40k", "generate --users 10000 --out " + Path("disk/data"));
  if (MayNotMount(outcome)) GTEST_SKIP() << "may not mount: " << outcome.output;
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_NE(outcome.output.find("train.tsv: disk full"), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("data/train.tsv\n"), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find(".partial"), std::string::npos) << outcome.output;
}

TEST_F(FullDiskTest, HalfAnExportIsNoExport) {
  const Outcome outcome =
      CallWithDisk("40k", "run " + Path("job.pbtxt") + " --run_dir " + Path("run") +
                              " --set export.path=" + Path("disk/export"));
  if (MayNotMount(outcome)) GTEST_SKIP() << "may not mount: " << outcome.output;
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_NE(outcome.output.find(Path("disk/export")), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("o space left on device"), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("MANIFEST.json"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace skybridge::cluster
