// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/skybridge_runs.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "env/child_processes.h"

namespace skybridge::cluster {
namespace {

namespace fs = std::filesystem;

constexpr const char* kJob = R"(
name: "small"
data {
  train { path: "train.tsv" }
  candidates { path: "items.tsv" }
  query_key: "user"
  candidate_key: "item"
  partition_bytes: 8192
}
query { dim: 8 hidden: 16 layer_norm: true feature { column: "user" id {} } }
candidate { dim: 8 feature { column: "item" id {} } }
negatives { uniform: 16 }
training { epochs: 4 batch: 32 }
consistency { trainers: 4 }
evaluation { source { path: "test.tsv" } k: 10 }
)";

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

void ClusterTest::SetUp() {
  std::string name = (fs::temp_directory_path() / "skybridge-cluster-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  folder_ = name;
}

void ClusterTest::TearDown() {
  if (HasFailure()) {
    std::cerr << "kept: " << folder_ << "\n";
    return;
  }
  fs::remove_all(folder_);
}

void ClusterTest::Write(const std::string& name, const std::string& text) const {
  std::ofstream(Path(name), std::ios::binary) << text;
}

std::string ClusterTest::Read(const std::string& name) const { return Slurp(Path(name)); }

void ClusterTest::MakeData() const {
  const Outcome made = Call({"generate", "--out", folder_, "--users", "300", "--items", "120",
                             "--clusters", "6", "--train_per_user", "20"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  WriteJob();
}

void ClusterTest::WriteJob() const { Write("job.pbtxt", kJob); }

env::Process ClusterTest::Start(const std::vector<std::string>& arguments,
                                const std::string& log) const {
  std::vector<std::string> all = {SKYBRIDGE_BINARY};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Spawn(all, log);
}

env::Process ClusterTest::Spawn(const std::vector<std::string>& arguments,
                                const std::string& log) const {
  Result<env::Process> process =
      env::Process::Spawn({.arguments = arguments, .log_path = Path(log)});
  EXPECT_TRUE(process) << process.error();
  return std::move(*process);
}

Outcome ClusterTest::Call(const std::vector<std::string>& arguments, Duration limit) const {
  std::vector<std::string> all = {SKYBRIDGE_BINARY};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return CallProgram(all, limit);
}

Outcome ClusterTest::CallProgram(const std::vector<std::string>& arguments, Duration limit) const {
  const std::string log = "call-" + std::to_string(calls_++) + ".log";
  env::Process process = Spawn(arguments, log);
  const std::optional<env::ProcessExit> exit = process.Wait(limit);
  EXPECT_TRUE(exit.has_value()) << testing::PrintToString(arguments) << " hangs";
  Outcome outcome;
  if (exit && exit->signal == 0) outcome.exit_code = exit->code;
  outcome.output = Read(log);
  return outcome;
}

std::map<std::string, std::string> ClusterTest::TableHashes(
    const std::vector<std::string>& arguments, uint64_t clocks_least) const {
  const std::string run = "run-" + std::to_string(calls_);
  std::vector<std::string> all = {"run", Path("job.pbtxt"), "--hash", "--run_dir", Path(run)};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const Outcome outcome = Call(all);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  const auto result = nlohmann::json::parse(Read(run + "/result.json"), nullptr, false);
  EXPECT_GE(result.is_discarded() ? 0 : result.value("steps", uint64_t{0}), clocks_least);
  return HashesOf(run);
}

std::map<std::string, std::string> ClusterTest::HashesOf(const std::string& run) const {
  const auto result = nlohmann::json::parse(Read(run + "/result.json"), nullptr, false);
  std::map<std::string, std::string> hashes;
  if (result.is_discarded() || !result.contains("tables")) return hashes;
  for (const auto& table : result["tables"]) {
    hashes[table["name"].get<std::string>()] = table["hash"].get<std::string>();
  }
  return hashes;
}

bool ClusterTest::WaitForText(const std::string& name, const std::string& text,
                              Duration limit) const {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    if (Read(name).find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

std::vector<pid_t> ChildrenOf(pid_t parent, const std::vector<std::string>& words) {
  std::vector<pid_t> found;
  for (const env::ChildProcess& child : env::ChildrenOf(parent)) {
    if (std::ranges::all_of(words, [&child](const std::string& word) {
          return std::ranges::count(child.arguments, word) > 0;
        })) {
      found.push_back(child.pid);
    }
  }
  return found;
}

}  // namespace skybridge::cluster
