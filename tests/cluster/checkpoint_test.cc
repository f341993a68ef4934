// SPDX-License-Identifier: Apache-2.0
// Checkpoints of real runs: what they are good for.
#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Words operator+(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

struct Loss;

class CheckpointTest : public ClusterTest {
 protected:
  static Words JobOf(int epochs) {
    return {"--set", "training.epochs=" + std::to_string(epochs), "--set", "evaluation="};
  }
  // The tables' hashes of a run that nothing happens to, in run folder `calm`.
  std::map<std::string, std::string> Calm(const Words& job) const {
    const Outcome outcome =
        Call(Words{"run", Path("job.pbtxt"), "--hash", "--run_dir", Path("calm")} + job);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return HashesOf("calm");
  }
  // Begins a run that makes checkpoints; returns once it has some and trains on.
  env::Process StartRun(const std::string& run, const Words& job, int servers) const {
    env::Process process =
        Start(Words{"run", Path("job.pbtxt"), "--hash", "--run_dir", Path(run), "--set",
                    "checkpoint={every_s: 0.1}", "--set",
                    "cluster.servers=" + std::to_string(servers), "--set", "cluster.workers=2"} +
                  job,
              run + ".log");
    for (int tries = 0; tries < 3000; ++tries) {
      if (Rounds(run).size() >= 2) return process;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "no checkpoints: " << Read(run + ".log");
    return process;
  }
  // Those of its checkpoints.
  std::set<int> Rounds(const std::string& run) const {
    const Outcome list = Call({"checkpoint", "list", Path(run)});
    std::istringstream lines(list.output);
    std::set<int> rounds;
    for (std::string line; std::getline(lines, line);) rounds.insert(std::atoi(line.c_str()));
    rounds.erase(0);  // Other lines.
    return rounds;
  }
  void EndWell(env::Process& run, const std::string& name) const {
    const auto exit = run.Wait(kPatience);
    ASSERT_TRUE(exit && exit->ok()) << Read(name + ".log");
  }
  // Lets a running run lose something, and the one who had it die.
  void Lose(const env::Process& run, const Loss& loss) const;
  uint64_t ExamplesOf(const std::string& run) const {
    return nlohmann::json::parse(Read(run + "/result.json"))["examples_trained"];
  }
  // Stops a run, goes on from its checkpoints with other numbers of servers, and compares.
  void RestoreWith(const Words& job, const std::vector<int>& sizes) const;
};

// Overwrites what lies in the middle of all files of a folder.
void Damage(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(1540);
    file << std::string(200, 'x');
  }
}

// What a run can lose while it trains, on two servers, and the process that notices.
struct Loss {
  std::string name;
  Words victim;
  void (*lose)(const std::string& run);
};
const Loss kLosses[] = {
    {"store",
     {"ps", "--number", "1"},
     [](const std::string& run) { fs::remove_all(run + "/store/shard-1"); }},
    {"rows",
     {"ps", "--number", "1"},
     [](const std::string& run) { fs::remove_all(run + "/store/shard-1/db"); }},
    {"log",
     {"ps", "--number", "1"},
     [](const std::string& run) { Damage(run + "/store/shard-1/log"); }},
    // As its machine would find it after a power cut.
    {"power",
     {"ps", "--number", "1"},
     [](const std::string& run) {
       std::ofstream(run + "/store/shard-1/log_life_boot") << "another";
     }},
    {"history", {"run_scheduler"}, [](const std::string& run) { Damage(run + "/scheduler"); }},
    {"no-history", {"run_scheduler"}, [](const std::string& run) {
       fs::remove_all(run + "/scheduler");
     }}};

void CheckpointTest::Lose(const env::Process& run, const Loss& loss) const {
  const auto victims = ChildrenOf(run.pid(), loss.victim);
  ASSERT_EQ(victims.size(), 1u);
  kill(victims[0], SIGSTOP);  // So that it writes nothing more.
  loss.lose(Path(loss.name));
  kill(victims[0], SIGKILL);
}

