// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_process.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/files.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// Schedulers that are shell scripts, which read and write their stdin as schedulers do.
class SchedulerProcessTest : public testing::Test {
 protected:
  SchedulerProcess Scheduler(const std::string& script) const {
    return SchedulerProcess({.arguments = {"sh", scratch_.Write("script", script)},
                             .log_path = scratch_.path() + "/log",
                             .silence_max = seconds(12),
                             .start_max = seconds(300)});
  }
  env::Process Spawn(SchedulerProcess& scheduler) const {
    auto process = scheduler.Spawn(now_);
    CHECK(process.has_value()) << process.error();
    return *std::move(process);
  }
  // Waits for the end of one that has said all it has to say.
  void HearAll(SchedulerProcess& scheduler, env::Process& process) const {
    CHECK(process.Wait(seconds(30)).has_value());
    scheduler.Hear(now_);
  }
  std::string Log() const { return *env::ReadFile(scratch_.path() + "/log"); }

  data::ScratchFolder scratch_;
  Instant now_;
};

TEST_F(SchedulerProcessTest, TheNextOneListensWhereTheFirstOneDid) {
  SchedulerProcess scheduler =
      Scheduler("echo $*; printf 'listening\\ttcp://127.0.0.1:4567\\n' >&0\n");
  env::Process first = Spawn(scheduler);
  EXPECT_EQ(scheduler.endpoint(), "");
  HearAll(scheduler, first);
  EXPECT_EQ(scheduler.endpoint(), "tcp://127.0.0.1:4567");
  now_ = now_ + milliseconds(1500);
  env::Process second = Spawn(scheduler);
  HearAll(scheduler, second);
  EXPECT_EQ(Log(),
            "--listen tcp://127.0.0.1:* --seconds_before 0.000\n"
            "--listen tcp://127.0.0.1:4567 --seconds_before 1.500\n");
}

TEST_F(SchedulerProcessTest, OrdersThatOneDidNotSettleAreGivenToTheNext) {
  SchedulerProcess scheduler = Scheduler(
      "IFS= read -r a; IFS= read -r b; echo \"$a|$b\"\n"
      "printf 'progress\\ttrain\\t1\\t1\\tline\\t1\\t1\\tscaled\\n' >&0\n");
  scheduler.Give(StopRequest{"one"});  // Before there is any.
  env::Process first = Spawn(scheduler);
  scheduler.Give(StopRequest{"two"});
  HearAll(scheduler, first);
  scheduler.Give(StopRequest{"three"});
  env::Process second = Spawn(scheduler);
  HearAll(scheduler, second);
  EXPECT_EQ(Log(), "stop\tone|stop\ttwo\nstop\ttwo|stop\tthree\n");
}

TEST_F(SchedulerProcessTest, ProgressIsCountedWhenTheJobGetsOn) {
  SchedulerProcess scheduler = Scheduler(
      "printf "
      "'progress\\twaiting\\t0\\t0\\tw\\t1\\t1\\tscaled\\nprogress\\twaiting\\t1\\t0\\tw\\t1\\t1\\t"
      "scaled\\n' >&0\n"
      "printf "
      "'progress\\ttrain\\t0\\t0\\ta\\t1\\t1\\tscaled\\nprogress\\ttrain\\t0\\t0\\tb\\t1\\t1\\tscal"
      "ed\\n' >&0\n"
      "printf 'progress\\ttrain\\t5\\t0\\tc\\t1\\t1\\tscaled\\nnonsense\\n' >&0\n");
  env::Process process = Spawn(scheduler);
  HearAll(scheduler, process);
  EXPECT_EQ(scheduler.progress_count(), 2u) << "training began, training got on";
  EXPECT_EQ(scheduler.progress().line, "c");
}

TEST_F(SchedulerProcessTest, LastWordsAreHeardAfterTheEnd) {
  SchedulerProcess scheduler = Scheduler(
      "printf 'lost\\t77\\tsilent for 12 s\\nreport\\tone\\\\ntwo\\n' >&0\n"
      "printf 'ended\\t0\\t\\n' >&0\n");
  env::Process process = Spawn(scheduler);
  HearAll(scheduler, process);
  EXPECT_EQ(scheduler.report(), "one\ntwo");
  EXPECT_EQ(scheduler.ended(), Status());
  EXPECT_THAT(scheduler.TakeLost(), ElementsAre(Lost{77, "silent for 12 s"}));
  EXPECT_TRUE(scheduler.TakeLost().empty());
}

TEST_F(SchedulerProcessTest, OneThatListensIsHungSoonerThanOneThatStarts) {
  SchedulerProcess scheduler = Scheduler("printf 'listening\\tx\\n' >&0\n");
  const auto pass = [&](Duration time) {
    for (Duration passed{}; passed < time; passed += seconds(1)) {
      now_ = now_ + seconds(1);
      (void)scheduler.Check(now_);
    }
    return scheduler.Check(now_);
  };
  env::Process first = Spawn(scheduler);
  EXPECT_TRUE(pass(seconds(300)).ok());
  EXPECT_THAT(pass(seconds(1)).message(), HasSubstr("silent for 301 s"));
  HearAll(scheduler, first);
  EXPECT_TRUE(pass(seconds(12)).ok());
  EXPECT_EQ(pass(seconds(1)).message(), "silent for 13 s");

  env::Process second = Spawn(scheduler);
  EXPECT_TRUE(pass(seconds(300)).ok()) << "the next one starts";
}

}  // namespace
}  // namespace skybridge::launch
