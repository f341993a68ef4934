// SPDX-License-Identifier: Apache-2.0
#include "scheduler/durable_job.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/scheduler_log.pb.h"
#include "scheduler/scheduler_codec.h"
#include "tests/scheduler/fake_cluster.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

Registration Node(NodeKey place, uint32_t pid) {
  const bool shard = place.role == Role::kShard;
  return {.key = place,
          .host = "host",
          .pid = pid,
          .instance = pid + 1,
          .version = "1",
          .job_hash = 11,
          .dataset_hash = shard ? 0u : 22u,
          .endpoint = shard ? "tcp://here" : "",
          .store_id = shard ? 1000 + place.index : 0};
}

// All that decides what a job does next and how it ends.
std::string Portrait(DurableJob& job) {
  std::string text =
      fmt::format("stage {} map {}\n", static_cast<int>(job.stage()), Number(job.map().version()));
  for (const ShardMap::Shard& shard : job.map().shards()) {
    text += fmt::format("shard {} {}\n", Number(shard.incarnation), shard.endpoint);
  }
  text += fmt::format("generation {} rounds {}\n", job.generation(), job.rounds());
  for (const Role role : {Role::kShard, Role::kTrainer}) {
    for (const Incarnation node : job.LiveNodes(role)) text += fmt::format("{} ", Number(node));
  }
  for (const Granted& granted : job.run().granted()) {
    text += fmt::format("\n{} to {}: ", LeaseName(granted.lease), Number(granted.node)) +
            ToWire(granted, job.run().SpecOf(granted.lease)).ShortDebugString();
  }
  const JobProgress progress = job.Progress(job.now());
  text += fmt::format("\n{} {} of {} epoch {} waiting {}\n", progress.phase, progress.done,
                      progress.total, progress.epoch, progress.waiting_for);
  const JobResult result =
      job.stage() == DurableJob::Stage::kEnded ? job.result() : job.run().Collect();
  text += fmt::format(
      "{} pairs {} candidates {} trained {} steps {} pushes {} duplicates {} again "
      "{} recall {} {} {} {}\n",
      result.status.ToString(), result.training_pairs, result.candidates, result.examples_trained,
      result.steps, result.pushes, result.duplicates, result.leases_regranted, result.index_recall,
      result.index_report, result.export_folder, result.stopped_early);
  for (const PhaseTime& phase : result.phases)
    text += fmt::format("{} {} ", phase.name, phase.seconds);
  for (const EvaluationPoint& point : result.evaluations) {
    text += fmt::format("{} {} {} {} ", point.name, point.step, point.queries, point.at[0].recall);
  }
  for (const TableSum& sum : result.table_hashes) text += fmt::format("{} {} ", sum.name, sum.hash);
  return text;
}

// Drives a job through everything that can happen to it, with shards that say yes. `after` is
// called after each input, when the records are durable.
class JobDriver {
 public:
  JobDriver(const SchedulerNodeOptions& options, std::function<void(JobDriver&)> after)
      : options_(options), after_(std::move(after)), job(options) {}

  void Run() {
    for (uint32_t s = 0; s < options_.shards; ++s) Join({Role::kShard, s});
    for (uint32_t t = 0; t < options_.trainers; ++t) Join({Role::kTrainer, t});
    for (int round = 0; round < 10000 && job.stage() != DurableJob::Stage::kEnded; ++round) {
      Trouble(round);
      if (round % 5 == 0) CutOne();
      Ask();
      if (AnswerOne()) continue;
      FinishOne(round);
    }
    ASSERT_TRUE(job.stage() == DurableJob::Stage::kEnded);
  }

  void Input() {
    now_ = now_ + milliseconds(10);
    job.Conclude();
    for (Record& record : job.TakeRecords()) log.push_back(std::move(record));
    after_(*this);
    job.Observe(now_);
  }

