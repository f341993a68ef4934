// SPDX-License-Identifier: Apache-2.0
#include "launch/kept_process.h"

#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;

// The place "p" of processes that wait for the file "go" and then run a shell script; the test's
// time stands still while it waits for them.
class KeptProcessTest : public testing::Test {
 protected:
  KeptProcess Keep(std::string script, uint32_t futile_max = 3) {
    script_ = std::move(script);
    return KeptProcess({.name = "p",
                        .log = scratch_.path() + "/log",
                        .restarts = {.futile_max = futile_max},
                        .spawn = [this]() -> Result<env::Process> {
                          ++spawned_;
                          if (script_.empty()) return Status(StatusCode::kNotFound, "no program");
                          const std::string wait =
                              "until [ -e " + go_ + " ]; do sleep 0.01; done\n";
                          return env::Process::Spawn({.arguments = {"sh", "-c", wait + script_},
                                                      .log_path = scratch_.path() + "/log"});
                        }});
  }
  // The end of the process that runs. It lived for `life`.
  KeptProcess::Exit EndOf(KeptProcess& kept, Duration life = milliseconds(10)) {
    now_ = now_ + life;
    CHECK(kept.process() != nullptr) << "none runs";
    scratch_.Write("go", "");
    CHECK(kept.process()->Wait(seconds(30)).has_value()) << "it hangs";
    std::filesystem::remove(go_);
    const auto exit = kept.Look(now_, progress_);
    CHECK(exit.has_value());
    return *exit;
  }
  // Looks `after` more; says whether a process runs.
  bool RunsAfter(KeptProcess& kept, Duration after) {
    now_ = now_ + after;
    EXPECT_FALSE(kept.Look(now_, progress_).has_value());
    return kept.process() != nullptr;
  }

  data::ScratchFolder scratch_;
  const std::string go_ = scratch_.path() + "/go";
  std::string script_;
  int spawned_ = 0;
  Instant now_;
  uint64_t progress_ = 0;
};

TEST_F(KeptProcessTest, OneThatHasDoneItsWorkIsNotStartedAgain) {
  KeptProcess kept = Keep("exit 0");
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  const KeptProcess::Exit exit = EndOf(kept);
  EXPECT_TRUE(exit.how.ok());
  EXPECT_TRUE(exit.final);
  EXPECT_EQ(exit.line, "");
  EXPECT_FALSE(RunsAfter(kept, seconds(100)));
  EXPECT_EQ(spawned_, 1);
}

TEST_F(KeptProcessTest, WhatANewStartCannotMendIsFinalAndSaysTheLastWords) {
  for (const int code : {1, 2, 77}) {
    KeptProcess kept = Keep("echo the reason; exit " + std::to_string(code));
    ASSERT_TRUE(kept.Start(now_, 0).ok());
    const KeptProcess::Exit exit = EndOf(kept);
    EXPECT_TRUE(exit.final) << code;
    EXPECT_EQ(exit.how.code(), StatusCode::kFailedPrecondition) << code;
    EXPECT_EQ(exit.line, "p: exit code " + std::to_string(code) + "; " + kept.log() +
                             " ends with: the reason");
    EXPECT_FALSE(RunsAfter(kept, seconds(100)));
  }
}

TEST_F(KeptProcessTest, WhatMayGoBetterIsStartedAgain) {
  const std::vector<std::pair<std::string, StatusCode>> ends = {
      {"exit 3", StatusCode::kUnavailable},    // Transient.
      {"exit 4", StatusCode::kFenced},         // A successor's fence.
      {"exit 130", StatusCode::kUnavailable},  // Somebody sent SIGTERM.
      {"kill -KILL $$", StatusCode::kUnavailable},
      {"kill -SEGV $$", StatusCode::kUnavailable}};
  for (const auto& [script, code] : ends) {
    KeptProcess kept = Keep(script);
    ASSERT_TRUE(kept.Start(now_, 0).ok());
    const KeptProcess::Exit exit = EndOf(kept, seconds(20));
    EXPECT_FALSE(exit.final) << script;
    EXPECT_EQ(exit.how.code(), code) << script;
    EXPECT_THAT(exit.line, EndsWith("; starting it again (restart 1)")) << script;
    EXPECT_EQ(kept.process(), nullptr) << script;
    EXPECT_TRUE(RunsAfter(kept, seconds(0))) << script;
  }
}