// Promise: a checkpoint that is damaged, however, is not gone back to, if there is another.
TEST_F(CheckpointTest, TheNewestSoundOneIsGoneBackTo) {
  MakeData();
  const Words job = JobOf(100);
  const auto expected = Calm(job);
  using Spoil = std::function<void(const std::string& manifest, const std::string& store)>;
  const Spoil tear = [&](const std::string& manifest, const std::string&) {
    Write(manifest, "torn");
  };
  const Spoil flip_bit = [&](const std::string& manifest, const std::string&) {
    std::string text = Read(manifest);
    text[text.find_first_of("0123456789")] ^= 2;  // Its format.
    Write(manifest, text);
  };
  const Spoil hide_object = [&](const std::string& manifest, const std::string& store) {
    const std::string text = Read(manifest);
    const size_t key = text.find("objects/");
    const std::string object = Path(store) + "/" + text.substr(key, text.find('"', key) - key);
    ASSERT_TRUE(fs::remove(object)) << object;
    fs::create_directory(object);  // What is there cannot be read.
  };
  const std::pair<std::string, Spoil> ways[] = {
      {"torn", tear}, {"flipped", flip_bit}, {"hidden", hide_object}};
  for (const auto& [name, spoil] : ways) {
    env::Process run = StartRun(name, job, 2);
    const auto schedulers = ChildrenOf(run.pid(), {"run_scheduler"});
    ASSERT_EQ(schedulers.size(), 1u);
    kill(schedulers[0], SIGSTOP);  // So that there will be no newer one.
    const std::set<int> rounds = Rounds(name);
    const std::string store = name + "/checkpoints";
    spoil(fmt::format("{}/manifests/MANIFEST-{:08}", store, *rounds.rbegin()), store);
    Damage(Path(name + "/scheduler"));
    kill(schedulers[0], SIGKILL);
    EndWell(run, name);
    const std::string log = Read(name + ".log");
    EXPECT_NE(log.find(fmt::format("went back to checkpoint {}\n", *std::next(rounds.rbegin()))),
              std::string::npos)
        << log;
    EXPECT_EQ(HashesOf(name), expected) << name;
  }
}

// Promise: whatever a disk loses, the job goes back to a checkpoint by itself, and its result is
// the same.
TEST_F(CheckpointTest, AfterALostDiskTheRunGoesBackAndTheResultIsTheSame) {
  MakeData();
  const Words job = JobOf(100);
  const auto expected = Calm(job);
  for (const Loss& loss : kLosses) {
    env::Process run = StartRun(loss.name, job, 2);
    Lose(run, loss);
    EndWell(run, loss.name);
    EXPECT_NE(Read(loss.name + ".log").find("went back to checkpoint"), std::string::npos)
        << Read(loss.name + ".log");
    EXPECT_EQ(HashesOf(loss.name), expected) << loss.name;
    EXPECT_EQ(ExamplesOf(loss.name), ExamplesOf("calm")) << loss.name;
  }
}

// Promise: a run that finds a sound checkpoint, but no room to go back to it, can do so later.
TEST_F(CheckpointTest, WhatKeepsARunFromGoingBackIsMendedAndItGoesBackOnceItIsResumed) {
  MakeData();
  const Words job = JobOf(100);
  const auto expected = Calm(job);
  for (const Loss& loss : kLosses) {
    if (loss.victim[0] == "ps" && loss.name != "store") continue;  // These are noticed alike.
    env::Process run = StartRun(loss.name, job, 2);
    // The new state does not get its name.
    fs::create_directories(Path(loss.name) + "/rolled_back/taken");
    Lose(run, loss);
    const auto exit = run.Wait(kPatience);
    const std::string log = Read(loss.name + ".log");
    ASSERT_TRUE(exit && exit->code == 3) << loss.name << ": " << log;
    EXPECT_NE(log.find("to go on: skybridge run --resume"), std::string::npos) << log;
    const Outcome resumed = Call({"run", "--resume", Path(loss.name)});
    ASSERT_EQ(resumed.exit_code, 0) << loss.name << ": " << resumed.output;
    EXPECT_NE(resumed.output.find("went back to checkpoint"), std::string::npos) << resumed.output;
    EXPECT_EQ(HashesOf(loss.name), expected) << loss.name;
  }
}

