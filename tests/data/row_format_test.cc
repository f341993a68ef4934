// SPDX-License-Identifier: Apache-2.0
#include "data/row_format.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::data {
namespace {

using Fields = std::vector<std::string_view>;

Fields Split(Format format, std::string_view line, RowSplitter* splitter) {
  Fields fields;
  *splitter = RowSplitter(format);
  const Status status = splitter->Split(line, &fields);
  EXPECT_TRUE(status.ok()) << status;
  return fields;
}

TEST(RowSplitterTest, TabsSeparateFieldsAndEmptyOnesCount) {
  RowSplitter splitter(Format::kTsv);
  EXPECT_EQ(Split(Format::kTsv, "a\t\tb c\t", &splitter), (Fields{"a", "", "b c", ""}));
  EXPECT_EQ(Split(Format::kTsv, "\"a\"", &splitter), (Fields{"\"a\""}));
}

TEST(RowSplitterTest, CommasInsideQuotesBelongToTheField) {
  RowSplitter splitter(Format::kCsv);
  EXPECT_EQ(Split(Format::kCsv, R"(a,"b, ""c""",,"")", &splitter),
            (Fields{"a", "b, \"c\"", "", ""}));
  EXPECT_EQ(Split(Format::kCsv, "a,", &splitter), (Fields{"a", ""}));
}

TEST(RowSplitterTest, QuoteThatDoesNotEndOnItsLineIsRefused) {
  Fields fields;
  const Status status = RowSplitter(Format::kCsv).Split("a,\"b", &fields);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("line breaks inside quotes"), std::string::npos);
  EXPECT_FALSE(RowSplitter(Format::kCsv).Split("\"a\"b,c", &fields).ok());
}

TEST(RowSplitterTest, AdjacencyIsAQueryAndTheListOfItsCandidates) {
  RowSplitter splitter(Format::kAdjacency);
  EXPECT_EQ(Split(Format::kAdjacency, "7 1 22  3 ", &splitter), (Fields{"7",
                                                                        "1\x1f"
                                                                        "22\x1f"
                                                                        "3"}));
  EXPECT_EQ(Split(Format::kAdjacency, "7", &splitter), (Fields{"7", ""}));
}

TEST(RowSplitterTest, JsonMembersAreFoundByNameInAnyOrder) {
  RowSplitter splitter(Format::kJsonLines);
  Fields fields;
  const std::vector<std::string> names{"b", "a", "n", "x", "list", "big"};
  const Status status =
      splitter.SplitJson(R"({"a": "caf\u00e9", "list": ["p", 2], "b": 1.5, "n": null, "x": true,)"
                         R"( "big": 18446744073709551615, "other": {"deep": 1}})",
                         names, &fields);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(fields, (Fields{"1.5", "caf\xc3\xa9", "", "true",
                            "p\x1f"
                            "2",
                            "18446744073709551615"}));
}

TEST(RowSplitterTest, JsonThatIsNoFlatObjectIsRefused) {
  RowSplitter splitter(Format::kJsonLines);
  Fields fields;
  const std::vector<std::string> names{"a"};
  for (const char* line : {"[1]", "{\"a\": 1", "{\"a\": {}}", "{\"a\": [[1]]}", "plain"}) {
    EXPECT_EQ(splitter.SplitJson(line, names, &fields).code(), StatusCode::kInvalidArgument)
        << line;
  }
  EXPECT_EQ(splitter.SplitJson(R"({"c": 1, "b": 2})", names, &fields).message(),
            "no column 'a' (the line has: b, c)");
}

TEST(RowSplitterTest, JsonDoesNotEndAtAZeroByte) {
  using namespace std::string_literals;
  EXPECT_EQ(RowSplitter::JsonNames("{\"a\": 1}\0{\"b\": 2}"s).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skybridge::data
