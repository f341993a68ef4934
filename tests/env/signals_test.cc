// SPDX-License-Identifier: Apache-2.0
#include "env/signals.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SignalWatchTest, RequestsToStopAreCounted) {
  const SignalWatch watch;
  EXPECT_EQ(watch.stops(), 0);
  EXPECT_FALSE(watch.WaitBeyond(0, milliseconds(1)));
  raise(SIGINT);
  EXPECT_EQ(watch.stops(), 1);
  EXPECT_TRUE(watch.WaitBeyond(0, seconds(30)));
  EXPECT_FALSE(watch.WaitBeyond(1, milliseconds(1)));
  raise(SIGTERM);
  EXPECT_TRUE(watch.WaitBeyond(1, seconds(30)));
}

TEST(SignalWatchTest, SignalEndsTheWait) {
  const SignalWatch watch;
  alarm(0);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) {
    kill(self, SIGTERM);
    _exit(0);
  }
  EXPECT_TRUE(watch.WaitBeyond(0, seconds(30)));
}

TEST(SignalWatchTest, BrokenPipesAreIgnoredWhileItExists) {
  const SignalWatch watch;
  raise(SIGPIPE);
  EXPECT_EQ(watch.stops(), 0);
}

TEST(SignalWatchTest, FormerHandlersComeBack) {
  static volatile sig_atomic_t seen = 0;
  const auto former = signal(SIGTERM, [](int) { seen = 1; });
  { const SignalWatch watch; }
  raise(SIGTERM);
  EXPECT_EQ(seen, 1);
  signal(SIGTERM, former);
}

}  // namespace
}  // namespace skybridge::env
