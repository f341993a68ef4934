// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/hand_cluster.h"

#include <signal.h>

#include <chrono>

#include "env/system_clock.h"
#include "env/zmq_transport.h"
#include "proto/envelope.h"
#include "tests/cluster/garbage_peer.h"

namespace skybridge::cluster {
namespace {

using std::chrono::seconds;

TEST_F(HandClusterTest, ProcessesStartedByHandMakeTheTablesOfARun) {
  MakeData();
  env::Process scheduler = StartScheduler();
  env::Process server = StartServer();
  env::Process worker = StartWorker();
  for (env::Process* process : {&worker, &server, &scheduler}) {
    const auto exit = process->Wait(seconds(60));
    ASSERT_TRUE(exit && exit->ok())
        << Read("scheduler.log") << Read("ps.log") << Read("worker.log");
  }
  EXPECT_EQ(HashesOf("run"), TableHashes({}));
}

TEST_F(HandClusterTest, ProcessesStartedByHandMakeCheckpoints) {
  MakeData();
  const std::vector<std::string> with = {"--set", "training.epochs=60", "--set",
                                         "checkpoint={every_s: 0.2 path: \"kept\"}"};
  env::Process scheduler = StartScheduler(with);
  env::Process server = StartServer(with);
  env::Process worker = StartWorker(with);
  for (env::Process* process : {&worker, &server, &scheduler}) {
    const auto exit = process->Wait(kPatience);
    ASSERT_TRUE(exit && exit->ok())
        << Read("scheduler.log") << Read("ps.log") << Read("worker.log");
  }
  for (const std::string& folder : {std::string("kept"), "kept/" + job_id()}) {
    const Outcome verified = Call({"checkpoint", "verify", Path(folder)});
    EXPECT_EQ(verified.exit_code, 0) << verified.output;
    EXPECT_NE(verified.output.find("sound"), std::string::npos) << verified.output;
  }
}

// Promise: a cluster that lost what it kept goes on from its checkpoints, started by hand as
// before.
TEST_F(HandClusterTest, ACheckpointGoesOnInProcessesStartedByHand) {
  MakeData();
  const std::vector<std::string> with = {"--set", "training.epochs=60", "--set",
                                         "checkpoint={every_s: 0.2 path: \"kept\"}"};
  {
    const env::Process scheduler = StartScheduler(with);
    const env::Process server = StartServer(with);
    const env::Process worker = StartWorker(with);
    ASSERT_TRUE(WaitForText("run/scheduler.log", "checkpoint 2 committed"))
        << Read("scheduler.log");
  }
  const Outcome restored = Call(
      {"checkpoint", "restore", Path("kept/" + job_id()), "--run_dir", Path("restored"), "--hash"});
  ASSERT_EQ(restored.exit_code, 0) << restored.output;
  env::Process scheduler = Resume("restored");
  env::Process server =
      StartServer({with[0], with[1], with[2], with[3], "--store", Path("restored/store")});
  env::Process worker = StartWorker(with);
  for (env::Process* process : {&worker, &server, &scheduler}) {
    const auto exit = process->Wait(kPatience);
    ASSERT_TRUE(exit && exit->ok())
        << Read("scheduler.log") << Read("ps.log") << Read("worker.log");
  }
  EXPECT_EQ(HashesOf("restored"), TableHashes(with));
}

// Promise: nodes outlive a dead scheduler for a while, and never in silence.
TEST_F(HandClusterTest, KilledSchedulerIsNamedAndWaitedFor) {
  MakeData();
  const std::vector<std::string> longer = {"--set", "training.epochs=5000"};
  env::Process scheduler = StartScheduler(longer);
  env::Process server = StartServer(longer);
  env::Process worker = StartWorker(longer);
  ASSERT_TRUE(WaitForText("scheduler.log", "train ")) << Read("scheduler.log");
  scheduler.Kill();
  for (auto [process, log] : {std::pair(&worker, "worker.log"), std::pair(&server, "ps.log")}) {
    EXPECT_TRUE(WaitForText(log, "the scheduler at " + endpoint(), seconds(15))) << Read(log);
    EXPECT_FALSE(process->Poll().has_value()) << Read(log);
  }
}

TEST_F(HandClusterTest, KilledSchedulerGoesOnWhereItStood) {
  MakeData();
  const std::vector<std::string> longer = {"--set", "training.epochs=250"};
  env::Process scheduler = StartScheduler(longer);
  env::Process server = StartServer(longer);
  env::Process worker = StartWorker(longer);
  ASSERT_TRUE(WaitForText("scheduler.log", "train ")) << Read("scheduler.log");
  const Outcome second = Call({"scheduler", "--resume", Path("run")});
  EXPECT_EQ(second.exit_code, 1) << second.output;
  EXPECT_NE(second.output.find("another run uses it"), std::string::npos) << second.output;
  scheduler.Kill();
  ASSERT_TRUE(scheduler.Wait(seconds(10)).has_value());
  const Outcome wrong = Call({"run", "--resume", Path("run")});
  EXPECT_NE(wrong.output.find("skybridge scheduler --resume"), std::string::npos) << wrong.output;

  env::Process next = Start({"scheduler", "--resume", Path("run")}, "next.log");
  for (env::Process* process : {&worker, &server, &next}) {
    const auto exit = process->Wait(kPatience);
    ASSERT_TRUE(exit && exit->ok()) << Read("next.log") << Read("ps.log") << Read("worker.log");
  }
  EXPECT_NE(Read("next.log").find("scheduler " + endpoint() + " of job " + job_id()),
            std::string::npos)
      << Read("next.log");
  EXPECT_EQ(HashesOf("run"), TableHashes(longer));
  EXPECT_NE(Call({"scheduler", "--resume", Path("run")}).output.find("has succeeded"),
            std::string::npos);
}

// What a job that ended too soon needs to go on is kept.
TEST_F(HandClusterTest, InterruptedClusterGoesOnOnceItsProcessesAreStartedAgain) {
  MakeData();
  const std::vector<std::string> longer = {"--set", "training.epochs=60"};
  env::Process scheduler = StartScheduler(longer);
  env::Process server = StartServer(longer);
  env::Process worker = StartWorker(longer);
  ASSERT_TRUE(WaitForText("scheduler.log", "train ")) << Read("scheduler.log");
  kill(scheduler.pid(), SIGINT);
  const auto interrupted = scheduler.Wait(seconds(20));
  ASSERT_TRUE(interrupted.has_value());
  EXPECT_EQ(interrupted->code, 130) << Read("scheduler.log");
  ASSERT_TRUE(server.Wait(seconds(20)).has_value());
  ASSERT_TRUE(worker.Wait(seconds(20)).has_value());

  env::Process next = Start({"scheduler", "--resume", Path("run")}, "next.log");
  env::Process next_server = StartServer(longer);
  env::Process next_worker = StartWorker(longer);
  for (env::Process* process : {&next_worker, &next_server, &next}) {
    const auto exit = process->Wait(kPatience);
    ASSERT_TRUE(exit && exit->ok()) << Read("next.log") << Read("ps.log") << Read("worker.log");
  }
  EXPECT_EQ(HashesOf("run"), TableHashes(longer));
}

TEST_F(HandClusterTest, SchedulerThatIsNotThereIsGivenUpByName) {
  MakeData();
  Write("job.pbtxt", Read("job.pbtxt") + "cluster { start_timeout_s: 2 }\n");
  Pretend("tcp://127.0.0.1:1", std::string(32, '7'));
  env::Process server = StartServer();
  env::Process worker = StartWorker();
  for (auto [process, log] : {std::pair(&worker, "worker.log"), std::pair(&server, "ps.log")}) {
    const auto exit = process->Wait(seconds(30));
    ASSERT_TRUE(exit.has_value()) << log << " of a process that still runs";
    EXPECT_EQ(exit->code, 3) << Read(log);
    EXPECT_NE(Read(log).find(endpoint() + " has not answered"), std::string::npos) << Read(log);
  }
}

// A scheduler that welcomes the two shards of a server, and tells one of them to go.
class HalfADismissal {
 public:
  HalfADismissal()
      : transport_(*env::ZmqTransport::Create(context_, clock_, {.listen = "tcp://127.0.0.1:*"})) {}
  const std::string& endpoint() const { return transport_->endpoint(); }
  uint32_t stops() const { return stops_; }

