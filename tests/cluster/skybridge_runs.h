// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "env/process.h"

namespace skybridge::cluster {

// How long a job may take before it counts as hanging; sanitizers slow it down.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr Duration kPatience = std::chrono::seconds(600);
#else
inline constexpr Duration kPatience = std::chrono::seconds(300);
#endif

// What one call of the skybridge command came to.
struct Outcome {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

// Weights that cannot move, outside lockstep: the counts of the rows are the only thing that the
// tables depend on.
inline const std::vector<std::string> kCounting = {
    "--set", "consistency.staleness=-1",
    "--set", "query.hidden=",
    "--set", "query.layer_norm=false",
    "--set", "table[0]={name: \"user\" optimizer {kind: SGD learning_rate: 1e-40}}",
    "--set", "table[1]={name: \"item\" optimizer {kind: SGD learning_rate: 1e-40}}"};

// Tests that run the real binary in a folder of their own, with data of `skybridge generate`.
class ClusterTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  const std::string& folder() const { return folder_; }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const;
  std::string Read(const std::string& name) const;

  // Log and job of a small training: 300 users, 120 items, narrow towers with a layer.
  void MakeData() const;
  // The job alone.
  void WriteJob() const;
  // Starts `skybridge ARGUMENTS...`; its output goes to the file `log` of the folder.
  env::Process Start(const std::vector<std::string>& arguments, const std::string& log) const;
  // Starts it and waits for the end, at most `limit`; kills it after that.
  Outcome Call(const std::vector<std::string>& arguments, Duration limit = kPatience) const;
  // The same of another program.
  Outcome CallProgram(const std::vector<std::string>& arguments, Duration limit = kPatience) const;
  // `skybridge run` of the small job with --hash; it must train for `clocks_least` clocks. Returns
  // the tables' hashes by name.
  std::map<std::string, std::string> TableHashes(const std::vector<std::string>& arguments,
                                                 uint64_t clocks_least = 0) const;
  // The same of a run that has ended in run folder `run`.
  std::map<std::string, std::string> HashesOf(const std::string& run) const;
  // Waits until `text` stands in a file of the folder; false after `limit`.
  bool WaitForText(const std::string& name, const std::string& text,
                   Duration limit = std::chrono::seconds(60)) const;

 private:
  env::Process Spawn(const std::vector<std::string>& arguments, const std::string& log) const;

  std::string folder_;
  mutable int calls_ = 0;
};

// Pids of the children of `parent` whose command line has all of `words`.
std::vector<pid_t> ChildrenOf(pid_t parent, const std::vector<std::string>& words);

}  // namespace skybridge::cluster
