// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_node.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/rng.h"
#include "proto/envelope.h"
#include "tests/scheduler/fake_cluster.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> PhaseNames(const JobResult& result) {
  std::vector<std::string> names;
  for (const PhaseTime& phase : result.phases) names.push_back(phase.name);
  return names;
}

SchedulerNodeOptions AsyncOptions() {
  SchedulerNodeOptions options = FakeOptions();
  options.staleness = -1;
  return options;
}

std::vector<wire::Grant> GrantsOf(const FakeCluster& cluster, wire::LeaseKind kind) {
  std::vector<wire::Grant> grants;
  for (const wire::Grant& grant : cluster.grants) {
    if (grant.lease().kind() == kind) grants.push_back(grant);
  }
  return grants;
}

void ExpectWholeJob(const FakeCluster& cluster) {
  const JobResult& result = cluster.scheduler().result();
  ASSERT_TRUE(cluster.scheduler().finished()) << "phases: " << result.phases.size();
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(PhaseNames(result), ElementsAre("prepare", "train", "vectors", "evaluate", "train",
                                              "vectors", "evaluate", "export", "index", "commit"));
  EXPECT_EQ(result.training_pairs, 90u);
  EXPECT_EQ(result.candidates, 14u);
  EXPECT_EQ(result.evaluations.size(), 2u);
  EXPECT_EQ(result.export_folder, "/export");
}

TEST(SchedulerNodeTest, LockstepJobRunsFromPrepareToCommit) {
  FakeCluster cluster(FakeOptions());
  cluster.Run(seconds(60));
  ExpectWholeJob(cluster);
  const JobResult& result = cluster.scheduler().result();
  EXPECT_EQ(result.steps, 8u) << "clocks: partitions of 4, 3, 2 batches on 3 ranks, 2 epochs";
  EXPECT_EQ(result.examples_trained, 6u * 9) << "both shards know all of them";
  ASSERT_EQ(result.evaluations.size(), 2u);
  EXPECT_EQ(result.evaluations[0].step, 4u);
  EXPECT_EQ(result.evaluations[1].queries, 8u);
  EXPECT_DOUBLE_EQ(result.evaluations[1].at[0].recall, 0.5);
  EXPECT_EQ(result.pushes, 2u * 10 * 9) << "every phase but commit is closed on 2 shards";
  EXPECT_THAT(result.table_hashes, ElementsAre(TableSum{"users", 201, 10}));
  EXPECT_DOUBLE_EQ(result.index_recall, 0.9);
  EXPECT_EQ(result.leases_regranted, 0u);
}

TEST(SchedulerNodeTest, AsyncJobRunsFromPrepareToCommit) {
  FakeCluster cluster(AsyncOptions());
  cluster.Run(seconds(60));
  ExpectWholeJob(cluster);
  EXPECT_EQ(cluster.scheduler().result().steps, 18u);
  EXPECT_EQ(GrantsOf(cluster, wire::TRAIN_PARTITION).size(), 6u);
}

TEST(SchedulerNodeTest, TrainSpecIsWhole) {
  FakeCluster cluster(FakeOptions());
  cluster.Run(seconds(60));
  const std::vector<wire::Grant> ranks = GrantsOf(cluster, wire::TRAIN_RANK);
  ASSERT_EQ(ranks.size(), 6u);
  const wire::TrainSpec& second = ranks.back().train();
  EXPECT_EQ(second.clock_begin(), 4u);
  EXPECT_EQ(second.clock_end(), 8u);
  EXPECT_EQ(second.clocks_total(), 8u);
  EXPECT_THAT(second.batches(), ElementsAre(3, 2, 4));
  EXPECT_EQ(second.examples_total(), 90u);
  EXPECT_EQ(second.candidates_total(), 14u);
  EXPECT_EQ(second.epochs(), 2u);
  EXPECT_EQ(second.rank(), ranks.back().lease().unit());
}

