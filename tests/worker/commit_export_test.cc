// SPDX-License-Identifier: Apache-2.0
#include "worker/commit_export.h"

#include <google/protobuf/util/json_util.h>

#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"

namespace skybridge::worker {
namespace {

class CommitExportTest : public testing::Test {
 protected:
  static LeaseOutcome Work(const wire::ExportSpec& spec) {
    CommitExport work(4, 1, spec,
                      {.job = "name: 'small'", .job_hash = 77, .similarity = "dot", .dim = 2});
    WorkRunner runner(1);
    runner.Run(work);
    EXPECT_TRUE(work.outcome().has_value()) << "it hangs";
    return work.outcome().value_or(LeaseOutcome{});
  }
  wire::ExportSpec Parts() const {
    wire::ExportSpec spec;
    spec.set_folder(scratch_.path());
    spec.set_step(9);
    spec.set_index_recall(0.75);
    for (const uint32_t part : {0, 1}) {
      for (const auto& file : WritePart(scratch_.path(), part, 2, {part, 5}, {1, 2, 3, 4})) {
        *spec.add_part() = file;
      }
    }
    return spec;
  }
  std::string manifest() const { return scratch_.path() + "/MANIFEST.json"; }

  data::ScratchFolder scratch_;
};

TEST_F(CommitExportTest, ManifestNamesEveryFileWithSizeAndChecksum) {
  const wire::ExportSpec spec = Parts();
  EXPECT_FALSE(std::filesystem::exists(manifest()));
  ASSERT_TRUE(Work(spec).status.ok());
  exports::Manifest read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(Slurp(manifest()), &read).ok());
  EXPECT_EQ(read.candidates(), 4u);
  EXPECT_EQ(read.step(), 9u);
  EXPECT_EQ(read.index_recall(), 0.75);
  EXPECT_EQ(read.similarity(), "dot");
  ASSERT_EQ(read.file_size(), spec.part_size());
  for (int i = 0; i < read.file_size(); ++i) {
    EXPECT_EQ(read.file(i).name(), spec.part(i).name());
    EXPECT_EQ(read.file(i).bytes(),
              std::filesystem::file_size(scratch_.path() + "/" + read.file(i).name()));
    EXPECT_EQ(std::stoull(read.file(i).xxh64(), nullptr, 16), spec.part(i).xxh64());
  }
}

TEST_F(CommitExportTest, PartsOfAttemptsThatCameTooLateGoWithTheCommit) {
  wire::ExportSpec spec = Parts();
  const std::string late[] = {
      "parts/part-00000.a9.vectors.npy",
      "parts/part-00001.a9.ids.npy.tmp",
      "tables/item-00000.a9.rows.npy",
      "tables/item-00000.a9.ids.npy.tmp",
      "index/index.a9.faiss",
      "index/index.a9.faiss.tmp",
  };
  for (const std::string name : {"tables/item-00000.a1.rows.npy", "index/index.a1.faiss"}) {
    spec.add_part()->set_name(name);
    std::filesystem::create_directories(
        std::filesystem::path(scratch_.path() + "/" + name).parent_path());
    scratch_.Write(name, "named");
  }
  const std::string foreign[] = {"index/index.about.html", "tables/readme.a", "tables/x.a.1"};
  for (const std::string& name : late) scratch_.Write(name, "late");
  for (const std::string& name : foreign) scratch_.Write(name, "of somebody else");
  ASSERT_TRUE(Work(spec).status.ok());
  for (const std::string& name : late) {
    EXPECT_FALSE(std::filesystem::exists(scratch_.path() + "/" + name)) << name;
  }
  for (const wire::PartFile& part : spec.part()) {
    EXPECT_TRUE(std::filesystem::exists(scratch_.path() + "/" + part.name())) << part.name();
  }
  for (const std::string& name : foreign) {
    EXPECT_TRUE(std::filesystem::exists(scratch_.path() + "/" + name)) << name;
  }
}

// Promise: an attempt that another has overtaken changes nothing for that one.
TEST_F(CommitExportTest, EachAttemptWritesItsOwnFileFirst) {
  std::ofstream(manifest() + ".tmp-a2") << "of attempt 2";
  std::ofstream(manifest() + ".tmp-a0") << "of one that was killed";
  Work(Parts());
  EXPECT_TRUE(std::filesystem::exists(manifest()));
  EXPECT_TRUE(std::filesystem::exists(manifest() + ".tmp-a2"));
  EXPECT_FALSE(std::filesystem::exists(manifest() + ".tmp-a0"));
}

TEST_F(CommitExportTest, FolderThatCannotBeWrittenIsNamed) {
  wire::ExportSpec spec = Parts();
  scratch_.Write("file", "x");
  spec.set_folder(scratch_.path() + "/file");
  const LeaseOutcome outcome = Work(spec);
  EXPECT_FALSE(outcome.status.ok());
  EXPECT_NE(outcome.status.message().find(scratch_.path() + "/file"), std::string::npos)
      << outcome.status;
}

}  // namespace
}  // namespace skybridge::worker
