// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string_view>

#include <glog/logging.h>
#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace skybridge::sim {
namespace {

uint64_t ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  CHECK(parsed.ec == std::errc() && parsed.ptr == text.data() + text.size())
      << "'" << text << "' is no number";
  return number;
}

// False if it is no flag of ours.
bool ParseFlag(std::string_view argument) {
  constexpr std::string_view kSeed = "--seed=";
  constexpr std::string_view kOffset = "--seed_offset=";
  if (argument.starts_with(kSeed)) {
    Flags().only = ParseNumber(argument.substr(kSeed.size()));
  } else if (argument.starts_with(kOffset)) {
    Flags().offset = ParseNumber(argument.substr(kOffset.size()));
  } else {
    return false;
  }
  return true;
}

std::string TestName() {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  CHECK(test != nullptr);
  return std::string(test->test_suite_name()) + "." + test->name();
}

}  // namespace

SeedFlags& Flags() {
  static SeedFlags flags;
  return flags;
}

std::vector<uint64_t> Seeds(uint64_t begin, uint64_t end) {
  if (Flags().only) return {*Flags().only};
  std::vector<uint64_t> seeds(end - begin);
  std::iota(seeds.begin(), seeds.end(), begin + Flags().offset);
  return seeds;
}

std::string ReplayCommand(uint64_t seed) {
  return "build/release/tests/sim/sim_test --gtest_filter=" + TestName() +
         " --seed=" + std::to_string(seed);
}

std::string EmptyTestFolder() {
  std::string name = TestName();
  for (char& c : name) c = c == '/' ? '_' : c;
  const std::string folder = testing::TempDir() + "skybridge_sim/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace skybridge::sim

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // ctest passes no arguments: SKYBRIDGE_SEED stands for --seed there.
  if (const char* seed = std::getenv("SKYBRIDGE_SEED")) {  // NOLINT(concurrency-mt-unsafe)
    skybridge::sim::Flags().only = skybridge::sim::ParseNumber(seed);
  }
  for (int i = 1; i < argc; ++i) {
    if (skybridge::sim::ParseFlag(argv[i])) continue;
    LOG(ERROR) << "unknown argument " << argv[i] << "; known: --seed=N, --seed_offset=N";
    return 2;
  }
  // Faults make nodes complain; only a replay wants to hear it.
  if (!skybridge::sim::Flags().only) FLAGS_minloglevel = google::FATAL;
  FLAGS_logtostderr = true;
  return RUN_ALL_TESTS();
}
