// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer_node.h"

#include <chrono>

#include "proto/envelope.h"
#include "tests/worker/fake_shards.h"
#include "tests/worker/small_world.h"
#include "worker/train_step.h"

namespace skybridge::worker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kScheduler = "tcp://scheduler:1";

// A trainer before a scheduler that the test plays; one fake shard answers at once.
class TrainerNodeTest : public SmallWorldTest {
 protected:
  TrainerNodeTest() : node_(Options(), model(), dataset()) {}

  static TrainerNodeOptions Options() {
    return {.scheduler_endpoint = kScheduler,
            .index = 6,
            .job_id = {.high = 1, .low = 2},
            .job_hash = 8,
            .dataset_hash = 9,
            .seed = 7,
            .cutoffs = {{2}}};
  }
  // Carries effects until nothing is under way; messages to the scheduler are kept in said_.
  void Carry(Effects effects) {
    for (Envelope& message : effects.send) {
      if (message.peer == kScheduler) {
        said_.push_back(*wire::Open(message));
        continue;
      }
      auto [reply, payload] = shards_.Answer(0, message);
      Identify(&reply);
      Carry(node_.Handle(wire::Seal(message.peer, std::move(reply), std::move(payload)), now_));
    }
    for (auto& task : effects.start) {
      const bool step = dynamic_cast<ComputeTask*>(task.get()) != nullptr;
      if (slow_tasks_ || (slow_step_ && step)) {
        computing_ = std::move(task);
        continue;
      }
      task->Run();
      Carry(node_.Finish(std::move(task), now_));
    }
  }
  static void Identify(wire::Header* header) {
    header->mutable_identity()->set_job_high(1);
    header->mutable_identity()->set_job_low(2);
  }
  // What the node does at once about a word of the scheduler.
  Effects Receive(wire::Header header) {
    Identify(&header);
    return node_.Handle(wire::Seal(kScheduler, std::move(header)), now_);
  }
  void Say(wire::Header header) { Carry(Receive(std::move(header))); }
  // Time goes on in steps that are no pause.
  void Pass(Duration time) {
    for (Duration left = time; left > Duration(); left -= milliseconds(250)) {
      now_ = now_ + milliseconds(250);
      Carry(node_.Tick(now_));
    }
  }
  void Join() {
    Carry(node_.Tick(now_));
    wire::Header welcome;
    welcome.mutable_welcome()->set_incarnation(55);
    welcome.mutable_welcome()->set_heartbeat_ms(1000);
    Say(welcome);
    wire::Header map;
    map.mutable_cluster_map()->set_version(3);
    wire::ShardEntry& entry = *map.mutable_cluster_map()->add_shard();
    entry.set_endpoint("shard-0");
    entry.set_incarnation(100);
    entry.set_slot_end(kSlotCount);
    Say(map);
    said_.clear();
  }
  static wire::Header CountPartition(uint64_t unit, uint32_t attempt) {
    wire::Header header;
    wire::Grant& grant = *header.mutable_grant();
    grant.mutable_lease()->set_phase(1);
    grant.mutable_lease()->set_kind(wire::PREPARE_PARTITION);
    grant.mutable_lease()->set_unit(unit);
    grant.set_attempt(attempt);
    return header;
  }
  // The whole training as the lease of rank 0.
  wire::Header TrainRank() const {
    wire::Header header;
    wire::Grant& grant = *header.mutable_grant();
    grant.mutable_lease()->set_phase(2);
    grant.mutable_lease()->set_kind(wire::TRAIN_RANK);
    grant.set_attempt(1);
    wire::TrainSpec& train = *grant.mutable_train();
    train.set_epochs(1);
    train.add_batches(1);
    train.add_batches(1);
    train.set_clock_end(2);
    train.set_clocks_total(2);
    return header;
  }
  size_t Count(wire::Header::BodyCase body) const {
    return static_cast<size_t>(std::ranges::count(said_, body, &wire::Header::body_case));
  }

  FakeShards shards_;
  // Steps, or all tasks, go to computing_ instead of being computed.
  bool slow_step_ = false;
  bool slow_tasks_ = false;
  std::unique_ptr<Task> computing_;
  TrainerNode node_;
  Instant now_{seconds(100)};
  std::vector<wire::Header> said_;
};

TEST_F(TrainerNodeTest, RegistersEachSecondUntilWelcomedThenBeats) {
  Carry(node_.Tick(now_));
  Pass(seconds(3));
  ASSERT_EQ(Count(wire::Header::kRegister), 4u);
  EXPECT_EQ(said_[0].register_().role(), wire::TRAINER);
  EXPECT_EQ(said_[0].register_().index(), 6u);
  EXPECT_EQ(said_[0].register_().dataset_hash(), 9u);
  Join();
  Pass(seconds(3));
  EXPECT_EQ(Count(wire::Header::kRegister), 0u);
  EXPECT_EQ(Count(wire::Header::kHeartbeat), 3u);
  EXPECT_EQ(said_.back().identity().sender_incarnation(), 55u);
  EXPECT_EQ(said_.back().heartbeat().map_version(), 3u);
}

