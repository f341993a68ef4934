// SPDX-License-Identifier: Apache-2.0
#include "launch/result_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace skybridge::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Json = nlohmann::json;

Json SomeResult() {
  return {{"status", "ok"},
          {"seconds", 3.5},
          {"evaluations", {{{"name", "test"}, {"recall", 0.25}}}},
          {"training_pairs", 100},
          {"candidates", 10},
          {"examples_trained", 200},
          {"steps", 7},
          {"pushes", 28},
          {"leases_regranted", 0},
          {"tables", {{{"name", "user"}, {"hash", "00aa"}, {"rows", 30}}}}};
}

std::vector<std::string> Compare(const Json& calm, const Json& storm, bool lockstep) {
  const auto differences = CompareResults(calm.dump(), storm.dump(), lockstep);
  CHECK(differences.has_value()) << differences.error();
  return *differences;
}

TEST(ResultComparisonTest, WhatFaultsMayChangeIsNoDifference) {
  Json storm = SomeResult();
  storm["seconds"] = 90;
  storm["leases_regranted"] = 9;
  EXPECT_THAT(Compare(SomeResult(), storm, true), IsEmpty());
  EXPECT_THAT(Compare(SomeResult(), storm, false), IsEmpty());
}

TEST(ResultComparisonTest, InLockstepTablesAndEvaluationsAreTheSame) {
  Json storm = SomeResult();
  storm["tables"][0]["hash"] = "00ab";
  EXPECT_THAT(Compare(SomeResult(), storm, true),
              ElementsAre("table \"user\": \"00aa\" without faults, \"00ab\" with them"));
  EXPECT_THAT(Compare(SomeResult(), storm, false), IsEmpty()) << "order decides there";
  storm = SomeResult();
  storm["evaluations"][0]["recall"] = 0.5;
  EXPECT_EQ(Compare(SomeResult(), storm, true).size(), 1u);
}

TEST(ResultComparisonTest, OutsideLockstepCountsAreTheSame) {
  for (const char* field : {"examples_trained", "steps", "pushes", "training_pairs"}) {
    Json storm = SomeResult();
    storm[field] = 1;
    EXPECT_EQ(Compare(SomeResult(), storm, false).size(), 1u) << field;
  }
  Json storm = SomeResult();
  storm["tables"][0]["rows"] = 31;
  EXPECT_THAT(Compare(SomeResult(), storm, false),
              ElementsAre("table \"user\" rows: 30 without faults, 31 with them"));
}

TEST(ResultComparisonTest, ATableMoreOrLessIsADifference) {
  Json storm = SomeResult();
  storm["tables"].push_back({{"name", "item"}, {"hash", "1"}, {"rows", 1}});
  EXPECT_EQ(Compare(SomeResult(), storm, true).size(), 2u);
  EXPECT_EQ(Compare(storm, SomeResult(), true).size(), 2u);
}

TEST(ResultComparisonTest, WhatIsNoResultIsRefused) {
  const std::string good = SomeResult().dump();
  EXPECT_EQ(CompareResults("{", good, true).error().message(), "the fault-free result is not JSON");
  Json failed = SomeResult();
  failed["status"] = "unavailable";
  EXPECT_EQ(CompareResults(good, failed.dump(), true).error().message(),
            "the storm's result is that of a run that failed");
  Json bare = SomeResult();
  bare.erase("tables");
  EXPECT_FALSE(CompareResults(bare.dump(), good, true).has_value());
}

}  // namespace
}  // namespace skybridge::launch
