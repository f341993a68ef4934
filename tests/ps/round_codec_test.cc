// SPDX-License-Identifier: Apache-2.0
#include "ps/round_codec.h"

#include <gtest/gtest.h>

namespace skybridge::ps {
namespace {

TEST(RoundCodecTest, AnAnswerHasAllOfItsFragment) {
  RoundAnswer answer{.round = 7, .state = RoundAnswer::State::kUploaded, .committed = 40};
  answer.fragment = UploadedFragment{.shard = 3,
                                     .slots = {1024, 2048},
                                     .object = {.key = "a/b", .bytes = 12, .crc32c = 0xfeed},
                                     .new_bytes = 99};
  const wire::RoundReply reply = EncodeRound(answer);
  EXPECT_EQ(reply.round(), 7u);
  EXPECT_EQ(reply.state(), wire::RoundReply::UPLOADED);
  EXPECT_EQ(reply.committed(), 40u);
  EXPECT_TRUE(reply.failure().empty());
  const checkpoint::FragmentEntry& entry = reply.fragment();
  EXPECT_EQ(entry.shard(), 3u);
  EXPECT_EQ(entry.slot_begin(), 1024u);
  EXPECT_EQ(entry.slot_end(), 2048u);
  EXPECT_EQ(entry.object().key(), "a/b");
  EXPECT_EQ(entry.object().bytes(), 12u);
  EXPECT_EQ(entry.object().crc32c(), 0xfeedu);
  EXPECT_EQ(entry.new_bytes(), 99u);
}

TEST(RoundCodecTest, EveryStateHasItsNumberAndAFailureItsReason) {
  using State = RoundAnswer::State;
  const std::pair<State, wire::RoundReply::State> states[] = {
      {State::kNoRound, wire::RoundReply::NO_ROUND},
      {State::kPreparing, wire::RoundReply::PREPARING},
      {State::kPrepared, wire::RoundReply::PREPARED},
      {State::kCut, wire::RoundReply::CUT},
      {State::kTooLate, wire::RoundReply::TOO_LATE},
      {State::kUploaded, wire::RoundReply::UPLOADED},
      {State::kFailed, wire::RoundReply::FAILED},
      {State::kEnded, wire::RoundReply::ENDED}};
  for (const auto& [state, number] : states) {
    EXPECT_EQ(EncodeRound({.state = state}).state(), number);
  }
  const wire::RoundReply failed = EncodeRound(
      {.state = State::kFailed, .failure = Status(StatusCode::kUnavailable, "store away")});
  EXPECT_NE(failed.failure().find("store away"), std::string::npos);
  EXPECT_FALSE(failed.has_fragment());
}

}  // namespace
}  // namespace skybridge::ps