  static wire::LeaseDone Outcome(const Granted& lease) {
    wire::LeaseDone done;
    *done.mutable_lease() = ToWire(lease.lease);
    done.set_attempt(Number(lease.attempt));
    done.set_count(3);
    done.set_examples(7);
    done.mutable_progress()->set_total(2 + lease.lease.unit);
    if (lease.lease.kind == LeaseKind::kEvaluatePartition) {
      done.mutable_metrics()->set_queries(4);
      done.mutable_metrics()->add_at()->set_k(10);
      done.mutable_metrics()->mutable_at(0)->set_recall(1 + static_cast<double>(lease.lease.unit));
    }
    if (lease.lease.kind == LeaseKind::kExportPartition) {
      wire::PartFile& file = *done.add_part();
      file.set_kind("vectors");
      file.set_name(fmt::format("{}-{}", lease.lease.unit, Number(lease.attempt)));
      file.set_rows(7);
    }
    return done;
  }

  std::map<uint64_t, ShardCall> open;  // Questions that were asked, by shard and request.
  std::vector<Record> log;
  std::vector<JobState> states;  // Of all cuts.

 private:
  void Join(NodeKey place) {
    ASSERT_TRUE(job.membership().Register(Node(place, ++pids_), now_).has_value());
    Input();
  }

  // Deaths, farewells and returns now and then.
  void Trouble(int round) {
    const uint32_t index = static_cast<uint32_t>(round) / 7 % 2;
    if (round % 7 == 3) {
      const NodeKey place{round % 2 == 0 ? Role::kShard : Role::kTrainer, index};
      job.Exited({.place = place, .final = false, .how = {StatusCode::kUnavailable, "signal 9"}});
      if (place.role == Role::kShard)
        std::erase_if(open, [&](const auto& asked) { return asked.second.shard == index; });
      Input();
      Join(place);
    }
    if (round % 31 == 5) {
      job.Exited({.place = {Role::kTrainer, index},
                  .final = true,
                  .how = {StatusCode::kUnavailable, "exit 3"}});
      Input();
      Join({Role::kTrainer, index});
    }
    if (round % 13 == 4 && !job.LiveNodes(Role::kTrainer).empty()) {
      const Incarnation leaver = job.LiveNodes(Role::kTrainer)[0];
      const NodeKey place = job.membership().Find(leaver)->self.key;
      job.membership().Leave(leaver, "left: tired");
      Input();
      Join(place);
    }
  }

  // Rounds of one cut, of two, and of none.
  void CutOne() {
    if (job.stage() != DurableJob::Stage::kRunning || !job.run().training()) return;
    if (cuts_++ % 3 != 2) job.BeginRound(job.rounds() + 1);
    if (cuts_ % 4 == 0) return Input();
    const JobState state = job.CutRound(job.rounds(), options_.lockstep() ? cuts_ : 0);
    EXPECT_EQ(state.result.training_pairs, job.run().Collect().training_pairs);
    states.push_back(state);
    Input();
  }

  void Ask() {
    for (const ShardCall& call : job.run().DueCalls(now_)) open[Key(call)] = call;
  }
  static uint64_t Key(const ShardCall& call) { return call.request << 8 | call.shard; }

  bool AnswerOne() {
    if (open.empty()) return false;
    const ShardCall call = open.begin()->second;
    wire::Header reply;
    reply.set_request(call.request);
    if (call.what.kind == ShardRequest::Kind::kTableHash) {
      wire::TableSum& sum = *reply.mutable_table_hash_reply()->add_table();
      sum.set_name("users");
      sum.set_hash(call.shard + 1);
    } else if (call.what.kind == ShardRequest::Kind::kCutRound && call.request % 3 == 0) {
      // A refusal is an answer too: nothing must wait behind a cut.
      reply.mutable_error()->set_code(static_cast<uint32_t>(StatusCode::kResourceExhausted));
    } else if (call.what.kind == ShardRequest::Kind::kCutRound) {
      reply.mutable_round_reply()->set_round(call.what.round);
      reply.mutable_round_reply()->set_state(wire::RoundReply::CUT);
    } else {
      reply.mutable_phase_reply()->set_closed(++polls_ % 3 != 0);
      reply.mutable_phase_reply()->set_committed(call.what.clock_end);
      reply.mutable_phase_reply()->set_pushes(10);
      reply.mutable_phase_reply()->set_duplicates(1);
    }
    job.ShardSaid(call.shard, reply);
    const bool poll = call.what.kind == ShardRequest::Kind::kClosePhase && polls_ % 3 == 0;
    if (!poll) open.erase(open.begin());
    Input();
    return true;
  }