TEST(SchedulerNodeTest, PartsAndCommittedClockTravelWithLaterGrants) {
  FakeCluster cluster(FakeOptions());
  cluster.Run(seconds(60));
  const wire::Grant commit = GrantsOf(cluster, wire::EXPORT_COMMIT).at(0);
  // Two files of each of 2 partitions, one of each of 2 tables on 2 shards, and the index.
  EXPECT_EQ(commit.export_().part_size(), 2 * 2 + 2 * 2 + 1);
  EXPECT_EQ(commit.export_().expect_committed(), 8u);
  EXPECT_DOUBLE_EQ(commit.export_().index_recall(), 0.9);
  EXPECT_EQ(GrantsOf(cluster, wire::BUILD_INDEX).at(0).export_().part_size(), 8);
  const std::vector<wire::Grant> evaluate = GrantsOf(cluster, wire::EVALUATE_PARTITION);
  EXPECT_EQ(evaluate.front().evaluate().part_size(), 2);
  EXPECT_EQ(evaluate.front().evaluate().expect_committed(), 4u);
  EXPECT_EQ(evaluate.front().evaluate().folder(), "/temp/vectors-4");
  for (const wire::Grant& grant : GrantsOf(cluster, wire::EXPORT_PARTITION)) {
    EXPECT_EQ(grant.export_().part_size(), 0);
  }
}

TEST(SchedulerNodeTest, VectorsOfAnEvaluationAreDeletedWhenItIsOver) {
  FakeCluster cluster(FakeOptions());
  std::map<std::string, size_t> phases_before;  // How many were open when a folder was deleted.
  cluster.script = [&](Instant) {
    for (const auto& [folder, times] : cluster.deleted) {
      phases_before.emplace(folder, cluster.phases.size());
    }
  };
  cluster.Run(seconds(60));
  EXPECT_EQ(cluster.deleted,
            (std::map<std::string, int>{{"/temp/vectors-4", 1}, {"/temp/vectors-8", 1}}));
  EXPECT_EQ(phases_before["/temp/vectors-4"], 4u) << "prepare, train, vectors, evaluate";
  EXPECT_EQ(phases_before["/temp/vectors-8"], 7u);
}

TEST(SchedulerNodeTest, EvaluationsThatShareVectorsKeepThemUntilTheLastIsOver) {
  SchedulerNodeOptions options = FakeOptions();
  options.evaluations[0].early_stop = {.metric = "recall", .k = 10, .patience = 1};
  options.evaluations.push_back({.name = "last", .partitions = 1});
  options.epochs = 4;
  FakeCluster cluster(options);  // Its recall never improves: the second epoch is the last.
  bool early = false;
  cluster.script = [&](Instant) {
    const auto last = GrantsOf(cluster, wire::EVALUATE_PARTITION);
    early |= !last.empty() && last.back().evaluate().evaluation() != 1 &&
             cluster.deleted.contains("/temp/vectors-8");
  };
  cluster.Run(seconds(60));
  const JobResult& result = cluster.scheduler().result();
  ASSERT_TRUE(result.status.ok()) << result.status;
  ASSERT_TRUE(result.stopped_early);
  EXPECT_EQ(result.evaluations.back().name, "last");
  EXPECT_FALSE(early);
  EXPECT_EQ(cluster.deleted["/temp/vectors-8"], 1);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(result.best->step, 4u);
  EXPECT_EQ(result.best->last_step, 8u);
}

TEST(SchedulerNodeTest, EachPhaseHasTheRulesOfItsKind) {
  FakeCluster cluster(FakeOptions());
  cluster.Run(seconds(60));
  ASSERT_EQ(cluster.phases.size(), 10u);
  EXPECT_FALSE(cluster.phases[0].lockstep()) << "counts are applied on arrival";
  EXPECT_FALSE(cluster.phases[0].read_only());
  EXPECT_EQ(cluster.phases[0].staleness(), -1);
  EXPECT_TRUE(cluster.phases[1].lockstep());
  EXPECT_FALSE(cluster.phases[1].read_only());
  EXPECT_TRUE(cluster.phases[2].read_only());
  EXPECT_EQ(cluster.phases[2].clock_begin(), 4u);
  EXPECT_EQ(cluster.phases[4].clock_begin(), 4u);
  EXPECT_EQ(cluster.phases[7].clock_begin(), 8u);
}

