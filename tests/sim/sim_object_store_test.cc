// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_object_store.h"

#include <gtest/gtest.h>

namespace skybridge::sim {
namespace {

using std::chrono::seconds;

TEST(SimObjectStoreTest, ItsTimeGoesOnFromClusterToCluster) {
  SimObjectStore store(1, 0);
  Instant now{seconds(2)};
  store.Follow([&] { return now; }, {});
  EXPECT_TRUE(store.faulty().Put("manifests/x", "m").ok());
  now = Instant{seconds(5)};
  EXPECT_EQ(*store.faulty().Age("manifests/x"), 3 * SimObjectStore::kClockRate);
  store.Rest();
  now = Instant{seconds(1)};
  store.Follow([&] { return now; }, {});
  EXPECT_EQ(*store.faulty().Age("manifests/x"), 4 * SimObjectStore::kClockRate);
}

TEST(SimObjectStoreTest, CallsFailAsOftenAsToldUntilFaultsEnd) {
  SimObjectStore store(1, 0.25);
  Instant now;
  store.Follow([&] { return now; }, {seconds(1)});
  const auto failures = [&] {
    int failed = 0;
    for (int i = 0; i < 1000; ++i) failed += store.faulty().List("").has_value() ? 0 : 1;
    return failed;
  };
  EXPECT_NEAR(failures(), 250, 50);
  EXPECT_NEAR(static_cast<double>(store.failed()), 250, 50);
  EXPECT_TRUE(store.List("").has_value());
  now = Instant{seconds(1)};
  EXPECT_EQ(failures(), 0);
}

TEST(SimObjectStoreTest, ACallThatFailedMayHaveDoneItsWork) {
  SimObjectStore store(1, 1);
  store.Follow([] { return Instant(); }, {seconds(1)});
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(store.faulty().Put("manifests/" + std::to_string(i), "m").ok());
  }
  EXPECT_GT(store.entries.size(), 20u);
  EXPECT_LT(store.entries.size(), 80u);
  EXPECT_EQ(store.events().size(), store.entries.size());
}

TEST(SimObjectStoreTest, RemembersWhatWasPutAndDeleted) {
  SimObjectStore store(1, 0);
  ASSERT_TRUE(store.Put("manifests/MANIFEST-00000004", "m").ok());
  EXPECT_FALSE(store.Put("manifests/MANIFEST-00000004", "m").ok());
  ASSERT_TRUE(store.Put("objects/a", "a").ok());
  store.now = 9;
  ASSERT_TRUE(store.Delete("objects/a").ok());
  ASSERT_TRUE(store.Delete("objects/a").ok());
  ASSERT_EQ(store.events().size(), 3u);
  EXPECT_TRUE(store.events()[2].deleted);
  EXPECT_EQ(store.events()[2].age, 9);
  EXPECT_EQ(store.manifests(), 1u);
}

}  // namespace
}  // namespace skybridge::sim