  void FinishOne(int round) {
    const std::vector<Granted> granted = job.run().granted();
    if (granted.empty()) {
      now_ = now_ + seconds(40);  // Returned leases rest.
      job.membership().Tick(now_ - seconds(40));
      for (const Role role : {Role::kShard, Role::kTrainer}) {
        for (const Incarnation node : job.LiveNodes(role)) {
          ASSERT_TRUE(job.membership().Hear(node, now_).ok());
        }
      }
      job.Observe(now_);
      return Input();
    }
    const Granted& lease = granted[static_cast<size_t>(round) % granted.size()];
    if (round % 11 == 2) {
      wire::LeaseReturned returned;
      *returned.mutable_lease() = ToWire(lease.lease);
      returned.set_attempt(Number(lease.attempt));
      returned.set_code(static_cast<uint32_t>(StatusCode::kResourceExhausted));
      returned.set_message("disk full");
      job.Return(lease.node, returned);
      return Input();
    }
    const wire::LeaseDone done = Outcome(lease);
    EXPECT_EQ(*job.Report(lease.node, done), LeaseTable::Report::kFirst);
    Input();
    const auto repeat = job.Report(lease.node, done);
    EXPECT_FALSE(repeat && *repeat == LeaseTable::Report::kFirst);
  }

  const SchedulerNodeOptions options_;
  const std::function<void(JobDriver&)> after_;
  Instant now_;
  uint32_t pids_ = 0;
  uint64_t polls_ = 0;
  uint64_t cuts_ = 0;

 public:
  DurableJob job;  // Last: `options_` is set before.
};

std::vector<SchedulerNodeOptions> BothModes() {
  SchedulerNodeOptions async = FakeOptions();
  async.staleness = -1;
  SchedulerNodeOptions lockstep = FakeOptions();
  for (SchedulerNodeOptions* options : {&async, &lockstep}) options->returns_max = 1000;
  return {lockstep, async};
}

TEST(DurableJobTest, RestoredJobIsTheOneThatWasAfterEveryInput) {
  for (const SchedulerNodeOptions& options : BothModes()) {
    int compared = 0;
    JobDriver driver(options, [&](JobDriver& at) {
      if (testing::Test::HasFailure()) return;
      auto restored = DurableJob::Restore(options, at.log);
      ASSERT_TRUE(restored) << restored.error();
      DurableJob& job = **restored;
      ASSERT_EQ(Portrait(job), Portrait(at.job)) << at.log.size() << " records";
      // Once it knows where the shards are it asks what was open.
      for (const Incarnation shard : job.LiveNodes(Role::kShard)) {
        job.Reached(*job.membership().Find(shard));
      }
      std::map<uint32_t, uint64_t> asked;
      for (const ShardCall& call : job.run().DueCalls(job.now())) {
        asked[call.shard] = call.request;
      }
      for (const auto& [key, call] : at.open) {
        EXPECT_EQ(asked[call.shard], call.request) << RequestName(call.what.kind);
      }
      ++compared;
    });
    driver.Run();
    ASSERT_FALSE(testing::Test::HasFailure());
    EXPECT_EQ(driver.job.result().status, Status());
    EXPECT_GT(driver.job.result().leases_regranted, 0u);
    EXPECT_GT(Number(driver.job.map().version()), 3u);
    EXPECT_GT(compared, 100);
    EXPECT_GE(driver.states.size(), 2u);
  }
}