// Which message is lost must not matter: whoever needs an answer asks again.
void LoseEachMessageOnce(const SchedulerNodeOptions& options) {
  FakeCluster whole(options);
  whole.Run(seconds(60));
  for (uint64_t lost = 0; lost < whole.messages(); ++lost) {
    SCOPED_TRACE(testing::Message() << "lost message " << lost);
    FakeCluster cluster(options);
    cluster.copies = [lost](uint64_t n, const Envelope&) { return n == lost ? 0 : 1; };
    cluster.Run(seconds(60));
    ExpectWholeJob(cluster);
    for (const auto& [lease, times] : cluster.first_reports) EXPECT_LE(times, 1);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SchedulerNodeTest, LockstepJobEndsWhicheverMessageIsLost) {
  LoseEachMessageOnce(FakeOptions());
}

TEST(SchedulerNodeTest, AsyncJobEndsWhicheverMessageIsLost) { LoseEachMessageOnce(AsyncOptions()); }

TEST(SchedulerNodeTest, JobEndsThoughEveryMessageComesTwice) {
  for (const SchedulerNodeOptions& options : {FakeOptions(), AsyncOptions()}) {
    FakeCluster cluster(options);
    cluster.copies = [](uint64_t, const Envelope&) { return 2; };
    cluster.Run(seconds(120));
    ExpectWholeJob(cluster);
  }
}

TEST(SchedulerNodeTest, JobEndsThoughEveryFourthMessageIsLost) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    FakeCluster cluster(seed % 2 == 0 ? FakeOptions() : AsyncOptions());
    Rng rng(seed, Purpose::kTest);
    cluster.copies = [&rng](uint64_t, const Envelope&) { return rng.Below(4) == 0 ? 0 : 1; };
    cluster.Run(seconds(300));
    ExpectWholeJob(cluster);
  }
}

TEST(SchedulerNodeTest, LeasesOfADeadTrainerMoveUnderAHigherAttempt) {
  for (const SchedulerNodeOptions& options : {FakeOptions(), AsyncOptions()}) {
    FakeCluster cluster(options);
    cluster.script = [&](Instant) {
      // Trainer 0 falls silent as soon as it holds a training lease.
      if (cluster.phases.size() == 2 && cluster.trainers[0]->held() > 0) {
        cluster.trainers[0]->alive = false;
      }
    };
    cluster.Run(seconds(120));
    ExpectWholeJob(cluster);
    const JobResult& result = cluster.scheduler().result();
    EXPECT_GT(result.leases_regranted, 0u);
    EXPECT_GT(result.phases[1].seconds, 15.0);
    bool moved = false;
    for (const wire::Grant& grant : cluster.grants) moved |= grant.attempt() == 2;
    EXPECT_TRUE(moved);
  }
}

TEST(SchedulerNodeTest, ReportedExitMovesLeasesAtOnce) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant) {
    if (cluster.phases.size() == 2 && cluster.trainers[0]->held() > 0) {
      cluster.trainers[0]->alive = false;
      cluster.scheduler().NodeExited({.place = {Role::kTrainer, 0},
                                      .final = true,
                                      .how = {StatusCode::kUnavailable, "signal 9"}});
    }
  };
  cluster.Run(seconds(120));
  ExpectWholeJob(cluster);
  EXPECT_LT(cluster.scheduler().result().phases[1].seconds, 2.0);
}

TEST(SchedulerNodeTest, OneTrainerAloneTakesAllRanks) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant) {
    if (cluster.phases.size() == 1) cluster.trainers[1]->alive = false;
  };
  cluster.Run(seconds(120));
  ExpectWholeJob(cluster);
}

TEST(SchedulerNodeTest, AFreshTrainerTakesTheDeadOnesPlace) {
  FakeCluster cluster(FakeOptions());
  bool replaced = false;
  cluster.script = [&](Instant) {
    if (cluster.phases.size() < 2 || replaced) return;
    replaced = true;
    cluster.trainers[0]->alive = false;
    cluster.scheduler().NodeExited({.place = {Role::kTrainer, 0},
                                    .final = true,
                                    .how = {StatusCode::kUnavailable, "signal 9"}});
    cluster.AddTrainer(0, 900);
  };
  cluster.Run(seconds(120));
  ExpectWholeJob(cluster);
  EXPECT_EQ(cluster.scheduler().result().status, Status());
}

TEST(SchedulerNodeTest, LastTrainersDeathEndsTheJobByName) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant now) {
    if (cluster.phases.empty()) return;
    for (auto& trainer : cluster.trainers) trainer->work = seconds(100);
    cluster.trainers[0]->alive = false;
    if (now > Instant{} + seconds(3)) cluster.trainers[1]->alive = false;
  };
  cluster.Run(seconds(400));
  ASSERT_TRUE(cluster.scheduler().finished());
  EXPECT_GT(cluster.now() - Instant{}, seconds(300)) << "one may come back";
  const Status& status = cluster.scheduler().result().status;
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("trainer 1 (worker 1, host host, pid 201) silent for"));
  EXPECT_THAT(status.message(), HasSubstr("no trainer is left"));
}

