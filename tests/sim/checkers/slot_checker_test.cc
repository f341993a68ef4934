// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/slot_checker.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/checkers/talk.h"

namespace skybridge::sim {
namespace {

using Serving = ps::ShardNode::Serving;

TEST(SlotsServedOnceTest, FiresWhenTwoShardsServeOneSlot) {
  std::vector<Serving> all = {{MapVersion(2), {0, 100}, false}, {MapVersion(2), {100, 200}, false}};
  SlotsServedOnce checker(2, [&](uint32_t shard) { return all[shard]; });
  checker.Passed({});
  all[1] = {MapVersion(3), {80, 200}, false};
  all[0].frozen = true;  // It has not heard of the map yet.
  checker.Passed({});
  EXPECT_FALSE(checker.violation().has_value());
  all[0].frozen = false;
  checker.Passed({});
  ASSERT_TRUE(checker.violation().has_value());
  EXPECT_EQ(checker.violation()->invariant, "I9");
}

TEST(SlotsServedOnceTest, FiresUnderOneMapWhoeverStandsStill) {
  const std::vector<Serving> all = {{MapVersion(2), {0, 100}, true},
                                    {MapVersion(2), {99, 200}, true}};
  SlotsServedOnce checker(2, [&](uint32_t shard) { return all[shard]; });
  checker.Passed({});
  EXPECT_TRUE(checker.violation().has_value());
}

TEST(SlotsServedOnceTest, CountsMapsThatMoveSlots) {
  SlotsServedOnce checker(0, [](uint32_t) { return Serving(); });
  Talk talk(checker);
  const auto say = [&](uint32_t version, uint32_t end) {
    wire::Header header;
    header.mutable_cluster_map()->set_version(version);
    header.mutable_cluster_map()->add_shard()->set_slot_end(end);
    talk.Say(header, 1);
  };
  say(1, 100);
  say(2, 100);  // A shard in another process.
  EXPECT_EQ(checker.moves(), 0u);
  say(3, 90);
  say(2, 100);  // A late one.
  say(3, 90);
  EXPECT_EQ(checker.moves(), 1u);
}

}  // namespace
}  // namespace skybridge::sim
