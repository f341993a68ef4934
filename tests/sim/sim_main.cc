// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string_view>

#include <glog/logging.h>
#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace skybridge::sim {
namespace {

constexpr std::string_view kFlag = "--seed=";

void ParseSeed(std::string_view text) {
  uint64_t seed = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seed);
  CHECK(parsed.ec == std::errc() && parsed.ptr == text.data() + text.size())
      << "seed '" << text << "' is no number";
  SeedFlag() = seed;
}

std::string TestName() {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  CHECK(test != nullptr);
  return std::string(test->test_suite_name()) + "." + test->name();
}

}  // namespace

std::optional<uint64_t>& SeedFlag() {
  static std::optional<uint64_t> seed;
  return seed;
}

std::vector<uint64_t> Seeds(uint64_t begin, uint64_t end) {
  if (SeedFlag()) return {*SeedFlag()};
  std::vector<uint64_t> seeds(end - begin);
  std::iota(seeds.begin(), seeds.end(), begin);
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
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(skybridge::sim::kFlag)) {
      std::cerr << "unknown argument " << argument << "\n";
      return 2;
    }
    skybridge::sim::ParseSeed(argument.substr(skybridge::sim::kFlag.size()));
  }
  // Faults make nodes complain; only a replay wants to hear it.
  if (!skybridge::sim::SeedFlag()) FLAGS_minloglevel = google::FATAL;
  FLAGS_logtostderr = true;
  return RUN_ALL_TESTS();
}
