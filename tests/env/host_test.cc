// SPDX-License-Identifier: Apache-2.0
#include "env/host.h"

#include <unistd.h>

#include <vector>

#include <gtest/gtest.h>

#include "env/system_clock.h"

namespace skybridge::env {
namespace {

TEST(HostTest, ThisProcessAndItsMachineHaveNames) {
  EXPECT_EQ(ProcessId(), static_cast<uint32_t>(getpid()));
  EXPECT_FALSE(HostName().empty());
}

TEST(HostTest, MemoryInUseIsResident) {
  const uint64_t before = ResidentBytes();
  const std::vector<char> block(64 << 20, 'x');
  EXPECT_GE(ResidentBytes(), before + block.size() / 2);
}

TEST(HostTest, ABootHasOneId) {
  EXPECT_FALSE(BootId().empty());
  EXPECT_EQ(BootId(), BootId());
}

TEST(SystemClockTest, NeverGoesBack) {
  SystemClock clock;
  Instant last = clock.Now();
  for (int i = 0; i < 1000; ++i) {
    const Instant now = clock.Now();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_LT(ToSeconds(last.since_start), 60) << "it counts from when it was made";
}

}  // namespace
}  // namespace skybridge::env
