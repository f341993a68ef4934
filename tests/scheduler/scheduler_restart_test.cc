// SPDX-License-Identifier: Apache-2.0
// Schedulers that die and start again from their records, and shards that come back.
#include <chrono>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/envelope.h"
#include "proto/scheduler_log.pb.h"
#include "scheduler/durable_job.h"
#include "scheduler/scheduler_node.h"
#include "tests/scheduler/fake_cluster.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

std::vector<SchedulerNodeOptions> BothModes() {
  SchedulerNodeOptions async = FakeOptions();
  async.staleness = -1;
  return {FakeOptions(), async};
}

// A job has the same to show whatever happened on the way.
void ExpectSameJob(const JobResult& result, const JobResult& whole) {
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.evaluations, whole.evaluations);
  EXPECT_EQ(result.table_hashes, whole.table_hashes);
  EXPECT_EQ(result.training_pairs, whole.training_pairs);
  EXPECT_EQ(result.candidates, whole.candidates);
  EXPECT_EQ(result.examples_trained, whole.examples_trained);
  EXPECT_EQ(result.steps, whole.steps);
  EXPECT_EQ(result.pushes, whole.pushes);
  EXPECT_EQ(result.duplicates, whole.duplicates);
  EXPECT_EQ(result.index_recall, whole.index_recall);
  EXPECT_EQ(result.index_report, whole.index_report);
  EXPECT_EQ(result.export_folder, whole.export_folder);
  EXPECT_EQ(result.phases.size(), whole.phases.size());
}