TEST_F(TrainerNodeTest, LeaseIsWorkedOnAndReportedUntilTheReportIsAnswered) {
  Join();
  Say(CountPartition(0, 1));
  ASSERT_EQ(Count(wire::Header::kLeaseDone), 1u);
  const wire::LeaseDone done = said_.back().lease_done();
  EXPECT_EQ(done.attempt(), 1u);
  EXPECT_GT(done.examples(), 0u);
  Pass(seconds(2));
  EXPECT_EQ(Count(wire::Header::kLeaseDone), 3u);
  wire::Header answer;
  *answer.mutable_lease_done_reply()->mutable_lease() = done.lease();
  answer.mutable_lease_done_reply()->set_attempt(1);
  Say(answer);
  Pass(seconds(2));
  EXPECT_EQ(Count(wire::Header::kLeaseDone), 3u);
}

TEST_F(TrainerNodeTest, RepeatedGrantChangesNothingAndAHigherAttemptBeginsAnew) {
  Join();
  Say(CountPartition(0, 2));
  const size_t pushes = shards_.pushes.size();
  Say(CountPartition(0, 2));
  Say(CountPartition(0, 1));
  EXPECT_EQ(shards_.pushes.size(), pushes);
  Say(CountPartition(0, 3));
  EXPECT_EQ(shards_.pushes.size(), 2 * pushes);
  EXPECT_EQ(said_.back().lease_done().attempt(), 3u);
}

TEST_F(TrainerNodeTest, GrantBeforeTheMapWaitsForItsRepeat) {
  Carry(node_.Tick(now_));
  wire::Header welcome;
  welcome.mutable_welcome()->set_incarnation(55);
  welcome.mutable_welcome()->set_heartbeat_ms(1000);
  Say(welcome);
  Say(CountPartition(0, 1));
  EXPECT_TRUE(shards_.requests.empty());
  Join();
  Say(CountPartition(0, 1));
  EXPECT_EQ(Count(wire::Header::kLeaseDone), 1u);
}

TEST_F(TrainerNodeTest, FailedWorkGoesBackWithItsReason) {
  Join();
  std::filesystem::remove(scratch_.path() + "/train.tsv");
  Say(CountPartition(0, 1));
  ASSERT_EQ(Count(wire::Header::kLeaseReturned), 1u);
  const wire::LeaseReturned& returned = said_.back().lease_returned();
  EXPECT_EQ(returned.code(), static_cast<uint32_t>(StatusCode::kNotFound));
  EXPECT_NE(returned.message().find("train.tsv"), std::string::npos);
  Pass(seconds(2));
  EXPECT_EQ(Count(wire::Header::kLeaseReturned), 3u) << "until it is answered";
}

TEST_F(TrainerNodeTest, HigherAttemptReplacesWorkThatIsUnderWay) {
  Join();
  Effects first = Receive(CountPartition(0, 1));  // Its fence is on the way.
  ASSERT_FALSE(first.send.empty());
  Effects second = Receive(CountPartition(0, 2));
  Carry(std::move(first));  // The answer comes late: nobody waits for it.
  EXPECT_EQ(Count(wire::Header::kLeaseDone), 0u);
  EXPECT_TRUE(shards_.pushes.empty());
  Carry(std::move(second));
  ASSERT_EQ(Count(wire::Header::kLeaseDone), 1u);
  EXPECT_EQ(said_.back().lease_done().attempt(), 2u);
}

TEST_F(TrainerNodeTest, WorkThatAnotherTookOverIsDroppedWithoutAWord) {
  Join();
  shards_.refuse = [](size_t, const wire::Header&) {
    return Status(StatusCode::kFenced, "attempt 2 is at work");
  };
  Say(CountPartition(0, 1));
  Pass(seconds(3));
  EXPECT_EQ(Count(wire::Header::kLeaseDone) + Count(wire::Header::kLeaseReturned), 0u);
  EXPECT_EQ(said_.back().heartbeat().held_size(), 0);
}

TEST_F(TrainerNodeTest, NodeBeatsWhileAStepTakesLong) {
  Join();
  slow_step_ = true;
  Say(TrainRank());
  ASSERT_NE(computing_, nullptr);
  said_.clear();
  Pass(seconds(60));
  EXPECT_EQ(Count(wire::Header::kHeartbeat), 60u);
  EXPECT_EQ(said_.back().heartbeat().held_size(), 1);
  EXPECT_TRUE(shards_.pushes.empty());
  slow_step_ = false;
  computing_->Run();
  Carry(node_.Finish(std::move(computing_), now_));
  ASSERT_EQ(Count(wire::Header::kLeaseDone), 1u);
  EXPECT_EQ(shards_.pushes.size(), 2u);
}

