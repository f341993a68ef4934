// SPDX-License-Identifier: Apache-2.0
#include "launch/job_override.h"

#include <string>

#include <gtest/gtest.h>

#include "launch/job_parser.h"

namespace skybridge::launch {
namespace {

job::Job Example() {
  return *ParseJob(R"(
    name: "a"
    table { name: "user" dim: 8 }
    table { name: "item" dim: 16 }
    query { hidden: [4] feature { column: "user" id {} } }
    loss { kind: BPR decoupled: true })",
                   "f");
}

// The job after `assignment`, or its error.
std::string After(const std::string& assignment) {
  job::Job job = Example();
  const Status status = ApplyOverride(assignment, &job);
  return status.ok() ? job.ShortDebugString() : status.message();
}

job::Job Changed(const std::string& assignment) {
  job::Job job = Example();
  const Status status = ApplyOverride(assignment, &job);
  EXPECT_TRUE(status.ok()) << status;
  return job;
}

TEST(JobOverrideTest, ScalarsOfAllTypesAreReplaced) {
  EXPECT_EQ(Changed("name=b c").name(), "b c");
  EXPECT_EQ(Changed("name=\"b\"").name(), "b");
  EXPECT_EQ(Changed("name=a=b\\\"").name(), "a=b\\\"");
  EXPECT_EQ(Changed("seed=7").seed(), 7u);
  EXPECT_EQ(Changed("data.holdout=0.25").data().holdout(), 0.25);
  EXPECT_EQ(Changed("consistency.staleness=-1").consistency().staleness(), -1);
  EXPECT_EQ(Changed("loss.kind=SOFTMAX").loss().kind(), job::SOFTMAX);
  EXPECT_FALSE(Changed("loss.decoupled=false").loss().decoupled());
}

TEST(JobOverrideTest, ElementsAreChosenByPositionOrByField) {
  EXPECT_EQ(Changed("table[1].dim=3").table(1).dim(), 3u);
  EXPECT_EQ(Changed("table[name=item].dim=3").table(1).dim(), 3u);
  EXPECT_EQ(Changed("table[dim=8].dim=3").table(0).dim(), 3u);
}

TEST(JobOverrideTest, PositionBehindTheLastAddsAnElement) {
  EXPECT_EQ(Changed("table[2].name=x").table_size(), 3);
  EXPECT_EQ(Changed("evaluation[0]={holdout: true}").evaluation(0).holdout(), true);
}

// It has its defaults, and those can be changed.
TEST(JobOverrideTest, TableThatAFeatureOnlyNamesCanBeChosen) {
  job::Job job;
  job.mutable_query()->add_feature()->set_column("city");
  job.mutable_query()->mutable_feature(0)->mutable_id();
  ASSERT_TRUE(ApplyOverride("table[name=city].dim=3", &job).ok());
  ASSERT_EQ(job.table_size(), 1);
  EXPECT_EQ(job.table(0).ShortDebugString(), "name: \"city\" dim: 3");
  EXPECT_FALSE(ApplyOverride("table[name=town].dim=3", &job).ok());
}

TEST(JobOverrideTest, ListsAndMessagesAreReplacedWhole) {
  EXPECT_EQ(Changed("query.hidden=256,128").query().hidden_size(), 2);
  EXPECT_EQ(Changed("query.hidden=[5]").query().hidden(0), 5u);
  EXPECT_EQ(Changed("loss={kind: SOFTMAX}").loss().ShortDebugString(), "kind: SOFTMAX");
  EXPECT_EQ(Changed("data.display=a").data().display(0), "a");
}

TEST(JobOverrideTest, NothingClearsTheField) {
  EXPECT_FALSE(Changed("loss=").has_loss());
  EXPECT_EQ(Changed("query.hidden=").query().hidden_size(), 0);
}

TEST(JobOverrideTest, WrongPathsAreNamedWithTheNearestName) {
  EXPECT_EQ(After("trainig.epochs=1"),
            "--set trainig.epochs=1: Job has no field trainig; did you mean training?");
  EXPECT_EQ(After("table[0].dmi=1"),
            "--set table[0].dmi=1: Table has no field dmi; did you mean dim?");
  EXPECT_EQ(After("table[name=itme].dim=1"),
            "--set table[name=itme].dim=1: no table has name itme; did you mean item?");
  EXPECT_EQ(After("table.dim=1"), "--set table.dim=1: table is a list: write table[0]");
  EXPECT_EQ(After("table[9].dim=1"), "--set table[9].dim=1: table[9]: there are only 2");
  EXPECT_EQ(After("table[x].dim=1"),
            "--set table[x].dim=1: table[x]: write a position, as table[0], or a field, as "
            "table[name=x]");
  EXPECT_EQ(After("loss[0].kind=BPR"), "--set loss[0].kind=BPR: loss is no list");
  EXPECT_EQ(After("name.x=1"), "--set name.x=1: name has no fields");
}

TEST(JobOverrideTest, WrongValuesAreNamed) {
  EXPECT_EQ(After("seed=x"), "--set seed=x: seed: expected integer, got: x");
  EXPECT_EQ(After("loss.kind=BPS"),
            "--set loss.kind=BPS: kind: kind cannot be BPS; did you mean BPR?");
  EXPECT_EQ(After("training.epochs=-1"),
            "--set training.epochs=-1: epochs: expected integer, got: -1, which is below 0");
  EXPECT_EQ(After("seed=-"), "--set seed=-: seed: expected integer, got: -");
  EXPECT_EQ(After("seed"), "--set seed: write path=value, as training.epochs=3");
  EXPECT_EQ(After("table[0]=5"), "--set table[0]=5: table[0]: 5 is no Table");
}

TEST(JobOverrideTest, KnownWordsAreThoseOfTheFieldsOwnMessage) {
  EXPECT_EQ(After("loss={kind: FOO}"),
            "--set loss={kind: FOO}: loss: kind cannot be FOO; known: SOFTMAX, BPR");
  EXPECT_EQ(After("loss.kind=FOO"),
            "--set loss.kind=FOO: kind: kind cannot be FOO; known: SOFTMAX, BPR");
  EXPECT_EQ(After("query={feature {number {}} optimizer {kind: FOO}}"),
            "--set query={feature {number {}} optimizer {kind: FOO}}: query: kind cannot be FOO; "
            "known: SGD, ADAGRAD, ROWWISE_ADAGRAD, ADAM");
}

TEST(JobOverrideTest, ASelectorEndsItsPartOfThePath) {
  EXPECT_EQ(After("ta[0]ble.dim=1"),
            "--set ta[0]ble.dim=1: ta[0]: write a dot behind it, as table[0].dim");
  EXPECT_EQ(After("table[][0].dim=1"),
            "--set table[][0].dim=1: table[]: write a dot behind it, as table[0].dim");
}

TEST(JobOverrideTest, AValueIsOneValue) {
  EXPECT_EQ(After("training.batch=8 epochs: 5"),
            "--set training.batch=8 epochs: 5: batch: 8 epochs: 5 is more than one value");
  EXPECT_EQ(After("query.hidden=[1] dim: 3"),
            "--set query.hidden=[1] dim: 3: hidden: [1] dim: 3 is more than one value");
}

}  // namespace
}  // namespace skybridge::launch