TEST(SchedulerRestartTest, JobEndsTheSameWhereverTheSchedulerDies) {
  for (const SchedulerNodeOptions& options : BothModes()) {
    FakeCluster whole(options);
    whole.Run(seconds(60));
    ASSERT_TRUE(whole.scheduler().finished());
    for (uint64_t n = 0; n < whole.effects(); ++n) {
      for (const size_t share : {0, 1, 2}) {
        SCOPED_TRACE(testing::Message() << "dies in effects " << n << " after " << share << "/2");
        FakeCluster cluster(options);
        cluster.crash = [&](uint64_t at, size_t parts) {
          return at == n ? std::optional<size_t>(parts * share / 2) : std::nullopt;
        };
        cluster.Run(seconds(60));
        ASSERT_TRUE(cluster.scheduler().finished());
        ExpectSameJob(cluster.scheduler().result(), whole.scheduler().result());
        // Whoever was not welcomed yet may have to join anew.
        if (n >= options.shards + options.trainers) {
          EXPECT_EQ(cluster.scheduler().result().leases_regranted, 0u);
        }
        for (const auto& [lease, times] : cluster.first_reports) EXPECT_EQ(times, 1);
        for (const auto& [folder, times] : whole.deleted) EXPECT_GE(cluster.deleted[folder], 1);
        EXPECT_EQ(cluster.deleted.size(), whole.deleted.size());
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

// The log of a job that has ended, without the end.
std::vector<Record> WithoutEnd(std::vector<Record> log) {
  std::erase_if(log, [](const Record& record) {
    history::Entry entry;
    return entry.ParseFromString(record.bytes) && entry.has_job_ended();
  });
  return log;
}

// Promise: what was given up is tried again once somebody wants the job to go on; what no other
// try can mend is not passed over.
TEST(SchedulerRestartTest, AJobThatIsReopenedGoesOnWithWhatItGaveUp) {
  const auto stage = [](const std::vector<Record>& log) {
    const auto job = DurableJob::Restore(FakeOptions(), log);
    EXPECT_TRUE(job.has_value()) << job.status();
    if (!job) return DurableJob::Stage::kWaiting;
    (*job)->Conclude();
    return (*job)->stage();
  };
  FakeCluster returned(FakeOptions());
  returned.trainers[1]->return_kind = wire::PREPARE_PARTITION;
  returned.trainers[1]->return_code = StatusCode::kDeadlineExceeded;
  returned.trainers[1]->returns = 1;
  returned.Run(seconds(60));
  ASSERT_EQ(returned.scheduler().result().status.code(), StatusCode::kDeadlineExceeded);
  std::vector<Record> log = WithoutEnd(returned.log());
  EXPECT_EQ(stage(log), DurableJob::Stage::kEnded);
  log.emplace_back();
  EXPECT_EQ(stage(log), DurableJob::Stage::kRunning);

  FakeCluster empty(FakeOptions());
  empty.world.batches = {0, 0, 0};
  empty.Run(seconds(60));
  ASSERT_EQ(empty.scheduler().result().status.code(), StatusCode::kInvalidArgument);
  log = WithoutEnd(empty.log());
  log.emplace_back();
  EXPECT_EQ(stage(log), DurableJob::Stage::kEnded);
}

TEST(SchedulerRestartTest, JobEndsThoughTheSchedulerDiesAllTheTime) {
  for (const SchedulerNodeOptions& options : BothModes()) {
    FakeCluster whole(options);
    whole.Run(seconds(60));
    FakeCluster cluster(options);
    cluster.downtime = milliseconds(300);
    cluster.crash = [](uint64_t at, size_t parts) {
      return at % 7 == 6 ? std::optional<size_t>(at % (parts + 1)) : std::nullopt;
    };
    cluster.Run(seconds(300));
    ASSERT_TRUE(cluster.scheduler().finished());
    ExpectSameJob(cluster.scheduler().result(), whole.scheduler().result());
  }
}

TEST(SchedulerRestartTest, WorkGoesOnDuringAnOutageAndNobodyIsTakenForDead) {
  FakeCluster cluster(FakeOptions());
  cluster.downtime = seconds(100);
  bool down = false;
  cluster.script = [&](Instant) {
    if (cluster.phases.size() != 2 || cluster.trainers[0]->held() == 0 || down) return;
    down = true;
    cluster.CrashScheduler();
  };
  cluster.Run(seconds(300));
  ASSERT_TRUE(cluster.scheduler().finished());
  EXPECT_TRUE(cluster.scheduler().result().status.ok()) << cluster.scheduler().result().status;
  EXPECT_EQ(cluster.scheduler().result().leases_regranted, 0u);
  EXPECT_LT(cluster.scheduler().result().phases[1].seconds, 5) << "the job's time stood still";
}

TEST(SchedulerRestartTest, WhoDiedDuringTheOutageIsFoundDeadAfterTheGrace) {
  FakeCluster cluster(FakeOptions());
  Instant died;
  cluster.script = [&](Instant now) {
    if (cluster.phases.size() != 2 || cluster.trainers[0]->held() == 0 || died > Instant{}) return;
    died = now;
    cluster.trainers[0]->alive = false;
    cluster.CrashScheduler();
  };
  cluster.Run(seconds(100));
  ASSERT_TRUE(cluster.scheduler().finished());
  EXPECT_TRUE(cluster.scheduler().result().status.ok()) << cluster.scheduler().result().status;
  EXPECT_GT(cluster.scheduler().result().leases_regranted, 0u);
  EXPECT_GT(cluster.now() - died, seconds(15));
}

// Before the first message leaves, the new term is on disk; nothing goes where nobody is known.
TEST(SchedulerRestartTest, NothingIsSentBeforeSomebodyIsHeard) {
  FakeCluster cluster(FakeOptions());
  for (auto& trainer : cluster.trainers) trainer->work = seconds(100);
  cluster.Run(seconds(3));
  auto node = *SchedulerNode::Restore(FakeOptions(), cluster.log());
  Effects first = node->Tick(Instant{});
  EXPECT_EQ(first.persist.size(), 1u);
  EXPECT_TRUE(first.send.empty());
  for (int s = 1; s < 10; ++s) EXPECT_TRUE(node->Tick(Instant{seconds(s)}).send.empty());

  wire::Header beat;
  beat.mutable_identity()->set_job_high(7);
  beat.mutable_identity()->set_job_low(9);
  beat.mutable_identity()->set_generation(1);
  beat.mutable_identity()->set_sender_incarnation(1);
  beat.mutable_heartbeat();
  const Effects heard = node->Handle(wire::Seal("here", beat), Instant{seconds(10)});
  ASSERT_FALSE(heard.send.empty());
  for (const Envelope& message : heard.send) {
    EXPECT_EQ(message.peer, "here");
    EXPECT_EQ(wire::Open(message)->identity().term(), 2u);
  }
}

TEST(SchedulerRestartTest, ASchedulerThatHearsOfAHigherTermEndsWithoutAWord) {
  SchedulerNode node(FakeOptions());
  wire::Header beat;
  beat.mutable_identity()->set_job_high(7);
  beat.mutable_identity()->set_job_low(9);
  beat.mutable_identity()->set_generation(1);
  beat.mutable_identity()->set_term(3);
  beat.mutable_heartbeat();
  const Effects effects = node.Handle(wire::Seal("x", beat), Instant{});
  EXPECT_TRUE(effects.send.empty());
  EXPECT_TRUE(effects.persist.empty());
  EXPECT_TRUE(node.finished());
  EXPECT_EQ(node.result().status.code(), StatusCode::kFenced);
  EXPECT_EQ(node.result().status.message(),
            "a scheduler of term 3 leads this job, this one is of term 1");
}

TEST(SchedulerRestartTest, AnEndThatWasDecidedStaysDecided) {
  FakeCluster cluster(FakeOptions());
  bool asked = false;
  cluster.script = [&](Instant now) {
    if (cluster.phases.size() != 2 || asked) return;
    asked = true;
    cluster.scheduler().RequestStop("interrupted", now);
  };
  cluster.crash = [&](uint64_t, size_t parts) {
    static bool crashed = false;
    if (!asked || crashed) return std::optional<size_t>();
    crashed = true;
    return std::optional<size_t>(std::min<size_t>(parts, 2));
  };
  cluster.Run(seconds(60));
  ASSERT_TRUE(cluster.scheduler().finished());
  EXPECT_EQ(cluster.scheduler().result().status, Status(StatusCode::kCancelled, "interrupted"));
  for (const auto& node : cluster.trainers) EXPECT_TRUE(node->left);
}

// ---------------------------------------------------------------- shards

// The second shard's process ends once `phase` has begun, and another starts after `gap`.
struct ShardDeath {
  size_t phase = 2;
  Duration gap{0};
  bool reported = true;
  uint64_t store_id = 1001;
};

void PlanShardDeath(FakeCluster& cluster, const ShardDeath& death) {
  auto at = std::make_shared<std::optional<Instant>>();
  auto back = std::make_shared<bool>(false);
  cluster.script = [&cluster, death, at, back](Instant now) {
    if (cluster.phases.size() < death.phase || *back) return;
    if (!*at) {
      *at = now;
      cluster.shards[1]->alive = false;
      if (death.reported) {
        cluster.scheduler().NodeExited(
            {.place = {Role::kShard, 1}, .how = {StatusCode::kUnavailable, "signal 9"}});
      }
    }
    if (now - **at < death.gap) return;
    *back = true;
    cluster.AddShard(1, 900).store_id = death.store_id;
  };
}

TEST(SchedulerRestartTest, JobGoesOnWithAShardThatCameBack) {
  for (const SchedulerNodeOptions& options : BothModes()) {
    FakeCluster whole(options);
    whole.Run(seconds(60));
    for (size_t phase = 1; phase <= 9; ++phase) {
      for (const Duration gap : {seconds(0), seconds(3), seconds(40)}) {
        SCOPED_TRACE(testing::Message() << "phase " << phase << ", gap " << ToSeconds(gap));
        FakeCluster cluster(options);
        PlanShardDeath(cluster, {.phase = phase, .gap = gap, .reported = gap == seconds(0)});
        cluster.Run(seconds(200));
        ASSERT_TRUE(cluster.scheduler().finished());
        ExpectSameJob(cluster.scheduler().result(), whole.scheduler().result());
      }
    }
  }
}

TEST(SchedulerRestartTest, EverybodyGetsTheMapThatNamesTheNewProcess) {
  FakeCluster cluster(FakeOptions());
  PlanShardDeath(cluster, {});
  std::set<std::string> told;
  cluster.copies = [&](uint64_t, const Envelope& message) {
    const wire::Header header = *wire::Open(message);
    if (header.has_cluster_map() && header.cluster_map().version() == 2) {
      told.insert(message.peer);
      EXPECT_EQ(header.cluster_map().shard(1).endpoint(), "tcp://s1#900");
      EXPECT_EQ(header.cluster_map().shard(1).incarnation(), 5u);
    }
    return 1;
  };
  cluster.Run(seconds(60));
  EXPECT_EQ(told, (std::set<std::string>{"s0#100", "s1#900", "t0#200", "t1#201"}));
}

TEST(SchedulerRestartTest, AShardWithoutItsRowsEndsTheJob) {
  FakeCluster cluster(FakeOptions());
  PlanShardDeath(cluster, {.store_id = 5});
  cluster.Run(seconds(60));
  ASSERT_TRUE(cluster.scheduler().finished());
  const Status& status = cluster.scheduler().result().status;
  EXPECT_EQ(status.code(), StatusCode::kStateLost);
  EXPECT_THAT(status.message(), HasSubstr("shard 1 came back on host host with store "
                                          "0000000000000005, the job began with store "
                                          "00000000000003e9"));
}

// The shard and the scheduler die together; the answers of the shard's former process are lost.
TEST(SchedulerRestartTest, BothMayDieAtOnce) {
  for (const SchedulerNodeOptions& options : BothModes()) {
    FakeCluster whole(options);
    whole.Run(seconds(60));
    for (size_t phase = 1; phase <= 9; ++phase) {
      SCOPED_TRACE(testing::Message() << "phase " << phase);
      FakeCluster cluster(options);
      PlanShardDeath(cluster, {.phase = phase, .gap = seconds(3), .reported = false});
      bool died = false;
      cluster.crash = [&](uint64_t, size_t) {
        if (died || cluster.shards[1]->alive) return std::optional<size_t>();
        died = true;
        return std::optional<size_t>(0);
      };
      cluster.Run(seconds(200));
      ASSERT_TRUE(cluster.scheduler().finished());
      ExpectSameJob(cluster.scheduler().result(), whole.scheduler().result());
    }
  }
}

}  // namespace
}  // namespace skybridge::scheduler