TEST(SchedulerNodeTest, LastTrainerThatNobodyStartsAgainEndsTheJobAtOnce) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant) {
    if (cluster.phases.size() != 2) return;
    for (auto& trainer : cluster.trainers) {
      trainer->alive = false;
      cluster.scheduler().NodeExited({.place = {Role::kTrainer, trainer->index()},
                                      .final = true,
                                      .how = {StatusCode::kUnavailable, "signal 9"}});
    }
  };
  cluster.Run(seconds(60));
  EXPECT_THAT(cluster.scheduler().result().status.message(), HasSubstr("no trainer is left"));
  EXPECT_LT(cluster.now() - Instant{}, seconds(8));
}

TEST(SchedulerNodeTest, ShardThatDoesNotComeBackEndsTheJobByName) {
  FakeCluster cluster(FakeOptions());
  Instant died;
  cluster.script = [&](Instant now) {
    if (cluster.phases.size() == 2 && cluster.shards[1]->alive) {
      cluster.shards[1]->alive = false;
      died = now;
    }
  };
  cluster.Run(seconds(100));
  ASSERT_FALSE(cluster.scheduler().finished());
  EXPECT_THAT(cluster.scheduler().progress(cluster.now()).waiting_for,
              HasSubstr(" s for shard 1 (server 1, host host, pid 101) silent for 15 s"));
  cluster.Run(seconds(300));
  ASSERT_TRUE(cluster.scheduler().finished());
  const Status& status = cluster.scheduler().result().status;
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(),
              HasSubstr("shard 1 (server 1, host host, pid 101) silent for 15 s; it did not come"));
  EXPECT_LT(cluster.now() - died, seconds(317));
  for (const auto& trainer : cluster.trainers) EXPECT_TRUE(trainer->left);
}

TEST(SchedulerNodeTest, ShardThatNobodyStartsAgainEndsTheJobAtOnce) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant) {
    if (cluster.phases.size() != 2) return;
    cluster.shards[0]->alive = false;
    cluster.scheduler().NodeExited(
        {.place = {Role::kShard, 0}, .final = true, .how = {StatusCode::kUnavailable, "signal 9"}});
  };
  cluster.Run(seconds(60));
  EXPECT_THAT(cluster.scheduler().result().status.message(),
              HasSubstr("shard 0 (server 0, host host, pid 100) exited: signal 9"));
  EXPECT_LT(cluster.now() - Instant{}, seconds(2));
}

TEST(SchedulerNodeTest, DataLossOnAShardEndsTheJobByName) {
  FakeCluster cluster(AsyncOptions());
  cluster.script = [&](Instant) {
    if (cluster.phases.size() == 2) cluster.shards[1]->lose_a_push = true;
  };
  cluster.Run(seconds(60));
  const Status& status = cluster.scheduler().result().status;
  EXPECT_EQ(status.code(), StatusCode::kStateLost);
  EXPECT_THAT(status.message(), HasSubstr("shard 1 refused CloseStream"));
}

TEST(SchedulerNodeTest, ReturnedLeaseIsGrantedAgain) {
  FakeCluster cluster(FakeOptions());
  cluster.trainers[0]->return_kind = cluster.trainers[1]->return_kind = wire::EXPORT_TABLE;
  cluster.trainers[0]->returns = cluster.trainers[1]->returns = 2;
  cluster.Run(seconds(60));
  ExpectWholeJob(cluster);
  EXPECT_EQ(cluster.scheduler().result().leases_regranted, 4u);
}

TEST(SchedulerNodeTest, ErrorThatNoRetryMendsEndsTheJobByName) {
  FakeCluster cluster(FakeOptions());
  cluster.trainers[1]->return_kind = wire::PREPARE_PARTITION;
  cluster.trainers[1]->return_code = StatusCode::kInvalidArgument;
  cluster.trainers[1]->returns = 1;
  cluster.Run(seconds(60));
  const Status& status = cluster.scheduler().result().status;
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), testing::MatchesRegex("prepare partition .: trainer 1: disk full"));
}

