// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "common/object_store.h"
#include "common/status.h"
#include "launch/node_host.h"
#include "launch/scheduler_watch.h"
#include "scheduler/job_result.h"
#include "scheduler/scheduler_options.h"

namespace skybridge::launch {

// A scheduler, running on a thread of its own, with its log. Goes on with the job whose log is in
// the folder.
class SchedulerRole {
 public:
  struct Options {
    scheduler::SchedulerNodeOptions node;
    std::string log_folder;
    std::unique_ptr<ObjectStore> checkpoints;  // Null: none.
    std::string listen;
    bool insecure_network = false;
  };
  // Errors: kInvalidArgument for options; those of the transport and of OpenSchedulerLog.
  static Result<std::unique_ptr<SchedulerRole>> Start(Options options, ProcessRuntime& runtime);

  const std::string& endpoint() const { return host_->endpoint(); }
  SchedulerWatch& watch() { return watch_; }
  bool ended() const { return host_->ended(); }
  // How the job ended; kCancelled if it has not. Errors: why its scheduler could not go on.
  Result<scheduler::JobResult> result() const;

 private:
  SchedulerRole() = default;

  std::unique_ptr<ObjectStore> checkpoints_;
  SchedulerWatch watch_;
  std::unique_ptr<NodeHost> host_;  // Last, so that it ends first.
};

}  // namespace skybridge::launch
