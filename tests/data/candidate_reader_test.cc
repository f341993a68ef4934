// SPDX-License-Identifier: Apache-2.0
#include "data/candidate_reader.h"

#include <limits>
#include <string>

#include "data/tower_batch.h"
#include "tests/data/small_job.h"

namespace skybridge::data {
namespace {

class CandidateReaderTest : public SmallJobTest {
 protected:
  Result<CandidateReader> Open(std::string_view text) {
    options_.display = {"title"};
    options_.candidates = SourceOptions{.paths = {"items.tsv"}};
    const PlannedFile file{
        .path = folder_.Write("items.tsv", text), .name = "items.tsv", .format = Format::kTsv};
    return CandidateReader::Open(options_, file, 0, std::numeric_limits<uint64_t>::max());
  }
};

TEST_F(CandidateReaderTest, CandidatesHaveKeyLabelDisplayAndFeatures) {
  auto reader = Open("title\titem\nchess\t10\ngo\t20\n");
  ASSERT_TRUE(reader.has_value()) << reader.error();
  TowerBatch out = EmptyTower(options_.candidate);
  ASSERT_TRUE(*reader->Next());
  EXPECT_EQ(reader->key(), 10u);
  EXPECT_EQ(reader->label(), "10");
  EXPECT_EQ(reader->display(0), "chess");
  ASSERT_TRUE(reader->Append(&out).ok());
  ASSERT_TRUE(*reader->Next());
  EXPECT_EQ(reader->display(0), "go");
  ASSERT_TRUE(reader->Append(&out).ok());
  EXPECT_FALSE(*reader->Next());
  EXPECT_EQ(out.features[0].ids, (std::vector<uint64_t>{10, 20}));
}

TEST_F(CandidateReaderTest, MissingColumnIsNamed) {
  const Status refused = Open("title\nchess\n").status();
  EXPECT_NE(refused.message().find("item"), std::string::npos) << refused;
}

TEST_F(CandidateReaderTest, EmptyOrBadKeyIsRefusedWithItsPlace) {
  for (const char* text : {"item\ttitle\n\tchess\n", "item\ttitle\nten\tchess\n"}) {
    auto reader = Open(text);
    ASSERT_TRUE(reader.has_value()) << reader.error();
    const Status refused = reader->Next().status();
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument) << refused;
    EXPECT_NE(refused.message().find("items.tsv"), std::string::npos) << refused;
    EXPECT_NE(refused.message().find("item"), std::string::npos) << refused;
  }
}

}  // namespace
}  // namespace skybridge::data