// I18.
TEST(DurableJobTest, EveryPrefixOfALogGivesALegalJob) {
  for (const SchedulerNodeOptions& options : BothModes()) {
    JobDriver driver(options, [](JobDriver&) {});
    driver.Run();
    uint64_t pushes = 0;
    for (size_t length = 0; length <= driver.log.size(); ++length) {
      const std::span<const Record> prefix(driver.log.data(), length);
      auto restored = DurableJob::Restore(options, prefix);
      ASSERT_TRUE(restored) << restored.error();
      DurableJob& job = **restored;
      EXPECT_GE(job.run().Collect().pushes, pushes) << "what was counted stays";
      pushes = job.run().Collect().pushes;
      job.Observe(job.now() + milliseconds(1));
      job.Conclude();
      // What it decided on top follows too.
      std::vector<Record> log(prefix.begin(), prefix.end());
      for (Record& record : job.TakeRecords()) log.push_back(std::move(record));
      auto again = DurableJob::Restore(options, log);
      ASSERT_TRUE(again) << again.error();
      EXPECT_EQ((*again)->term(), job.term() + 1);
      EXPECT_EQ(Portrait(**again), Portrait(job)) << length << " records";
      if (HasFailure()) return;
    }
  }
}

// A log that lacks a record, has it twice or in another place is refused by the number of a record,
// or gives a job; it never ends the process.
TEST(DurableJobTest, RecordsOutOfPlaceAreRefusedByNumber) {
  const SchedulerNodeOptions options = BothModes()[1];
  JobDriver driver(options, [](JobDriver&) {});
  driver.Run();
  size_t refused = 0;
  const auto play = [&](const std::vector<Record>& log) {
    const auto restored = DurableJob::Restore(options, log);
    if (restored) return;
    ++refused;
    EXPECT_EQ(restored.error().code(), StatusCode::kDataLoss) << restored.error();
    EXPECT_THAT(restored.error().message(), HasSubstr("scheduler log, record "));
  };
  for (size_t i = 0; i < driver.log.size(); ++i) {
    std::vector<Record> log = driver.log;
    log.erase(log.begin() + static_cast<ptrdiff_t>(i));
    play(log);
    log = driver.log;
    log.insert(log.begin() + static_cast<ptrdiff_t>(i), log[i]);
    play(log);
    if (i + 1 == driver.log.size()) break;
    log = driver.log;
    std::swap(log[i], log[i + 1]);
    play(log);
  }
  EXPECT_GT(refused, driver.log.size() * 2);
}

TEST(DurableJobTest, DamagedRecordIsNamed) {
  const SchedulerNodeOptions options = FakeOptions();
  DurableJob job(options);
  std::vector<Record> log = job.TakeRecords();
  ASSERT_EQ(log.size(), 2u);
  log.push_back({"\xff\xff"});
  Status refused = DurableJob::Restore(options, log).error();
  EXPECT_EQ(refused.code(), StatusCode::kDataLoss);
  EXPECT_EQ(refused.message(), "scheduler log, record 3: it cannot be read");
  history::Entry of_no_kind;
  of_no_kind.set_at_ns(1);
  log[2].bytes = of_no_kind.SerializeAsString();
  refused = DurableJob::Restore(options, log).error();
  EXPECT_EQ(refused.message(), "scheduler log, record 3: it is of no known kind");
  std::swap(log[0], log[1]);
  refused = DurableJob::Restore(options, log).error();
  EXPECT_EQ(refused.message(), "scheduler log, record 1: it does not say whose log this is");
}

TEST(DurableJobTest, LogOfAnotherJobIsRefusedWithBothValues) {
  const std::vector<Record> log = DurableJob(FakeOptions()).TakeRecords();
  const auto refusal = [&](const std::function<void(SchedulerNodeOptions&)>& change) {
    SchedulerNodeOptions options = FakeOptions();
    change(options);
    const Status status = DurableJob::Restore(options, log).error();
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
    return status.message();
  };
  EXPECT_EQ(refusal([](auto& options) {
              options.job = {7, 10};
            }),
            "scheduler log, record 1: job 00000000000000070000000000000009 != "
            "0000000000000007000000000000000a");
  EXPECT_EQ(refusal([](auto& options) { options.version = "2"; }),
            "scheduler log, record 1: version 1 != 2");
  EXPECT_EQ(refusal([](auto& options) { options.job_hash = 12; }),
            "scheduler log, record 1: the job was another (its hash) 000000000000000b != "
            "000000000000000c");
  EXPECT_EQ(refusal([](auto& options) { options.dataset_hash = 23; }),
            "scheduler log, record 1: the data were others, by names, sizes, first or last MiB of "
            "their files (hash) 0000000000000016 != 0000000000000017");
}

