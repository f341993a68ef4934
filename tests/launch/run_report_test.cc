// SPDX-License-Identifier: Apache-2.0
#include "launch/run_report.h"

#include <gtest/gtest.h>

#include "launch/job_parser.h"

namespace skybridge::launch {
namespace {

TEST(RunReportTest, AQuestionIsATextOrTheColumnsOfATowerThatReadsNone) {
  const auto question = [](const char* job) { return QuestionOf(*ParseJob(job, "f")); };
  EXPECT_EQ(question("query { feature { column: 'user' id {} } feature { column: 'q' text {} } }"),
            "\"...\"");
  EXPECT_EQ(
      question("query { feature { column: 'user' id {} } feature { column: 'age' number {} } }"),
      "--features user=... --features age=...");
}

}  // namespace
}  // namespace skybridge::launch
