// SPDX-License-Identifier: Apache-2.0
#include "worker/train_step.h"

#include "tests/worker/training_work.h"

namespace skybridge::worker {
namespace {

constexpr float kScale = 0.25f;

class TrainStepTest : public TrainingWorkTest {
 protected:
  TrainStepTest() {
    pull_.set_phase(2);
    pull_.set_rank(3);
    pull_.set_clock(5);
    pull_.set_done(4);
    push_.set_phase(2);
    push_.set_stream(3);
    push_.set_sequence(5);
    push_.set_attempt(6);
    push_.set_rate(0.5f);
  }
  // Carries one step through; without `prepared`, the empty one.
  Status Run(std::shared_ptr<const PreparedStep> prepared) {
    Effects begun;
    step_.Start(std::move(prepared), pull_, push_, kScale, {}, &begun);
    Status status;
    runner_.Carry(
        std::move(begun),
        [&](const Answer& answer, Effects* out) {
          if (status.ok()) status = step_.Take(answer, {}, out);
        },
        [&](WorkTask& task, Effects* out) {
          if (status.ok()) status = step_.Take(dynamic_cast<ComputeTask&>(task), {}, out);
        });
    return status;
  }
  // The shards refuse one kind of request.
  void Refuse(wire::Header::BodyCase body) {
    runner_.shards.refuse = [body](size_t, const wire::Header& request) {
      return request.body_case() == body ? Status(StatusCode::kFenced, "taken over") : Status();
    };
  }

  TrainStep step_{4, model(), runner_.calls, runner_.cluster, kTotals};
  wire::Pull pull_;
  wire::Push push_;
};

TEST_F(TrainStepTest, GradientAtThePulledRowsIsPushedUnderItsName) {
  const BatchPosition position{.partition = 1, .batch = 1};
  ASSERT_TRUE(Run(Prepare(position)).ok());
  EXPECT_TRUE(step_.complete());
  EXPECT_EQ(RowsPushed(5), RowsOfGradient(position, kScale));
  ASSERT_EQ(runner_.shards.pulls.size(), 2u);
  for (const auto& [shard, pull] : runner_.shards.pulls) {
    EXPECT_EQ(pull.clock(), 5u);
    EXPECT_EQ(pull.done(), 4u);
  }
  ASSERT_EQ(runner_.shards.pushes.size(), 2u);
  for (const SeenPush& seen : runner_.shards.pushes) {
    EXPECT_EQ(seen.push.stream(), 3u);
    EXPECT_EQ(seen.push.attempt(), 6u);
    EXPECT_EQ(seen.push.rate(), 0.5f);
    EXPECT_FALSE(seen.gradients.empty());
    EXPECT_TRUE(seen.sightings.empty()) << "counting is the prepare phase's";
  }
}

TEST_F(TrainStepTest, ResultIsThatOfTheLastStep) {
  const std::shared_ptr<const PreparedStep> prepared = Prepare({});
  model::StepResult expected;
  GradientsOf(*prepared, kTotals, kScale, &expected);
  ASSERT_TRUE(Run(prepared).ok());
  EXPECT_EQ(step_.result().positives, prepared->batch.positives.size());
  EXPECT_EQ(step_.result().loss_sum, expected.loss_sum);
  EXPECT_GT(expected.loss_sum, 0.0);
  ASSERT_TRUE(Run(nullptr).ok());
  EXPECT_EQ(step_.result().positives, 0u);
  EXPECT_EQ(step_.result().loss_sum, 0.0);
}

TEST_F(TrainStepTest, WithoutABatchEveryShardGetsAnEmptyPullAndAnEmptyPush) {
  ASSERT_TRUE(Run(nullptr).ok());
  EXPECT_TRUE(step_.complete());
  ASSERT_EQ(runner_.shards.pulls.size(), 2u);
  ASSERT_EQ(runner_.shards.pushes.size(), 2u);
  for (const size_t shard : {0, 1}) {
    EXPECT_EQ(runner_.shards.pulls[shard].first, shard);
    EXPECT_EQ(runner_.shards.pulls[shard].second.table_size(), 0);
    EXPECT_EQ(runner_.shards.pushes[shard].shard, shard);
    EXPECT_EQ(runner_.shards.pushes[shard].push.sequence(), 5u);
    EXPECT_EQ(runner_.shards.pushes[shard].push.table_size(), 0);
  }
}

TEST_F(TrainStepTest, NothingIsPushedBeforeEveryShardAnsweredThePull) {
  Effects out;
  step_.Start(Prepare({}), pull_, push_, kScale, {}, &out);
  // Shard 0 answers first, then shard 1.
  const auto answer_next = [&](size_t shard, const Envelope& message) {
    auto [header, payload] = runner_.shards.Answer(shard, message);
    Effects next;
    const auto answer = runner_.calls.Match(std::move(header), std::move(payload), {});
    EXPECT_TRUE(step_.Take(*answer, {}, &next).ok());
    return next;
  };
  ASSERT_EQ(out.send.size(), 2u);
  EXPECT_TRUE(answer_next(0, out.send[0]).send.empty());
  EXPECT_FALSE(step_.pulled());
  const Effects computing = answer_next(1, out.send[1]);
  EXPECT_TRUE(computing.send.empty()) << "the gradient is not there yet";
  ASSERT_EQ(computing.start.size(), 1u);
  EXPECT_TRUE(step_.pulled());
  computing.start[0]->Run();
  Effects pushed;
  ASSERT_TRUE(step_.Take(dynamic_cast<ComputeTask&>(*computing.start[0]), {}, &pushed).ok());
  ASSERT_EQ(pushed.send.size(), 2u);
  answer_next(0, pushed.send[0]);
  EXPECT_TRUE(step_.pulled()) << "shard 1 has not accepted yet";
  EXPECT_FALSE(step_.complete());
  answer_next(1, pushed.send[1]);
  EXPECT_TRUE(step_.complete());
}

TEST_F(TrainStepTest, RefusedPullEndsTheStepBeforeItPushes) {
  Refuse(wire::Header::kPull);
  EXPECT_EQ(Run(Prepare({})).code(), StatusCode::kFenced);
  EXPECT_TRUE(runner_.shards.pushes.empty());
}

TEST_F(TrainStepTest, RefusedPushReachesTheOwner) {
  Refuse(wire::Header::kPush);
  EXPECT_EQ(Run(Prepare({})).code(), StatusCode::kFenced);
  EXPECT_FALSE(step_.complete());
}

}  // namespace
}  // namespace skybridge::worker