// Promise: a disk that does not answer for now has not lost its checkpoints.
TEST_F(CheckpointTest, CheckpointsThatCannotBeReadAreGoneBackToOnceTheyCanBe) {
  MakeData();
  const Words job = JobOf(100);
  const auto expected = Calm(job);
  const Loss& loss = kLosses[0];
  env::Process run = StartRun(loss.name, job, 2);
  const std::string objects = Path(loss.name + "/checkpoints/objects"), file = Path("no-folder");
  const auto exchange = [&] {
    return renameat2(AT_FDCWD, objects.c_str(), AT_FDCWD, file.c_str(), RENAME_EXCHANGE);
  };
  Write("no-folder", "");
  ASSERT_EQ(exchange(), 0);
  Lose(run, loss);
  const auto exit = run.Wait(kPatience);
  const std::string log = Read(loss.name + ".log");
  ASSERT_TRUE(exit && exit->code == 3) << log;
  EXPECT_NE(log.find("to go on: skybridge run --resume"), std::string::npos) << log;
  ASSERT_EQ(exchange(), 0);
  const Outcome resumed = Call({"run", "--resume", Path(loss.name)});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_NE(resumed.output.find("went back to checkpoint"), std::string::npos) << resumed.output;
  EXPECT_EQ(HashesOf(loss.name), expected);
}

// Promise: neither has one that is away, and whose place is not to be written to.
TEST_F(CheckpointTest, CheckpointsThatAreAwayAreGoneBackToOnceTheyAreThere) {
  MakeData();
  const Words path = {"--set", "checkpoint.path=" + Path("disk/of/many")};
  const auto expected = Calm(JobOf(100));
  const Loss& loss = kLosses[5];
  env::Process run = StartRun(loss.name, JobOf(100) + path, 2);
  fs::create_symlink("/sys", Path("not-permitted"));  // EPERM
  const auto exchange = [&] {
    return renameat2(AT_FDCWD, Path("disk").c_str(), AT_FDCWD, Path("not-permitted").c_str(),
                     RENAME_EXCHANGE);
  };
  ASSERT_EQ(exchange(), 0);
  Lose(run, loss);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && !exit->ok()) << Read(loss.name + ".log");
  const Outcome away = Call({"run", "--resume", Path(loss.name)});
  EXPECT_EQ(away.exit_code, 3) << away.output;
  EXPECT_NE(away.output.find("to go on: skybridge run --resume"), std::string::npos) << away.output;
  ASSERT_EQ(exchange(), 0);
  const Outcome resumed = Call({"run", "--resume", Path(loss.name)});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_NE(resumed.output.find("went back to checkpoint"), std::string::npos) << resumed.output;
  EXPECT_EQ(HashesOf(loss.name), expected);
}

TEST_F(CheckpointTest, WithoutCheckpointsALostDiskEndsTheJobAndSaysSo) {
  MakeData();
  for (const std::string lost : {"store", "store/shard-0/log"}) {
    const std::string name = "run-" + std::to_string(lost.size()), log = name + ".log";
    env::Process run =
        Start(Words{"run", Path("job.pbtxt"), "--run_dir", Path(name)} + JobOf(2000), log);
    ASSERT_TRUE(WaitForText(log, "train ")) << Read(log);
    const auto servers = ChildrenOf(run.pid(), {"ps"});
    ASSERT_EQ(servers.size(), 1u);
    kill(servers[0], SIGSTOP);
    fs::remove_all(Path(name + "/" + lost));
    kill(servers[0], SIGKILL);
    const auto exit = run.Wait(kPatience);
    ASSERT_TRUE(exit.has_value());
    EXPECT_EQ(exit->code, 5) << lost << ": " << Read(log);
    EXPECT_NE(Read(log).find("the job makes no checkpoints to go back to"), std::string::npos)
        << lost << ": " << Read(log);
  }
}