  void Answer(Duration wait) {
    const std::optional<Envelope> message = transport_->Receive(wait);
    if (!message) return;
    const Result<wire::Header> header = wire::Open(*message);
    ASSERT_TRUE(header) << header.error();
    const uint64_t sender = header->identity().sender_incarnation();
    wire::Header reply;
    if (header->has_register_()) {
      wire::Welcome& welcome = *reply.mutable_welcome();
      welcome.set_incarnation(header->register_().index() + 1);
      welcome.set_term(1);
      welcome.set_generation(1);
      welcome.set_heartbeat_ms(100);
    } else if (header->has_heartbeat() && sender == 1) {
      ++stops_;
      reply.mutable_stop();
    } else {
      reply.mutable_heartbeat_reply();
    }
    wire::Identity& identity = *reply.mutable_identity();
    identity.set_job_high(header->identity().job_high());
    identity.set_job_low(header->identity().job_low());
    identity.set_generation(1);
    identity.set_term(1);
    identity.set_target_incarnation(sender);
    transport_->Send(wire::Seal(message->peer, std::move(reply)));
  }

 private:
  env::ZmqContext context_;
  env::SystemClock clock_;
  std::unique_ptr<env::ZmqTransport> transport_;
  uint32_t stops_ = 0;
};

// Promise: no server stays half. The job may come to need it before its other shard is told to go.
TEST_F(HandClusterTest, AServerOfWhichOneShardWasToldToGoGoes) {
  MakeData();
  HalfADismissal scheduler;
  Pretend(scheduler.endpoint(), std::string(32, '7'));
  env::Process server = StartServer({"--set", "cluster.shards_per_server=2"});
  std::optional<env::ProcessExit> exit;
  env::SystemClock clock;
  std::optional<Instant> stopped_at;
  for (const Instant end = clock.Now() + seconds(60); !exit && clock.Now() < end;) {
    scheduler.Answer(std::chrono::milliseconds(10));
    if (scheduler.stops() > 0 && !stopped_at) stopped_at = clock.Now();
    exit = server.Poll();
  }
  ASSERT_TRUE(exit && stopped_at) << Read("ps.log");
  EXPECT_GT(clock.Now() - *stopped_at, seconds(3)) << "the other may be about to hear it";
  EXPECT_TRUE(exit->ok()) << Read("ps.log");
}

TEST_F(HandClusterTest, MissingProcessIsNamedAndEndsTheJob) {
  MakeData();
  env::Process scheduler = StartScheduler({"--set", "cluster.start_timeout_s=2"});
  env::Process server = StartServer({"--set", "cluster.start_timeout_s=2"});
  const auto exit = scheduler.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 3);
  EXPECT_NE(Read("scheduler.log").find("worker 0"), std::string::npos) << Read("scheduler.log");
  EXPECT_TRUE(server.Wait(seconds(30)).has_value());
}

TEST_F(HandClusterTest, WordsThatAreNoEndpointAreRefused) {
  MakeData();
  Pretend("nonsense", std::string(32, '7'));
  env::Process server = StartServer();
  env::Process worker = StartWorker();
  for (auto [process, log] : {std::pair(&worker, "worker.log"), std::pair(&server, "ps.log")}) {
    const auto exit = process->Wait(seconds(30));
    ASSERT_TRUE(exit.has_value()) << log << " of a process that still runs";
    EXPECT_EQ(exit->code, 2) << Read(log);
    EXPECT_NE(Read(log).find("nonsense"), std::string::npos) << Read(log);
  }
}

TEST_F(HandClusterTest, PortThatIsTakenIsNamed) {
  MakeData();
  env::Process scheduler = StartScheduler();
  const Outcome second =
      Call({"scheduler", Path("job.pbtxt"), "--run_dir", Path("second"), "--listen", endpoint()});
  EXPECT_EQ(second.exit_code, 1) << second.output;
  EXPECT_NE(second.output.find(endpoint() + ": Address already in use"), std::string::npos)
      << second.output;
  const Outcome server = Call({"ps", Path("job.pbtxt"), "--scheduler", endpoint(), "--job_id",
                               job_id(), "--store", Path("store"), "--listen", endpoint()});
  EXPECT_EQ(server.exit_code, 1) << server.output;
  EXPECT_NE(server.output.find(endpoint()), std::string::npos) << server.output;
  // A start that failed is no obstacle to the next one.
  env::Process again =
      Start({"scheduler", Path("job.pbtxt"), "--run_dir", Path("second")}, "again.log");
  EXPECT_TRUE(WaitForText("again.log", "run in ")) << Read("again.log");
}

TEST_F(HandClusterTest, JobsThatDifferAreRefusedByName) {
  MakeData();
  env::Process scheduler = StartScheduler();
  env::Process server = StartServer({"--set", "seed=2"});
  const auto exit = server.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 1) << Read("ps.log");
  EXPECT_NE(Read("ps.log").find("job"), std::string::npos) << Read("ps.log");
}

