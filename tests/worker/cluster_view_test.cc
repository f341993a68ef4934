// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster_view.h"

#include <gtest/gtest.h>

#include "tests/worker/test_cluster.h"

namespace skybridge::worker {
namespace {

TEST(ClusterViewTest, RequestNamesTheMapAndTheIncarnationOfItsShard) {
  ClusterView view = TestCluster(2);
  view.self.set_job_low(5);
  view.self.set_generation(3);
  const wire::Identity identity = view.IdentityFor(1);
  EXPECT_EQ(identity.job_low(), 5u);
  EXPECT_EQ(identity.generation(), 3u);
  EXPECT_EQ(identity.map_version(), 1u);
  EXPECT_EQ(identity.target_incarnation(), 101u);
  EXPECT_EQ(view.self.target_incarnation(), 0u);
}

}  // namespace
}  // namespace skybridge::worker