void CheckpointTest::RestoreWith(const Words& job, const std::vector<int>& sizes) const {
  MakeData();
  const auto expected = Calm(job);
  std::string from = "run";
  env::Process run = StartRun(from, job, 3);
  kill(run.pid(), SIGINT);
  const auto exit = run.Wait(kPatience);
  ASSERT_TRUE(exit && exit->code == 130) << Read("run.log");
  for (const int servers : sizes) {
    const std::string to = "restored-" + std::to_string(servers);
    const Outcome restored =
        Call({"checkpoint", "restore", Path(from), "--run_dir", Path(to), "--hash", "--set",
              "cluster.servers=" + std::to_string(servers), "--set", "checkpoint={every_s: 5}"});
    ASSERT_EQ(restored.exit_code, 0) << restored.output;
    const Outcome ended = Call({"run", "--resume", Path(to)});
    ASSERT_EQ(ended.exit_code, 0) << ended.output;
    EXPECT_EQ(HashesOf(to), expected) << servers << " servers";
    EXPECT_EQ(ExamplesOf(to), ExamplesOf("calm")) << servers << " servers";
  }
}

// Promise: what cannot be is refused before a checkpoint is read, which may take an hour.
TEST_F(CheckpointTest, ARestoreLooksAtWhatIsAskedBeforeItReads) {
  MakeData();
  env::Process run = StartRun("run", JobOf(100), 1);
  kill(run.pid(), SIGINT);
  ASSERT_TRUE(run.Wait(kPatience).has_value()) << Read("run.log");
  for (const auto& entry : fs::recursive_directory_iterator(Path("run") + "/checkpoints/objects")) {
    if (entry.is_regular_file() && entry.path().extension() == ".sst") {
      fs::resize_file(entry.path(), entry.file_size() - 1);
    }
  }
  const Words restore = {"checkpoint", "restore", Path("run"), "--run_dir", Path("again")};
  const Outcome fixed = Call(restore + Words{"--set", "training.epochs=7"});
  EXPECT_EQ(fixed.exit_code, 1) << fixed.output;
  EXPECT_NE(fixed.output.find("fixed by the checkpoint"), std::string::npos) << fixed.output;
  fs::create_directories(Path("kept"));
  Write("kept/MANIFEST.json", "{}");
  const Outcome kept = Call(restore + Words{"--set", "export.path=" + Path("kept")});
  EXPECT_EQ(kept.exit_code, 1) << kept.output;
  EXPECT_NE(kept.output.find("there is an export"), std::string::npos) << kept.output;
  const Outcome damaged = Call(restore);
  EXPECT_EQ(damaged.exit_code, 1) << damaged.output;
  EXPECT_EQ(damaged.output.find("fixed by the checkpoint"), std::string::npos) << damaged.output;
  EXPECT_NE(damaged.output.find(".sst"), std::string::npos) << damaged.output;
}

// Promise: a restore that was killed is repeated with the same command line.
TEST_F(CheckpointTest, ARestoreThatWasKilledIsRepeatedInItsFolder) {
  MakeData();
  env::Process run = StartRun("run", JobOf(100), 2);
  kill(run.pid(), SIGINT);
  ASSERT_TRUE(run.Wait(kPatience).has_value()) << Read("run.log");
  const Words restore = {"checkpoint",  "restore", Path("run"),        "--run_dir",
                         Path("again"), "--set",   "cluster.servers=3"};
  size_t killed = 0;
  for (int ms = 6; !fs::exists(Path("again") + "/run.json"); ms += ms / 3) {
    env::Process process = Start(restore, "restore.log");
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    if (process.Poll()) break;
    kill(process.pid(), SIGKILL);
    ASSERT_TRUE(process.Wait(kPatience).has_value());
    ++killed;
  }
  EXPECT_GT(killed, 2u) << "the test asked for nothing";
  if (!fs::exists(Path("again") + "/run.json")) {
    const Outcome restored = Call(restore);
    ASSERT_EQ(restored.exit_code, 0) << restored.output << Read("restore.log");
  }
  const Outcome ended = Call({"run", "--resume", Path("again")});
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
}

// Promise: a checkpoint that was made in mid-epoch goes on with any number of servers, to the same
// bits.
TEST_F(CheckpointTest, InLockstepAnyNumberOfServersGoesOnToTheSameTables) {
  RestoreWith(JobOf(100), {1, 2, 5, 8});
}

// Promise: outside lockstep each batch counts once, however the pushes were under way.
TEST_F(CheckpointTest, OutsideLockstepAnyNumberOfServersCountsEachBatchOnce) {
  RestoreWith(kCounting + JobOf(100), {1, 2, 5, 8});
}

}  // namespace
}  // namespace skybridge::cluster