// Promise (P7): who has not the cluster's keys is not heard, at whatever socket, and changes
// nothing.
TEST_F(HandClusterTest, WithKeysStrangersAreKeptOutAndTheResultIsTheSame) {
  MakeData();
  for (const char* file : {"keys", "other_keys"}) {
    ASSERT_EQ(Call({"keygen", Path(file)}).exit_code, 0);
  }
  const std::vector<std::string> keys = {"--keys", Path("keys")};
  const std::string own = "tcp://127.0.0.1:" + std::to_string(FreePort());
  env::Process scheduler = StartScheduler(keys);
  env::Process server = StartServer({"--keys", Path("keys"), "--listen", own});
  SendGarbage({endpoint(), own}, 1, 400);
  for (const std::string& unfit : {std::string(), Path("other_keys")}) {
    const Outcome stranger =
        Call({"worker", Path("job.pbtxt"), "--scheduler", endpoint(), "--job_id", job_id(),
              "--keys", unfit, "--set", "cluster.start_timeout_s=3"});
    EXPECT_EQ(stranger.exit_code, 3) << stranger.output;
    EXPECT_NE(stranger.output.find("has not answered"), std::string::npos) << stranger.output;
  }
  env::Process worker = StartWorker(keys);
  for (env::Process* process : {&scheduler, &server, &worker}) {
    const auto exit = process->Wait(seconds(60));
    ASSERT_TRUE(exit && exit->ok()) << Read("scheduler.log") << Read("ps.log");
  }
  EXPECT_EQ(HashesOf("run"), TableHashes({}));
}

// Promise: whatever reaches a socket, the job goes on and its result is the same.
TEST_F(HandClusterTest, GarbageOnEachSocketChangesNothing) {
  MakeData();
  const std::string own = "tcp://127.0.0.1:" + std::to_string(FreePort());
  env::Process scheduler = StartScheduler();
  env::Process server = StartServer({"--listen", own});
  SendGarbage({endpoint(), own}, 1, 400);
  env::Process worker = StartWorker();
  for (uint64_t round = 2; round < 30 && !scheduler.Poll(); ++round) {
    SendGarbage({endpoint(), own}, round, 100);
  }
  const auto exit = scheduler.Wait(seconds(60));
  ASSERT_TRUE(exit && exit->ok()) << Read("scheduler.log") << Read("ps.log");
  EXPECT_TRUE(server.Wait(seconds(20))->ok()) << Read("ps.log");
  EXPECT_TRUE(worker.Wait(seconds(20))->ok()) << Read("worker.log");
  EXPECT_EQ(HashesOf("run"), TableHashes({}));
}

}  // namespace
}  // namespace skybridge::cluster
