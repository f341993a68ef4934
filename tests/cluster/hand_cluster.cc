// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/hand_cluster.h"

#include <algorithm>
#include <regex>

namespace skybridge::cluster {

env::Process HandClusterTest::StartScheduler(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"scheduler", Path("job.pbtxt"), "--hash", "--run_dir",
                                        Path("run")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Scheduler(arguments, "run");
}

env::Process HandClusterTest::Resume(const std::string& run) {
  return Scheduler({"scheduler", "--resume", Path(run)}, run);
}

env::Process HandClusterTest::Scheduler(const std::vector<std::string>& arguments,
                                        const std::string& run) {
  env::Process scheduler = Start(arguments, "scheduler.log");
  const std::string in = ", run in " + Path(run) + "\n";
  EXPECT_TRUE(WaitForText("scheduler.log", in)) << Read("scheduler.log");
  const std::string said = Read("scheduler.log");
  std::smatch found;
  const bool matched = std::regex_search(
      said, found, std::regex("scheduler (tcp://[0-9.:]+) of job ([0-9a-f]{32})" + in));
  EXPECT_TRUE(matched) << said;
  if (matched) {
    endpoint_ = found[1];
    job_id_ = found[2];
  }
  return scheduler;
}

void HandClusterTest::Pretend(std::string endpoint, std::string job_id) {
  endpoint_ = std::move(endpoint);
  job_id_ = std::move(job_id);
}

env::Process HandClusterTest::StartNode(const std::string& role,
                                        std::vector<std::string> more) const {
  std::vector<std::string> arguments = {role,       Path("job.pbtxt"), "--scheduler", endpoint_,
                                        "--job_id", job_id_,           "--number",    "0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Start(arguments, role + ".log");
}

env::Process HandClusterTest::StartServer(std::vector<std::string> more) const {
  if (std::ranges::count(more, "--store") == 0) {
    more.insert(more.end(), {"--store", Path("store")});
  }
  return StartNode("ps", std::move(more));
}

env::Process HandClusterTest::StartWorker(std::vector<std::string> more) const {
  return StartNode("worker", std::move(more));
}

}  // namespace skybridge::cluster
