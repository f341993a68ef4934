// SPDX-License-Identifier: Apache-2.0
#include "env/child_processes.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include <gtest/gtest.h>

#include "env/process.h"

namespace skybridge::env {
namespace {

using std::chrono::seconds;

const ChildProcess* Find(const std::vector<ChildProcess>& children, pid_t pid) {
  const auto it = std::ranges::find(children, pid, &ChildProcess::pid);
  return it == children.end() ? nullptr : &*it;
}

TEST(ChildProcessesTest, ChildrenAreShownWithTheirArgumentsUntilTheyEnd) {
  Process first = *Process::Spawn({.arguments = {"sleep", "60"}, .log_path = {}});
  Process second = *Process::Spawn({.arguments = {"sleep", "61"}, .log_path = {}});
  auto children = ChildrenOf(getpid());
  EXPECT_TRUE(std::ranges::is_sorted(children, {}, &ChildProcess::pid));
  ASSERT_NE(Find(children, first.pid()), nullptr);
  EXPECT_EQ(Find(children, first.pid())->arguments, (std::vector<std::string>{"sleep", "60"}));
  ASSERT_NE(Find(children, second.pid()), nullptr);

  kill(first.pid(), SIGSTOP);
  EXPECT_NE(Find(ChildrenOf(getpid()), first.pid()), nullptr) << "it is stopped, not gone";
  first.Kill();
  ASSERT_TRUE(first.Wait(seconds(30)).has_value());
  children = ChildrenOf(getpid());
  EXPECT_EQ(Find(children, first.pid()), nullptr);
  EXPECT_NE(Find(children, second.pid()), nullptr);
}

TEST(ChildProcessesTest, OthersChildrenAreNotOurs) {
  Process process = *Process::Spawn({.arguments = {"sleep", "60"}, .log_path = {}});
  EXPECT_TRUE(ChildrenOf(process.pid()).empty());
}

}  // namespace
}  // namespace skybridge::env