TEST(SchedulerNodeTest, StartTimeoutNamesWhoIsMissing) {
  FakeCluster cluster(FakeOptions());
  cluster.shards[1]->alive = false;
  cluster.trainers[0]->dataset_hash = 33;
  cluster.Run(seconds(400));
  ASSERT_TRUE(cluster.scheduler().finished());
  EXPECT_GT(cluster.now() - Instant{}, seconds(300));
  const Status& status = cluster.scheduler().result().status;
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(
      status.message(),
      testing::AllOf(HasSubstr("2 of 4: server 1 (never heard), worker 0 (refused: dataset hash "),
                     HasSubstr(" 0000000000000021 != 0000000000000016)")));
  EXPECT_TRUE(cluster.shards[0]->left) << "those who came must not wait for ever";
  EXPECT_THAT(cluster.trainers[0]->refused, HasSubstr("dataset hash"));
}

TEST(SchedulerNodeTest, ExitBeforeTheStartEndsTheJobAtOnce) {
  FakeCluster cluster(FakeOptions());
  cluster.trainers[1]->alive = false;
  cluster.script = [&](Instant now) {
    if (now > Instant{} + seconds(2)) {
      cluster.scheduler().NodeExited({.place = {Role::kTrainer, 1},
                                      .final = true,
                                      .how = {StatusCode::kUnavailable, "exit code 2"}});
    }
  };
  cluster.Run(seconds(400));
  EXPECT_LT(cluster.now() - Instant{}, seconds(5));
  EXPECT_EQ(cluster.scheduler().result().status.message(),
            "trainer 1 exited before the start: exit code 2");
}

TEST(SchedulerNodeTest, RequestedStopLetsEverybodyLeave) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant now) {
    if (cluster.phases.size() == 2) cluster.scheduler().RequestStop("interrupted", now);
  };
  cluster.Run(seconds(60));
  ASSERT_TRUE(cluster.scheduler().finished());
  EXPECT_EQ(cluster.scheduler().result().status, Status(StatusCode::kCancelled, "interrupted"));
  EXPECT_TRUE(cluster.scheduler().result().export_folder.empty());
  for (const auto& node : cluster.trainers) EXPECT_TRUE(node->left);
  for (const auto& node : cluster.shards) EXPECT_TRUE(node->left);
  EXPECT_LT(cluster.now() - Instant{}, seconds(5));
}

TEST(SchedulerNodeTest, AFrozenNodeDoesNotHoldUpTheEnd) {
  FakeCluster cluster(FakeOptions());
  cluster.script = [&](Instant) {
    if (cluster.phases.size() == 10) cluster.trainers[0]->alive = false;
  };
  cluster.Run(seconds(60));
  ASSERT_TRUE(cluster.scheduler().finished());
  for (const auto& node : cluster.shards) EXPECT_TRUE(node->left);
}

TEST(SchedulerNodeTest, EarlyStopGoesOnToTheExport) {
  SchedulerNodeOptions options = FakeOptions();
  options.epochs = 10;
  options.evaluations[0].early_stop = {.metric = "recall", .k = 10, .patience = 2};
  options.evaluations.push_back({.name = "at the end", .partitions = 1});
  FakeCluster cluster(options);
  cluster.world.recall = [](uint64_t step) { return step == 8 ? 0.9 : 0.1; };
  cluster.Run(seconds(60));
  const JobResult& result = cluster.scheduler().result();
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.steps, 16u) << "best at 8, then two evaluations that did not improve";
  ASSERT_EQ(result.evaluations.size(), 5u);
  EXPECT_EQ(result.evaluations.back().name, "at the end");
  EXPECT_EQ(result.evaluations.back().step, 16u);
  EXPECT_EQ(result.export_folder, "/export");
  EXPECT_EQ(GrantsOf(cluster, wire::EXPORT_COMMIT).at(0).export_().expect_committed(), 16u);
}

TEST(SchedulerNodeTest, GrantsAndMapsRestOnceHeartbeatsNameThem) {
  FakeCluster cluster(FakeOptions());
  for (auto& trainer : cluster.trainers) trainer->work = seconds(100);
  cluster.Run(seconds(4));
  ASSERT_EQ(cluster.grants.size(), 4u);
  uint64_t repeats = 0;
  cluster.copies = [&](uint64_t, const Envelope& message) {
    const wire::Header header = *wire::Open(message);
    if (header.has_grant() || header.has_cluster_map()) ++repeats;
    return 1;
  };
  cluster.Run(seconds(4));
  EXPECT_EQ(repeats, 0u);
}