TEST_F(KeptProcessTest, FutileStartsWaitLongerAndAreGivenUp) {
  KeptProcess kept = Keep("exit 3", 3);
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  EXPECT_THAT(EndOf(kept).line, EndsWith("; starting it again (restart 1)"));
  ASSERT_TRUE(RunsAfter(kept, seconds(0)));

  EXPECT_THAT(EndOf(kept).line, EndsWith("; starting it again in 0.2 s (restart 2)"));
  EXPECT_FALSE(RunsAfter(kept, milliseconds(199)));
  EXPECT_TRUE(RunsAfter(kept, milliseconds(1)));

  EXPECT_THAT(EndOf(kept).line, EndsWith("; starting it again in 1 s (restart 3)"));
  EXPECT_FALSE(RunsAfter(kept, milliseconds(999)));
  EXPECT_TRUE(RunsAfter(kept, milliseconds(1)));

  const KeptProcess::Exit last = EndOf(kept);
  EXPECT_TRUE(last.final);
  EXPECT_THAT(last.line, EndsWith("; given up after 4 starts in a row that came to nothing"));
  EXPECT_EQ(last.how.message(), last.line);
  EXPECT_FALSE(RunsAfter(kept, seconds(100)));
  EXPECT_EQ(spawned_, 4);
  EXPECT_EQ(kept.restarts(), 3u);
}

// Nine times the same long line would bury the rest.
TEST_F(KeptProcessTest, TheSameEndIsToldInFullOnceAndWhenThePlaceIsGivenUp) {
  KeptProcess kept = Keep("echo no room; exit 3", 2);
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  EXPECT_THAT(EndOf(kept).line, HasSubstr("ends with: no room; starting"));
  ASSERT_TRUE(RunsAfter(kept, seconds(0)));
  EXPECT_EQ(EndOf(kept).line, "p: ended in the same way; starting it again in 0.2 s (restart 2)");
  ASSERT_TRUE(RunsAfter(kept, seconds(1)));
  EXPECT_THAT(EndOf(kept).line, HasSubstr("ends with: no room; given up"));
}

TEST_F(KeptProcessTest, OneThatGetsTheJobOnIsStartedForEver) {
  KeptProcess kept = Keep("exit 3", 2);
  ASSERT_TRUE(kept.Start(now_, progress_).ok());
  for (int life = 0; life < 20; ++life) {
    ++progress_;
    ASSERT_FALSE(EndOf(kept, seconds(2)).final) << life;
    ASSERT_TRUE(RunsAfter(kept, seconds(0))) << life;
  }
}

TEST_F(KeptProcessTest, AStartThatFailsIsAnEndLikeAnother) {
  KeptProcess kept = Keep("exit 3", 2);
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  (void)EndOf(kept);
  script_ = "";
  auto exit = kept.Look(now_, 0);
  ASSERT_TRUE(exit.has_value());
  EXPECT_THAT(exit->line, HasSubstr("p: no program; starting it again in 0.2 s"));
  exit = kept.Look(now_ + seconds(1), 0);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->final);
  EXPECT_EQ(exit->how.code(), StatusCode::kNotFound);
}

TEST_F(KeptProcessTest, RetiredPlaceIsNotFilledAgain) {
  KeptProcess kept = Keep("exit 3");
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  kept.Retire();
  EXPECT_TRUE(EndOf(kept).final);
  EXPECT_FALSE(RunsAfter(kept, seconds(100)));

  KeptProcess due = Keep("exit 3");
  ASSERT_TRUE(due.Start(now_, 0).ok());
  EXPECT_FALSE(EndOf(due).final);
  due.Retire();
  EXPECT_FALSE(RunsAfter(due, seconds(100))) << "it was due";
}

TEST_F(KeptProcessTest, KilledOneIsStartedAgainWithTheReason) {
  KeptProcess kept = Keep("sleep 1000");
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  EXPECT_EQ(kept.age(now_ + seconds(7)), seconds(7));
  kept.Kill("silent for 12 s");
  kept.Kill("silent for 13 s");
  const KeptProcess::Exit exit = EndOf(kept, seconds(12));
  EXPECT_FALSE(exit.final);
  EXPECT_EQ(exit.line, "p: silent for 12 s: killed; starting it again (restart 1)");
  EXPECT_EQ(exit.how.code(), StatusCode::kUnavailable);
  ASSERT_TRUE(RunsAfter(kept, seconds(0)));
  EXPECT_EQ(kept.age(now_), seconds(0));
  kept.process()->Kill();
  EXPECT_THAT(EndOf(kept, seconds(12)).line, HasSubstr("p: killed by SIGKILL;"))
      << "the reason was that of the one before";
}

TEST_F(KeptProcessTest, OneThatEndsBeforeItIsKilledKeepsItsOwnReason) {
  KeptProcess kept = Keep("exit 1");
  ASSERT_TRUE(kept.Start(now_, 0).ok());
  scratch_.Write("go", "");
  ASSERT_TRUE(kept.process()->Wait(seconds(30)).has_value());
  kept.Kill("silent for 12 s");
  const KeptProcess::Exit exit = EndOf(kept);
  EXPECT_TRUE(exit.final);
  EXPECT_THAT(exit.line, HasSubstr("exit code 1"));
  kept.Kill("silent for 12 s");  // None runs.
}

}  // namespace
}  // namespace skybridge::launch
