// SPDX-License-Identifier: Apache-2.0
#include "launch/job_parser.h"

#include <string>

#include <gtest/gtest.h>

namespace skybridge::launch {
namespace {

std::string ErrorOf(const std::string& text) {
  const Result<job::Job> job = ParseJob(text, "f");
  return job.has_value() ? "none" : job.error().message();
}

TEST(JobParserTest, TextFormatIsRead) {
  const job::Job job = *ParseJob("name: \"a\"  # comment\nquery { hidden: [8, 4] }", "f");
  EXPECT_EQ(job.name(), "a");
  EXPECT_EQ(job.query().hidden(1), 4u);
}

TEST(JobParserTest, JsonOfTheSameContentIsTheSameJob) {
  const job::Job text = *ParseJob(R"(
    name: "a \"b\" é"
    data { train { path: "x" path: "y/z" format: TSV } train { path: "k" } holdout: 0.1 }
    query { norm: UNIT layer_norm: true hidden: [8, 4] feature { column: "kind" id {} } })",
                                  "f");
  const job::Job json = *ParseJob(R"(
    {"name": "a \"b\" é",
     "data": {"train": [{"path": ["x", "y\/z"], "format": "TSV"}, {"path": ["k"]}],
              "holdout": 1e-1},
     "query": {"norm": "UNIT", "layer_norm": true, "hidden": [8, 4],
               "feature": [{"column": "kind", "id": {}}]}}
  )",
                                  "f");
  EXPECT_EQ(text.DebugString(), json.DebugString());
}

TEST(JobParserTest, EmptyJsonIsAnEmptyJob) { EXPECT_EQ(ParseJob(" {} ", "f")->ByteSizeLong(), 0u); }

TEST(JobParserTest, ErrorsInJsonHaveTheirPlace) {
  EXPECT_EQ(ErrorOf("{\n  \"nmae\": \"a\"\n}"), "f:2:4: Job has no field nmae; did you mean name?");
  EXPECT_EQ(ErrorOf("{\"loss\":\n {\"kind\": \"BPS\"}}"),
            "f:2:12: kind cannot be BPS; did you mean BPR?");
  EXPECT_EQ(ErrorOf("{\"name\": 5}"), "f:1:10: expected string, got: 5");
}

TEST(JobParserTest, BrokenJsonIsRefusedWithItsPlace) {
  EXPECT_EQ(ErrorOf("{\"name\": \"a\",\n \"seed\" 1}").rfind("f:2:9: ", 0), 0u);
  EXPECT_NE(ErrorOf("{\"name\": \"a\",}"), "none");
  EXPECT_NE(ErrorOf("{\"name\": \"a\"} seed: 1"), "none");
  EXPECT_NE(ErrorOf("{\"name\": \"a"), "none");
  EXPECT_EQ(ErrorOf("{\"na\nme\": 1}").rfind("f:2:1: ", 0), 0u);
}

TEST(JobParserTest, ANumberThatNoTypeHoldsHasItsPlace) {
  EXPECT_EQ(ErrorOf("{\n \"seed\": 1e999}"), "f:2:10: number overflow parsing '1e999'");
}

TEST(JobParserTest, NothingFollowsAZeroByte) {
  using namespace std::string_literals;
  EXPECT_EQ(ErrorOf("{\"seed\": 1}\n\0 \"name\": \"a}"s), "f:2:1: a zero byte is no text");
  EXPECT_EQ(ErrorOf("{\"seed\": 1}\0\"}"s), "f:1:12: a zero byte is no text");
}

TEST(JobParserTest, EmptyTextIsNoJob) { EXPECT_EQ(ErrorOf(" \n "), "f:1:1: the job is empty"); }

TEST(JobParserTest, PlaceOfAnUnknownWordIsItsBeginning) {
  EXPECT_EQ(ErrorOf("nmae: \"a\""), "f:1:1: Job has no field nmae; did you mean name?");
  EXPECT_EQ(ErrorOf("seed: 1\n  nmae\n\n: \"a\""),
            "f:2:3: Job has no field nmae; did you mean name?");
}

TEST(JobParserTest, KnownWordsAreThoseOfTheFieldsOwnMessage) {
  EXPECT_EQ(ErrorOf("similarity { kind: FOO }"), "f:1:20: kind cannot be FOO; known: COSINE, DOT");
  EXPECT_EQ(ErrorOf("loss { kind: BPR }\nsimilarity: {\n  temperature: 1\n  kind: FOO }"),
            "f:4:9: kind cannot be FOO; known: COSINE, DOT");
  EXPECT_EQ(ErrorOf(R"({"similarity": {"kind": "FOO"}})"),
            "f:1:26: kind cannot be FOO; known: COSINE, DOT");
}

TEST(JobParserTest, AWordOfAnyLengthIsRefusedLikeAnother) {
  const std::string word(200'000, 'A');
  EXPECT_EQ(ErrorOf("loss { kind: " + word + " }").rfind("f:1:14: kind cannot be AAA", 0), 0u);
  EXPECT_EQ(ErrorOf(word + ": 1").rfind("f:1:1: Job has no field AAA", 0), 0u);
  EXPECT_EQ(ErrorOf("{\"name\": \"" + word).rfind("f:1:", 0), 0u);
}

TEST(JobParserTest, InJsonAKeyOrAValueOfAnEnumerationIsOneWord) {
  EXPECT_EQ(ErrorOf(R"({"loss": {"kind": "BPR negative_weight: 2"}})").rfind("f:1:19: ", 0), 0u);
  EXPECT_EQ(ErrorOf(R"({"seed: 2 name": "a"})").rfind("f:1:2: ", 0), 0u);
}

}  // namespace
}  // namespace skybridge::launch