// A trainer that reads first and joins later looks as if it never came.
TEST_F(TrainerNodeTest, CatalogueIsReadByATaskAfterJoining) {
  Join();
  slow_tasks_ = true;
  Say(TrainRank());
  ASSERT_NE(computing_, nullptr);
  said_.clear();
  Pass(seconds(60));
  EXPECT_EQ(Count(wire::Header::kHeartbeat), 60u);
  EXPECT_EQ(catalogue_reads(), 0) << "it was read on the node's thread";
  slow_tasks_ = false;
  computing_->Run();
  EXPECT_EQ(catalogue_reads(), 1);
  Carry(node_.Finish(std::move(computing_), now_));
  EXPECT_EQ(Count(wire::Header::kLeaseDone), 1u);
}

TEST_F(TrainerNodeTest, SilentSchedulerIsGivenUpByName) {
  Join();
  Pass(seconds(599));
  EXPECT_FALSE(node_.finished()) << "it may be starting again";
  Pass(seconds(2));
  ASSERT_TRUE(node_.finished());
  EXPECT_EQ(node_.exit_status().code(), StatusCode::kUnavailable);
  EXPECT_NE(node_.exit_status().message().find(kScheduler), std::string::npos);
}

// R2.
TEST_F(TrainerNodeTest, TheHighestTermIsObeyedAndTold) {
  Join();
  wire::Header word;
  word.mutable_heartbeat_reply();
  word.mutable_identity()->set_term(3);
  Say(word);
  Pass(seconds(1));
  EXPECT_EQ(said_.back().identity().term(), 3u);
  wire::Header stop;
  stop.mutable_stop();
  stop.mutable_identity()->set_term(2);
  Say(stop);
  EXPECT_FALSE(node_.finished()) << "the word of a scheduler that was replaced";
  stop.mutable_identity()->set_term(4);
  Say(stop);
  EXPECT_TRUE(node_.finished());
}

TEST_F(TrainerNodeTest, AShardThatCameBackIsAskedAtOnceWhatItHadNotAnswered) {
  Join();
  ASSERT_FALSE(Receive(CountPartition(0, 1)).send.empty());  // Lost with the shard.
  wire::Header map;
  map.mutable_cluster_map()->set_version(4);
  wire::ShardEntry& entry = *map.mutable_cluster_map()->add_shard();
  entry.set_endpoint("elsewhere");
  entry.set_incarnation(101);
  entry.set_slot_end(kSlotCount);
  Effects again = Receive(map);
  ASSERT_EQ(again.send.size(), 1u);
  EXPECT_EQ(again.send[0].peer, "elsewhere");
  EXPECT_EQ(wire::Open(again.send[0])->identity().target_incarnation(), 101u);
  Carry(std::move(again));
  EXPECT_EQ(Count(wire::Header::kLeaseDone), 1u);
}

TEST_F(TrainerNodeTest, StopIsAnsweredWithAFarewell) {
  Join();
  wire::Header stop;
  stop.mutable_stop()->set_reason("done");
  Say(stop);
  EXPECT_TRUE(node_.finished());
  EXPECT_TRUE(node_.exit_status().ok());
  EXPECT_EQ(Count(wire::Header::kLeave), 1u);
}

TEST_F(TrainerNodeTest, FencedTrainerEnds) {
  Join();
  wire::Header error;
  error.mutable_identity()->set_target_incarnation(55);
  error.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kFenced));
  Say(error);
  EXPECT_TRUE(node_.finished());
  EXPECT_EQ(node_.exit_status().code(), StatusCode::kFenced);
}

TEST_F(TrainerNodeTest, ALateRefusalOfItsRegistrationDoesNotEndIt) {
  Join();
  wire::Header error;
  error.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kFenced));
  Say(error);
  EXPECT_FALSE(node_.finished());
}

TEST_F(TrainerNodeTest, GarbageAndOtherJobsAreIgnored) {
  Join();
  Carry(node_.Handle({.peer = kScheduler, .header = "\xff garbage", .payload = {}}, now_));
  wire::Header stop;
  stop.mutable_stop();
  stop.mutable_identity()->set_job_high(99);
  Carry(node_.Handle(wire::Seal(kScheduler, std::move(stop)), now_));
  EXPECT_FALSE(node_.finished());
  EXPECT_TRUE(said_.empty());
}

TEST_F(TrainerNodeTest, GrantOfATableOrAShardThatIsNotThereIsLeft) {
  Join();
  for (const uint64_t unit : {uint64_t{99} << 32, uint64_t{99}}) {
    wire::Header header = CountPartition(unit, 1);
    header.mutable_grant()->mutable_lease()->set_kind(wire::EXPORT_TABLE);
    Say(header);
  }
  EXPECT_TRUE(shards_.requests.empty());
  EXPECT_FALSE(node_.finished());
}

TEST_F(TrainerNodeTest, ReasonThatIsNoUtf8IsReadByTheScheduler) {
  Join();
  wire::Header header = CountPartition(0, 1);
  header.mutable_grant()->mutable_lease()->set_kind(wire::EXPORT_PARTITION);
  header.mutable_grant()->mutable_export_()->set_folder("/dev/null/\xff");
  Say(header);
  ASSERT_EQ(Count(wire::Header::kLeaseReturned), 1u);  // Carry has opened it.
  EXPECT_NE(said_.back().lease_returned().message().find('\xff'), std::string::npos);
}

}  // namespace
}  // namespace skybridge::worker
