// SPDX-License-Identifier: Apache-2.0
#include "launch/export_reader.h"

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "data/query_encoder.h"
#include "env/files.h"
#include "launch/evaluation_report.h"
#include "retrieval/npy.h"
#include "tests/retrieval/temp_folder.h"

namespace skybridge::launch {
namespace {

// An export of a small job, file by file.
class ExportReaderTest : public testing::Test {
 protected:
  ExportReaderTest() {
    manifest_.set_format(1);
    manifest_.set_dim(2);
    manifest_.set_job(R"(
      data { train { path: "t.tsv" } candidate_key: "item" }
      query { dim: 2 feature { column: "user" id { form: INTEGER } } }
      candidate { dim: 2 feature { column: "item" id { form: INTEGER } } })");
  }
  void Add(const std::string& name, const std::string& kind, const std::string& table,
           const Result<retrieval::FileSummary>& written) {
    exports::File& file = *manifest_.add_file();
    file.set_name(name);
    file.set_kind(kind);
    file.set_table(table);
    file.set_bytes(written->bytes);
    file.set_xxh64(fmt::format("{:016x}", written->xxh64));
  }
  void AddIds(const std::string& kind, const std::string& table) {
    const std::vector<uint64_t> ids{7};
    Add(kind, kind, table, retrieval::WriteNpy(folder_ / kind, std::span<const uint64_t>(ids)));
  }
  void AddRows(uint64_t columns) {
    const std::vector<float> values(columns, 3);
    Add("rows", "table_rows", "user", retrieval::WriteNpy(folder_ / "rows", 1, columns, values));
  }
  void WriteManifest(const std::string& path) const {
    std::string json;
    CHECK(google::protobuf::util::MessageToJsonString(manifest_, &json).ok());
    CHECK(env::WriteFileDurably(path, json).ok());
  }
  ExportReader Open() {
    WriteManifest(folder_ / "MANIFEST.json");
    auto reader = ExportReader::Open(folder_ / ".");
    CHECK(reader.has_value()) << reader.error();
    return *std::move(reader);
  }

  const retrieval::TempFolder folder_;
  exports::Manifest manifest_;
};

TEST_F(ExportReaderTest, ARowIsThatOfTheFileOrItsFirstValue) {
  AddIds("table_ids", "user");
  AddRows(2);
  const ExportReader reader = Open();
  const QueryTower tower = *QueryTower::Load(reader);
  EXPECT_EQ(tower.Row(TableId(0), 7), (std::vector<float>{3, 3}));
  EXPECT_EQ(tower.Row(TableId(0), 8).size(), 2u);
  EXPECT_NE(tower.Row(TableId(0), 8), tower.Row(TableId(0), 7));
}

TEST_F(ExportReaderTest, AQueryIsKnownIfTrainingHasSeenAnyOfIt) {
  AddIds("table_ids", "user");
  AddRows(2);
  const ExportReader reader = Open();
  const QueryTower tower = *QueryTower::Load(reader);
  const data::TowerFeatures features = reader.DatasetOptions(".")->query;
  EXPECT_TRUE(tower.Knows(*data::EncodeColumns(features, {{"user", "7"}})));
  EXPECT_FALSE(tower.Knows(*data::EncodeColumns(features, {{"user", "8"}})));
}

TEST_F(ExportReaderTest, RunWithoutExportIsNoQuestionOfSpelling) {
  ASSERT_TRUE(env::WriteFileDurably(folder_ / "run.json", "{}").ok());
  const Status status = ExportReader::Open(folder_ / "").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("that run has made none so far"), std::string::npos) << status;
}

TEST_F(ExportReaderTest, ARunWhoseJobSaysWhereItExportsLeadsThere) {
  const std::string elsewhere = folder_ / "elsewhere";
  ASSERT_TRUE(env::MakeFolders(folder_ / "run").ok());
  ASSERT_TRUE(env::MakeFolders(elsewhere).ok());
  const std::string result = ResultJson({.export_folder = elsewhere}, 3);
  ASSERT_TRUE(env::WriteFileDurably(folder_ / "run/result.json", result).ok());
  WriteManifest(elsewhere + "/MANIFEST.json");
  const auto reader = ExportReader::Open(folder_ / "run");
  ASSERT_TRUE(reader) << reader.error();
  EXPECT_EQ(reader->folder(), elsewhere);
  std::filesystem::remove_all(elsewhere);
  const Status gone = ExportReader::Open(folder_ / "run").status();
  EXPECT_EQ(gone.code(), StatusCode::kNotFound);
  EXPECT_NE(gone.message().find(elsewhere + ", but it is not there any more"), std::string::npos)
      << gone;
}

TEST_F(ExportReaderTest, AResultThatNamesNoExportLeadsNowhere) {
  for (const std::string& result :
       {ResultJson({}, 3), std::string("["), std::string("[]"), std::string(R"({"export": 3})")}) {
    ASSERT_TRUE(env::WriteFileDurably(folder_ / "result.json", result).ok());
    const Status status = ExportReader::Open(folder_ / ".").status();
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << result;
    EXPECT_NE(status.message().find("there is no MANIFEST.json"), std::string::npos) << status;
  }
}

TEST_F(ExportReaderTest, RowsOfAnotherWidthAreRefusedByName) {
  AddIds("table_ids", "user");
  AddRows(200);
  const ExportReader reader = Open();
  const Status status = QueryTower::Load(reader).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("200 numbers, those of table user have 2"), std::string::npos)
      << status;
}

TEST_F(ExportReaderTest, IdsWithoutRowsAreRefused) {
  AddIds("table_ids", "user");
  const ExportReader reader = Open();
  EXPECT_EQ(QueryTower::Load(reader).status().code(), StatusCode::kDataLoss);
}

TEST_F(ExportReaderTest, CandidatesWithoutLabelsAreRefusedByName) {
  AddIds("ids", "");
  const ExportReader reader = Open();
  const Status status = ExportLabels::Load(reader).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(folder_ / "ids"), std::string::npos) << status;
}

}  // namespace
}  // namespace skybridge::launch
