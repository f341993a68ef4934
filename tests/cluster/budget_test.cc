// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

class BudgetTest : public ClusterTest {
 protected:
  // Peak of a process's resident memory so far; 0 if it is gone.
  static uint64_t PeakResidentBytes(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) << 10;
    }
    return 0;
  }

  // Runs the job; the result is the largest peak of its servers that was seen.
  uint64_t ServerPeakOfRun(const std::string& run, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"run", Path("job.pbtxt"), "--hash", "--run_dir",
                                          Path(run)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    env::Process process = Start(arguments, run + ".log");
    uint64_t peak = 0;
    std::optional<env::ProcessExit> exit;
    for (int look = 0; look < 6000 && !exit; ++look) {
      for (const pid_t server : ChildrenOf(process.pid(), {"ps"})) {
        peak = std::max(peak, PeakResidentBytes(server));
      }
      exit = process.Wait(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(exit && exit->ok()) << Read(run + ".log");
    return peak;
  }
};

// Promise: rows beyond a shard's budget change neither the result nor the memory it takes. What a
// server needs besides its rows (code, libraries, RocksDB, messages) is below kBesides.
TEST_F(BudgetTest, TableFourTimesTheBudgetTrainsToTheSameRowsWithinTheBudget) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  constexpr uint64_t kBudget = 8 << 20, kRows = 140000, kRowBytes = 64 * 4 + 20;
  constexpr uint64_t kBesides = 96 << 20;
  static_assert(kRows * kRowBytes >= 4 * kBudget);
  const Outcome made = Call({"generate", "--out", folder(), "--users", std::to_string(kRows),
                             "--items", "120", "--clusters", "6", "--train_per_user", "1"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  WriteJob();
  const std::vector<std::string> wide = {"--set", "query.dim=64",
                                         "--set", "candidate.dim=64",
                                         "--set", "query.hidden=64",
                                         "--set", "training.epochs=1",
                                         "--set", "training.batch=512",
                                         "--set", "negatives.uniform=0",
                                         "--set", "cluster.shard_memory_bytes="};
  const auto with_budget = [&](uint64_t bytes) {
    std::vector<std::string> arguments = wide;
    arguments.back() += std::to_string(bytes);
    return arguments;
  };
  const uint64_t roomy = ServerPeakOfRun("roomy", with_budget(1 << 30));
  const uint64_t tight = ServerPeakOfRun("tight", with_budget(kBudget));
  std::cout << "peak of the server: " << (roomy >> 20) << " MiB with room for all, "
            << (tight >> 20) << " MiB with a budget of " << (kBudget >> 20) << " MiB\n";
  EXPECT_EQ(HashesOf("tight"), HashesOf("roomy"));
  EXPECT_FALSE(HashesOf("tight").empty());
  EXPECT_LE(tight, kBudget + kBesides);
  EXPECT_GE(roomy, tight + kRows * kRowBytes / 2) << "the rows would have fitted";
}

// Promise: the memory that `check` names is enough also where many trainers send wide rows.
TEST_F(BudgetTest, ManyTrainersWithWideRowsStayWithinWhatCheckSays) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  const Outcome made = Call({"generate", "--out", folder(), "--users", "6000", "--items", "2000",
                             "--clusters", "6", "--train_per_user", "4"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  WriteJob();
  const std::vector<std::string> wide = {"--set", "query.dim=1024",
                                         "--set", "candidate.dim=1024",
                                         "--set", "query.hidden=",
                                         "--set", "query.layer_norm=false",
                                         "--set", "training.epochs=1",
                                         "--set", "training.batch=400",
                                         "--set", "data.partition_bytes=16384",
                                         "--set", "negatives.uniform=0",
                                         "--set", "consistency.trainers=20",
                                         "--set", "cluster.shard_memory_bytes=33554432"};
  std::vector<std::string> check = {"check", Path("job.pbtxt"), "--noresolved"};
  check.insert(check.end(), wide.begin(), wide.end());
  const Outcome checked = Call(check);
  ASSERT_EQ(checked.exit_code, 0) << checked.output;
  const std::string lead = "memory of a server: ";
  const size_t at = checked.output.find(lead);
  ASSERT_NE(at, std::string::npos) << checked.output;
  std::istringstream said(checked.output.substr(at + lead.size()));
  double megabytes = 0;
  std::string unit;
  said >> megabytes >> unit;
  ASSERT_EQ(unit, "MB") << checked.output;
  const auto peak = static_cast<double>(ServerPeakOfRun("wide", wide)) / 1e6;
  std::cout << "peak of the server: " << peak << " MB; check says " << megabytes << " MB\n";
  EXPECT_LE(peak, megabytes);
}

}  // namespace
}  // namespace skybridge::cluster
