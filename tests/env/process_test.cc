// SPDX-License-Identifier: Apache-2.0
#include "env/process.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "env/file_lock.h"
#include "env/files.h"
#include "env/line_channel.h"
#include "tests/data/scratch_folder.h"

namespace skybridge::env {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ProcessTest : public testing::Test {
 protected:
  Process Shell(const std::string& script) const {
    auto process =
        Process::Spawn({.arguments = {"sh", "-c", script}, .log_path = scratch_.path() + "/log"});
    CHECK(process.has_value()) << process.error();
    return *std::move(process);
  }
  std::string Log() const { return *ReadFile(scratch_.path() + "/log"); }
  // Waits until the log has `text`.
  bool Says(const std::string& text) const {
    Process nap = *Process::Spawn({.arguments = {"sleep", "30"}, .log_path = {}});
    for (int look = 0; look < 1000; ++look) {
      const auto log = ReadFile(scratch_.path() + "/log");
      if (log.has_value() && log->find(text) != std::string::npos) return true;
      (void)nap.Wait(milliseconds(10));
    }
    return false;
  }

  data::ScratchFolder scratch_;
};

TEST_F(ProcessTest, ExitCodeAndOutputComeBack) {
  Process process = Shell("echo hello; echo oops >&2; exit 7");
  const auto exit = process.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->code, 7);
  EXPECT_EQ(exit->signal, 0);
  EXPECT_EQ(exit->ToString(), "exit code 7");
  EXPECT_EQ(Log(), "hello\noops\n");
  EXPECT_EQ(process.Poll()->code, 7) << "asked again";
}

TEST_F(ProcessTest, LogIsContinued) {
  Shell("echo one").Wait(seconds(30));
  Shell("echo two").Wait(seconds(30));
  EXPECT_EQ(Log(), "one\ntwo\n");
}

TEST_F(ProcessTest, SignalThatEndedItIsNamed) {
  Process process = Shell("sleep 60");
  EXPECT_FALSE(process.Poll().has_value());
  EXPECT_FALSE(process.Wait(milliseconds(20)).has_value());
  process.Kill();
  const auto exit = process.Wait(seconds(30));
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_EQ(exit->ToString(), "killed by SIGKILL");
  EXPECT_FALSE(exit->ok());
}

TEST_F(ProcessTest, ProgramThatIsNotThereIsNamed) {
  const auto process = Process::Spawn({.arguments = {"/no/such/program"}, .log_path = {}});
  EXPECT_EQ(process.status().code(), StatusCode::kNotFound);
  EXPECT_NE(process.status().message().find("/no/such/program"), std::string::npos);
}

TEST_F(ProcessTest, LogThatCannotBeOpenedIsAnError) {
  EXPECT_FALSE(
      Process::Spawn({.arguments = {"true"}, .log_path = scratch_.path() + "/no/log"}).has_value());
}

TEST_F(ProcessTest, ChildEndsWithItsObject) {
  pid_t pid = 0;
  {
    const Process process = Shell("sleep 60");
    pid = process.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST_F(ProcessTest, StopAsksFirstAndKillsWhoDoesNotListen) {
  std::vector<Process> processes;
  processes.push_back(Shell("trap 'exit 5' TERM; echo ready1; while :; do sleep 0.01; done"));
  processes.push_back(Shell("trap '' TERM; echo ready2; while :; do sleep 0.01; done"));
  ASSERT_TRUE(Says("ready1") && Says("ready2"));
  StopProcesses(processes, milliseconds(500));
  EXPECT_EQ(processes[0].Poll()->code, 5);
  EXPECT_EQ(processes[1].Poll()->signal, SIGKILL);
}

TEST_F(ProcessTest, StandardInputIsEmpty) {
  EXPECT_EQ(Shell("read line && exit 1; exit 0").Wait(seconds(30))->code, 0);
}

TEST_F(ProcessTest, InputIsWhatItIsGiven) {
  auto channel = *LineChannel::Open();
  Process process = *Process::Spawn({.arguments = {"sh", "-c", "read line; echo \"not $line\" >&0"},
                                     .log_path = scratch_.path() + "/log",
                                     .input_fd = channel.theirs.get()});
  channel.theirs = Descriptor();
  channel.ours.Send("yes");
  ASSERT_TRUE(process.Wait(seconds(30)).has_value());
  EXPECT_EQ(channel.ours.Receive(), std::vector<std::string>{"not yes"});
}

// What the promise that one run at a time uses a folder stands on.
TEST_F(ProcessTest, ChildHoldsTheLockThatItInherits) {
  const std::string path = scratch_.path() + "/lock";
  auto lock = std::make_unique<FileLock>(*FileLock::Take(path, seconds(0)));
  Process other = Shell("sleep 60");
  Process heir = *Process::Spawn(
      {.arguments = {"sleep", "60"}, .log_path = {}, .kept_fd = lock->descriptor()});
  lock.reset();
  const Status refused = FileLock::Take(path, milliseconds(20)).status();
  EXPECT_EQ(refused.code(), StatusCode::kAlreadyExists);
  EXPECT_NE(refused.message().find(std::to_string(getpid())), std::string::npos) << refused;
  heir.Kill();
  EXPECT_TRUE(FileLock::Take(path, seconds(30)).has_value()) << "the other has not inherited it";
}

}  // namespace
}  // namespace skybridge::env