TEST(DurableJobTest, EachStartIsATermOfItsOwnAndTimeGoesOn) {
  const SchedulerNodeOptions options = FakeOptions();
  DurableJob first(options);
  EXPECT_EQ(first.term(), 1u);
  first.Observe(Instant{seconds(70)});
  ASSERT_TRUE(first.membership().Register(Node({Role::kShard, 0}, 1), first.now()).has_value());
  first.Conclude();
  std::vector<Record> log = first.TakeRecords();
  auto second = *DurableJob::Restore(options, log);
  EXPECT_EQ(second->term(), 2u);
  EXPECT_EQ(second->now(), Instant{seconds(70)});
  for (Record& record : second->TakeRecords()) log.push_back(std::move(record));
  EXPECT_EQ((*DurableJob::Restore(options, log))->term(), 3u);

  log.resize(1);  // The first scheduler died within its first write.
  EXPECT_EQ((*DurableJob::Restore(options, log))->term(), 1u);
  EXPECT_EQ((*DurableJob::Restore(options, {}))->term(), 1u);
}

// Whoever left needs nobody to end it; who was told to be dead may still run.
TEST(DurableJobTest, ARestartKnowsWhoLeftFromWhoDied) {
  const SchedulerNodeOptions options = FakeOptions();
  DurableJob job(options);
  for (uint32_t t = 0; t < 2; ++t) {
    const Registration trainer = Node({Role::kTrainer, t}, 70 + t);
    ASSERT_TRUE(job.membership().Register(trainer, job.now()).has_value());
  }
  job.Conclude();
  job.membership().Leave(job.LiveNodes(Role::kTrainer)[0], "left: tired");
  job.Exited({.place = {Role::kTrainer, 1},
              .final = false,
              .how = {StatusCode::kUnavailable, "signal 9"}});
  job.Conclude();
  const auto next = *DurableJob::Restore(options, job.TakeRecords());
  ASSERT_EQ(next->membership().Lost().size(), 1u);
  EXPECT_EQ(next->membership().Lost()[0]->self.pid, 71u);
}

TEST(DurableJobTest, AFinalEndOfAPredecessorGivesNothingUp) {
  const SchedulerNodeOptions options = FakeOptions();
  DurableJob job(options);
  const auto join = [&job](NodeKey place, uint32_t pid) {
    EXPECT_TRUE(job.membership().Register(Node(place, pid), job.now()).has_value());
    job.Conclude();
  };
  const auto exit = [&job](uint32_t pid, bool final) {
    const Status how(StatusCode::kUnavailable, "exit 3");
    job.Exited({.place = {Role::kShard, 0}, .pid = pid, .final = final, .how = how});
    job.Conclude();
  };
  for (uint32_t s = 0; s < options.shards; ++s) join({Role::kShard, s}, 10 + s);
  for (uint32_t t = 0; t < options.trainers; ++t) join({Role::kTrainer, t}, 20 + t);
  exit(10, false);
  join({Role::kShard, 0}, 30);
  exit(10, true);
  EXPECT_EQ(job.LiveNodes(Role::kShard).size(), options.shards);
  exit(30, false);  // Somebody may start it again.
  EXPECT_EQ(job.LiveNodes(Role::kShard).size(), options.shards - 1);
  EXPECT_EQ(job.stage(), DurableJob::Stage::kRunning);
  exit(30, true);
  EXPECT_NE(job.stage(), DurableJob::Stage::kRunning);
}

