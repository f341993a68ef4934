// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "tests/cluster/fault_shim.h"
#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

namespace fs = std::filesystem;

// Where calls are counted, below the run's folder.
struct Place {
  const char* name;
  const char* folder;
};
const Place kPlaces[] = {{"ShardLog", "store/shard-0/log"},
                         {"Rows", "store/shard-0/db"},
                         {"SchedulerLog", "scheduler"},
                         {"Temp", "temp"},
                         {"Export", "export"},
                         {"Result", "result.json"}};

struct Kind {
  const char* name;
  uint32_t error;
};
const Kind kKinds[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"short", FaultState::kShort}};

// How many of the calls fail, one in each run; SKYBRIDGE_ALL_FAULTS asks for all, with all kinds.
constexpr uint64_t kSample = 6;
bool AllFaults() {
  return std::getenv("SKYBRIDGE_ALL_FAULTS") != nullptr;
}  // NOLINT(concurrency-mt-unsafe)

// Runs whose n-th call that changes a file of one place fails.
class DiskFaultRuns : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeData();
    const int fd = open(Path("state").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(ftruncate(fd, sizeof(FaultState)), 0);
    void* const memory =
        mmap(nullptr, sizeof(FaultState), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    ASSERT_NE(memory, MAP_FAILED);
    state_ = static_cast<FaultState*>(memory);
  }
  void TearDown() override {
    munmap(state_, sizeof(FaultState));
    ClusterTest::TearDown();
  }
  void Arm(uint64_t fail_at, uint32_t error, const std::string& folder) const {
    state_->calls = 0;
    state_->failed = 0;
    state_->fail_at = fail_at;
    state_->error = error;
    const std::string under = Path(folder);
    ASSERT_LT(under.size(), sizeof state_->under);
    strcpy(state_->under, under.c_str());
    memset(state_->what, 0, sizeof state_->what);
  }
  Outcome Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"env", std::string("LD_PRELOAD=") + SKYBRIDGE_FAULT_SHIM,
                      "SKYBRIDGE_FAULT_STATE=" + Path("state"), SKYBRIDGE_BINARY});
    return CallProgram(arguments);
  }
  Outcome RunJob(const std::string& run, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"run",
                                          Path("job.pbtxt"),
                                          "--hash",
                                          "--run_dir",
                                          Path(run),
                                          "--set",
                                          "training.epochs=2",
                                          "--set",
                                          "cluster.shard_memory_bytes=2097152"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(std::move(arguments));
  }
  // Files of an export by name, without what tells of the run's time and place.
  std::map<std::string, std::string> ExportOf(const std::string& run) const {
    std::map<std::string, std::string> files;
    const fs::path folder = Path(run) + "/export";
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = fs::relative(entry.path(), folder).string();
      if (!entry.is_regular_file() || !name.ends_with(".npy")) continue;
      // The attempt that made it is part of its name.
      const size_t attempt = name.find(".a");
      files[name.substr(0, attempt) + name.substr(name.find('.', attempt + 1))] =
          Read(run + "/export/" + name);
    }
    return files;
  }

  FaultState* state_ = nullptr;
};

// Promise: a shard whose disk failed is started again, also if its server has others.
TEST_F(DiskFaultRuns, AServerOfSeveralShardsStartsAgainWhenOneOfThemFails) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers have to be loaded first";
#endif
  const std::vector<std::string> more = {"--set", "cluster.shards_per_server=2", "--set",
                                         "training.epochs=5"};
  Arm(0, 0, "calm/store/shard-1/log");
  ASSERT_EQ(RunJob("calm", more).exit_code, 0);
  ASSERT_GT(state_->calls, 4u);
  Arm(state_->calls / 2, EIO, "hurt/store/shard-1/log");
  const Outcome hurt = RunJob("hurt", more);
  EXPECT_EQ(hurt.exit_code, 0) << hurt.output;
  EXPECT_EQ(state_->failed, 1u);
  EXPECT_EQ(HashesOf("hurt"), HashesOf("calm"));
}

class DiskFaultTest : public DiskFaultRuns, public testing::WithParamInterface<Place> {
 protected:
  void Arm(uint64_t fail_at, uint32_t error, const std::string& run) const {
    DiskFaultRuns::Arm(fail_at, error, run + "/" + GetParam().folder);
  }
};

// F4. Promise: a call that fails costs time, or the run's end by name, never a wrong result.
TEST_P(DiskFaultTest, FailingCallLeavesTheRightResultOrAnEndByName) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers have to be loaded first";
#endif
  Arm(0, 0, "calm");
  const Outcome calm = RunJob("calm");
  ASSERT_EQ(calm.exit_code, 0) << calm.output;
  const uint64_t calls = state_->calls;
  ASSERT_GT(calls, 0u) << "nothing is written there";
  const auto hashes = HashesOf("calm");
  const auto exported = ExportOf("calm");
  ASSERT_FALSE(hashes.empty());
  ASSERT_FALSE(exported.empty());

  std::map<std::string, int> ends;
  const uint64_t step = AllFaults() ? 1 : std::max<uint64_t>(1, (calls - 1) / (kSample - 1));
  for (uint64_t n = 1; n <= calls; n += step) {
    for (size_t kind = 0; kind < std::size(kKinds); ++kind) {
      if (!AllFaults() && kind != n / step % std::size(kKinds)) continue;
      SCOPED_TRACE(testing::Message() << "call " << n << " of " << calls << " in "
                                      << GetParam().folder << ", " << kKinds[kind].name);
      const std::string run = "run-" + std::to_string(n) + "-" + kKinds[kind].name;
      Arm(n, kKinds[kind].error, run);
      Outcome outcome = RunJob(run);
      std::string end = state_->failed == 0 ? "not reached" : state_->what;
      if (outcome.exit_code != 0) {
        const bool lost = outcome.output.find("Corruption") != std::string::npos;
        ASSERT_TRUE(outcome.exit_code == 1 || outcome.exit_code == 3 ||
                    (lost && outcome.exit_code == 5))
            << outcome.output;
        EXPECT_TRUE(outcome.output.find("rror") != std::string::npos ||
                    outcome.output.find("space") != std::string::npos)
            << "no reason: " << outcome.output;
        end += ", run ended with " + std::to_string(outcome.exit_code);
        outcome = Run({"run", "--resume", Path(run), "--hash"});
      }
      if (outcome.exit_code == 0) {
        EXPECT_EQ(HashesOf(run), hashes) << outcome.output;
        EXPECT_EQ(ExportOf(run), exported) << outcome.output;
        end += ", right result";
      } else {
        // RocksDB 7.8 removes a file that its MANIFEST names if that cannot be synced: the rows
        // are lost, as with the disk.
        EXPECT_NE(outcome.output.find("Corruption"), std::string::npos) << outcome.output;
        end += ", refused for good";
      }
      ++ends[end];
      if (!HasFailure()) fs::remove_all(Path(run));
    }
  }
  for (const auto& [end, count] : ends) std::cout << count << " x " << end << "\n";
}

INSTANTIATE_TEST_SUITE_P(Places, DiskFaultTest, testing::ValuesIn(kPlaces),
                         [](const auto& it) { return std::string(it.param.name); });

}  // namespace
}  // namespace skybridge::cluster
