// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/checker_set.h"

#include <gtest/gtest.h>

#include "tests/sim/checkers/talk.h"

namespace skybridge::sim {
namespace {

// Writes down what it is told.
class Listener : public Checker {
 public:
  explicit Listener(std::vector<std::string>& diary) : Checker("I0"), diary_(diary) {}
  void Said(const Utterance& message) override {
    const std::string request =
        message.request == nullptr
            ? "nothing"
            : std::to_string(message.request->pull().clock()) + (message.parked ? " parked" : "");
    diary_.push_back(std::to_string(message.node.index) + " answers " + request + " at " +
                     std::to_string(message.log_heard) + ".." + std::to_string(message.log_last));
    if (message.header.has_error()) Violate("an error");
  }

 private:
  std::vector<std::string>& diary_;
};

Envelope Message(wire::Header header, const std::string& peer, uint64_t request) {
  header.set_request(request);
  return {.peer = peer, .header = header.SerializeAsString(), .payload = {}};
}

class CheckerSetTest : public testing::Test {
 protected:
  CheckerSetTest() { set_.Add(std::make_unique<Listener>(diary_)); }

  uint64_t log_last_ = 4;
  std::vector<std::string> diary_;
  CheckerSet set_{[this](uint32_t) { return log_last_; }, [] { return Instant(); }};
};

TEST_F(CheckerSetTest, AnswersFindTheirRequests) {
  set_.Hears("shard-3", Message(Pull(0, 11), "trainer-0#1", 1));
  set_.Hears("shard-3", Message(Pull(0, 12), "trainer-0#1", 2));
  log_last_ = 6;
  set_.Said("shard-3", Message(PullReply(0), "trainer-0#1", 2));
  set_.Said("shard-3", Message(PullReply(0), "trainer-0#1", 1));
  set_.Said("shard-3", Message(PullReply(0), "trainer-0#1", 1));  // It was answered.
  set_.Said("shard-3", Message(PullReply(0), "trainer-1#1", 2));
  wire::Header beat;
  beat.mutable_heartbeat();
  set_.Said("shard-3", Message(beat, "trainer-0#1", 2));  // No answer, though it has its number.
  EXPECT_EQ(diary_,
            (std::vector<std::string>{"3 answers 12 at 4..6", "3 answers 11 parked at 4..6",
                                      "3 answers nothing at 6..6", "3 answers nothing at 6..6",
                                      "3 answers nothing at 6..6"}));
}

TEST_F(CheckerSetTest, RepeatsAreAnsweredInTheirOrder) {
  set_.Hears("shard-3", Message(Pull(0, 11), "trainer-0#1", 1));
  log_last_ = 5;
  set_.Hears("shard-3", Message(Pull(0, 11), "trainer-0#1", 1));
  for (int i = 0; i < 3; ++i) set_.Said("shard-3", Message(PullReply(0), "trainer-0#1", 1));
  EXPECT_EQ(diary_, (std::vector<std::string>{"3 answers 11 parked at 4..5", "3 answers 11 at 5..5",
                                              "3 answers nothing at 5..5"}));
}

TEST_F(CheckerSetTest, ARefusalOvertakesAnAnswerThatWaits) {
  set_.Hears("shard-3", Message(Pull(0, 11), "trainer-0#1", 1));
  log_last_ = 5;
  set_.Hears("shard-3", Message(Pull(0, 11), "trainer-0#1", 1));
  set_.Said("shard-3", Message(Refusal(), "trainer-0#1", 1));
  set_.Said("shard-3", Message(PullReply(0), "trainer-0#1", 1));
  EXPECT_EQ(diary_,
            (std::vector<std::string>{"3 answers 11 at 5..5", "3 answers 11 parked at 4..5"}));
}

TEST_F(CheckerSetTest, WhatAFormerSchedulerAskedInVainIsNotWhatTheNextOneIsTold) {
  const auto of_term = [](uint32_t term, wire::Header header) {
    header.mutable_identity()->set_term(term);
    return header;
  };
  set_.Hears("shard-3", Message(of_term(1, Pull(0, 12)), "scheduler", 1));
  log_last_ = 5;
  set_.Hears("shard-3", Message(of_term(2, Pull(0, 11)), "scheduler", 1));
  for (int i = 0; i < 2; ++i) {
    set_.Said("shard-3", Message(of_term(2, PullReply(0)), "scheduler", 1));
  }
  EXPECT_EQ(diary_,
            (std::vector<std::string>{"3 answers 11 at 5..5", "3 answers nothing at 5..5"}));
}

TEST_F(CheckerSetTest, ANewLifeHasHeardNothing) {
  set_.Hears("shard-0", Message(Pull(0, 11), "trainer-0#1", 1));
  set_.Started("shard-0");
  set_.Said("shard-0", Message(PullReply(0), "trainer-0#1", 1));
  EXPECT_EQ(diary_, std::vector<std::string>{"0 answers nothing at 4..4"});
}

TEST_F(CheckerSetTest, TheFirstViolationIsKept) {
  EXPECT_FALSE(set_.violation());
  set_.Said("shard-0", Message(Refusal(), "trainer-0#1", 1));
  ASSERT_TRUE(set_.violation());
  EXPECT_EQ(set_.violation()->what, "an error");
}

}  // namespace
}  // namespace skybridge::sim
