// SPDX-License-Identifier: Apache-2.0
#include "scheduler/job_state.h"

#include <gtest/gtest.h>

namespace skybridge::scheduler {
namespace {

TEST(JobStateTest, NothingIsLostOnTheWay) {
  JobState state{.phase = Phase(5),
                 .clock = 40,
                 .steps = 41,
                 .steps_total = 100,
                 .epoch = 1.0 / 3,
                 .facts = {.batches = {3, 0, 7}, .training_pairs = 96, .candidates = 12},
                 .done = {{UnitOf(1, 2), 7}, {0, 3}}};
  state.result.examples_trained = 500;
  state.result.pushes = 1000;
  state.result.duplicates = 3;
  state.result.leases_regranted = 2;
  state.result.phases = {{Phase(1), "prepare", 0.1}, {Phase(5), "train", 2.5}};
  state.result.evaluations = {{.evaluation = 1,
                               .name = "test",
                               .step = 30,
                               .epoch = 0.7,
                               .queries = 9,
                               .at = {{10, 0.1, 0.2, 0.3, 0.4}, {20, 0.5, 0.6, 0.7, 0.8}}}};
  const checkpoint::JobState message = ToProto(state);
  const JobState back = FromProto(message);
  EXPECT_EQ(back.phase, state.phase);
  EXPECT_EQ(back.clock, 40u);
  EXPECT_EQ(back.epoch, state.epoch);
  EXPECT_EQ(back.facts.batches, state.facts.batches);
  EXPECT_EQ(back.facts.candidates, 12u);
  EXPECT_EQ(back.result.evaluations, state.result.evaluations);
  EXPECT_EQ(back.result.phases[1].seconds, 2.5);
  EXPECT_EQ(back.done, state.done);
  EXPECT_EQ(ToProto(back).SerializeAsString(), message.SerializeAsString());
  // Every field was set, so every field came back.
  const auto* descriptor = checkpoint::JobState::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    EXPECT_TRUE(field->is_repeated() ? message.GetReflection()->FieldSize(message, field) > 0
                                     : message.GetReflection()->HasField(message, field))
        << field->name();
  }
}

}  // namespace
}  // namespace skybridge::scheduler
