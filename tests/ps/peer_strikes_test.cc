// SPDX-License-Identifier: Apache-2.0
#include "ps/peer_strikes.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

using std::chrono::seconds;
constexpr Instant kStart{seconds(100)};

TEST(PeerStrikesTest, TheThirdStrikeMutesForAMinute) {
  PeerStrikes strikes({});
  strikes.Strike("a", kStart);
  strikes.Strike("a", kStart);
  EXPECT_FALSE(strikes.Muted("a", kStart));
  strikes.Strike("a", kStart);
  EXPECT_TRUE(strikes.Muted("a", kStart));
  EXPECT_FALSE(strikes.Muted("b", kStart));
  EXPECT_TRUE(strikes.Muted("a", kStart + seconds(59)));
  EXPECT_FALSE(strikes.Muted("a", kStart + seconds(60)));
}

TEST(PeerStrikesTest, OldStrikesAreForgotten) {
  PeerStrikes strikes({});
  strikes.Strike("a", kStart);
  strikes.Strike("a", kStart + seconds(30));
  strikes.Strike("a", kStart + seconds(90));
  EXPECT_FALSE(strikes.Muted("a", kStart + seconds(90)));
}

TEST(PeerStrikesTest, MemoryIsBounded) {
  PeerStrikes strikes({.strikes_max = 1, .peers_max = 2});
  strikes.Strike("a", kStart);
  strikes.Strike("b", kStart + seconds(1));
  strikes.Strike("c", kStart + seconds(2));
  EXPECT_EQ(strikes.peers(), 2u);
  EXPECT_FALSE(strikes.Muted("a", kStart + seconds(2)));
  EXPECT_TRUE(strikes.Muted("b", kStart + seconds(2)));
  EXPECT_TRUE(strikes.Muted("c", kStart + seconds(2)));
}

}  // namespace
}  // namespace skybridge::ps