TEST(SchedulerNodeTest, AnswersGoWhereANodeWasLastHeardFrom) {
  SchedulerNode node(FakeOptions());
  wire::Header header;
  header.mutable_identity()->set_job_high(7);
  header.mutable_identity()->set_job_low(9);
  wire::Register& joining = *header.mutable_register_();
  joining.set_role(wire::TRAINER);
  joining.set_instance(1);
  joining.set_version("1");
  joining.set_job_hash(11);
  joining.set_dataset_hash(22);
  Effects effects = node.Handle(wire::Seal("first connection", header), Instant{});
  ASSERT_EQ(effects.send.size(), 1u);
  EXPECT_EQ(effects.send[0].peer, "first connection");
  const wire::Header welcome = *wire::Open(effects.send[0]);
  header.mutable_identity()->set_sender_incarnation(welcome.welcome().incarnation());
  header.mutable_identity()->set_generation(welcome.welcome().generation());
  header.mutable_heartbeat();
  (void)node.Handle(wire::Seal("second connection", header), Instant{});
  node.RequestStop("test", Instant{});
  effects = node.Tick(Instant{});
  ASSERT_EQ(effects.send.size(), 1u);
  EXPECT_TRUE(wire::Open(effects.send[0])->has_stop());
  EXPECT_EQ(effects.send[0].peer, "second connection");
}

TEST(SchedulerNodeTest, DeadIncarnationsAreFenced) {
  FakeCluster cluster(FakeOptions());
  for (auto& trainer : cluster.trainers) trainer->work = seconds(30);
  cluster.Run(seconds(2));
  cluster.trainers[0]->alive = false;
  cluster.Run(seconds(20));
  cluster.trainers[0]->alive = true;
  cluster.Run(seconds(2));
  EXPECT_THAT(cluster.trainers[0]->refused, HasSubstr("trainer 0, incarnation"));
  EXPECT_THAT(cluster.trainers[0]->refused, HasSubstr("silent for 15 s"));
}

TEST(SchedulerNodeTest, MessagesOfAnotherJobAndGarbageChangeNothing) {
  SchedulerNode node(FakeOptions());
  EXPECT_TRUE(node.Handle({.peer = "x", .header = "garbage"}, Instant{}).send.empty());
  wire::Header header;
  header.mutable_heartbeat();
  Effects effects = node.Handle(wire::Seal("x", header), Instant{});
  ASSERT_EQ(effects.send.size(), 1u);
  const wire::Header refusal = *wire::Open(effects.send[0]);
  EXPECT_EQ(wire::ToStatus(refusal.error()),
            Status(StatusCode::kUnknownJob, "this scheduler runs another job"));
  EXPECT_EQ(refusal.identity().ByteSizeLong(), 0u) << "a stranger does not learn the job's id";

  header.mutable_identity()->set_job_high(7);
  header.mutable_identity()->set_job_low(9);
  effects = node.Handle(wire::Seal("x", header), Instant{});
  EXPECT_EQ(wire::ToStatus(wire::Open(effects.send[0])->error()).code(),
            StatusCode::kStaleGeneration);

  header.mutable_identity()->set_generation(1);
  effects = node.Handle(wire::Seal("x", header), Instant{});
  EXPECT_EQ(wire::ToStatus(wire::Open(effects.send[0])->error()).code(), StatusCode::kFenced);

  header.mutable_error()->set_code(1);
  EXPECT_TRUE(node.Handle(wire::Seal("x", header), Instant{}).send.empty())
      << "an error must not bring forth another";
}

TEST(SchedulerNodeTest, ProgressNamesThePhaseAndWhoIsWaitedFor) {
  FakeCluster cluster(FakeOptions());
  cluster.shards[1]->alive = false;
  cluster.Run(seconds(3));
  JobProgress progress = cluster.scheduler().progress(cluster.now());
  EXPECT_EQ(progress.phase, "waiting");
  EXPECT_EQ(progress.waiting_for, "server 1 (never heard)");
  EXPECT_EQ(progress.live_shards, 1u);
  EXPECT_EQ(progress.live_trainers, 2u);
  cluster.shards[1]->alive = true;
  for (auto& trainer : cluster.trainers) trainer->work = seconds(100);
  cluster.Run(seconds(3));
  progress = cluster.scheduler().progress(cluster.now());
  EXPECT_EQ(progress.phase, "prepare");
  EXPECT_EQ(progress.total, 5u);
  EXPECT_EQ(progress.live_shards, 2u);
}

}  // namespace
}  // namespace skybridge::scheduler
