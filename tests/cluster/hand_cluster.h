// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/cluster/skybridge_runs.h"

namespace skybridge::cluster {

// A cluster of the small job whose processes the test starts one by one, as a launcher would:
// one scheduler, one server, one worker. Logs: scheduler.log, ps.log, worker.log.
class HandClusterTest : public ClusterTest {
 protected:
  // `more` goes to each process. A server's --store is store/ unless that says another.
  env::Process StartScheduler(std::vector<std::string> more = {});
  // Instead: one that goes on with the run in this folder.
  env::Process Resume(const std::string& run);
  // Instead of StartScheduler: what the others are told.
  void Pretend(std::string endpoint, std::string job_id);
  env::Process StartServer(std::vector<std::string> more = {}) const;
  env::Process StartWorker(std::vector<std::string> more = {}) const;

  const std::string& endpoint() const { return endpoint_; }  // Of the scheduler.
  const std::string& job_id() const { return job_id_; }

 private:
  env::Process Scheduler(const std::vector<std::string>& arguments, const std::string& run);
  env::Process StartNode(const std::string& role, std::vector<std::string> more) const;

  std::string endpoint_;
  std::string job_id_;
};

}  // namespace skybridge::cluster