// While no scheduler ran, nobody could come back.
TEST(DurableJobTest, PatienceWithAnAbsentShardBeginsAnewAtARestart) {
  const SchedulerNodeOptions options = FakeOptions();
  const Duration patience = options.timings.node_return_max;
  std::vector<Record> log;
  const auto restarted = [&](bool restart) {
    auto job = std::make_unique<DurableJob>(options);
    const auto conclude = [&](Duration at) {
      job->Observe(Instant{at});
      job->Conclude();
      for (Record& record : job->TakeRecords()) log.push_back(std::move(record));
    };
    log.clear();
    for (uint32_t s = 0; s < options.shards; ++s) {
      EXPECT_TRUE(job->membership().Register(Node({Role::kShard, s}, s), {}).has_value());
    }
    for (uint32_t t = 0; t < options.trainers; ++t) {
      EXPECT_TRUE(job->membership().Register(Node({Role::kTrainer, t}, t), {}).has_value());
    }
    conclude(seconds(0));
    job->Exited({.place = {Role::kShard, 0},
                 .final = false,
                 .how = {StatusCode::kUnavailable, "signal 9"}});
    conclude(seconds(0));
    conclude(patience * 2 / 3);
    job->Exited({.place = {Role::kTrainer, 0},
                 .final = false,
                 .how = {StatusCode::kUnavailable, "signal 9"}});
    conclude(patience * 2 / 3);  // The log knows of this moment.
    if (restart) job = *DurableJob::Restore(options, log);
    conclude(patience * 4 / 3);
    return job->stage();
  };
  EXPECT_EQ(restarted(false), DurableJob::Stage::kEnded);
  EXPECT_EQ(restarted(true), DurableJob::Stage::kRunning);
}

// The records of a whole job with `epochs` epochs of `partitions` partitions each.
std::vector<Record> LongLog(const SchedulerNodeOptions& options) {
  DurableJob job(options);
  std::vector<Record> log;
  const auto input = [&] {
    job.Conclude();
    for (Record& record : job.TakeRecords()) log.push_back(std::move(record));
  };
  for (uint32_t s = 0; s < options.shards; ++s) {
    EXPECT_TRUE(job.membership().Register(Node({Role::kShard, s}, s), job.now()).has_value());
  }
  for (uint32_t t = 0; t < options.trainers; ++t) {
    EXPECT_TRUE(job.membership().Register(Node({Role::kTrainer, t}, t), job.now()).has_value());
  }
  input();
  while (job.stage() != DurableJob::Stage::kEnded) {
    for (const ShardCall& call : job.run().DueCalls(job.now())) {
      wire::Header reply;
      reply.set_request(call.request);
      reply.mutable_phase_reply()->set_closed(true);
      job.ShardSaid(call.shard, reply);
      input();
    }
    const std::vector<Granted> granted = job.run().granted();
    for (const Granted& lease : granted) {
      EXPECT_TRUE(job.Report(lease.node, JobDriver::Outcome(lease)).has_value());
      input();
    }
    job.Observe(job.now() + seconds(1));
  }
  EXPECT_TRUE(job.result().status.ok()) << job.result().status;
  return log;
}

SchedulerNodeOptions LongJob(uint32_t epochs, uint32_t partitions) {
  SchedulerNodeOptions options = FakeOptions();
  options.staleness = -1;
  options.table_hash = false;
  options.epochs = epochs;
  options.training_partitions = partitions;
  return options;
}

TEST(DurableJobTest, ALongLogIsReadBackWhole) {
  const SchedulerNodeOptions options = LongJob(20, 50);
  const std::vector<Record> log = LongLog(options);
  EXPECT_GT(log.size(), 2000u);
  const auto job = DurableJob::Restore(options, log);
  ASSERT_TRUE(job) << job.error();
  EXPECT_EQ((*job)->result().evaluations.size(), 20u);
  EXPECT_TRUE((*job)->TakeRecords().size() == 1) << "the new term alone";
}

// For docs/protocol.md: a million leases. Run it with --gtest_also_run_disabled_tests.
TEST(DurableJobTest, DISABLED_ReplayRate) {
  const SchedulerNodeOptions options = LongJob(5000, 200);
  const std::vector<Record> log = LongLog(options);
  size_t bytes = 0;
  for (const Record& record : log) bytes += record.bytes.size();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(DurableJob::Restore(options, log).has_value());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%zu records, %zu bytes: %.2f s, %.0f records/s\n", log.size(), bytes, took.count(),
              static_cast<double>(log.size()) / took.count());
}

}  // namespace
}  // namespace skybridge::scheduler
