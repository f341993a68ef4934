// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_role.h"

#include <utility>

#include "launch/scheduler_log.h"

namespace skybridge::launch {

Result<std::unique_ptr<SchedulerRole>> SchedulerRole::Start(Options options,
                                                            ProcessRuntime& runtime) {
  SKY_RETURN_IF_ERROR(options.node.Validate());
  std::unique_ptr<SchedulerRole> role(new SchedulerRole);
  role->checkpoints_ = std::move(options.checkpoints);
  SKY_ASSIGN_OR_RETURN(role->host_,
                       NodeHost::Create(runtime, {.listen = options.listen,
                                                  .frame_bytes_max = env::kSchedulerFrameBytesMax,
                                                  .insecure_network = options.insecure_network}));
  SKY_ASSIGN_OR_RETURN(SchedulerLog log, OpenSchedulerLog(options.log_folder));
  auto node = role->watch_.MakeNode(options.node, log.records, role->checkpoints_.get());
  if (!node) return OfOwnState(node.error());
  role->host_->Start(*std::move(node), std::move(log.log));
  return role;
}

Result<scheduler::JobResult> SchedulerRole::result() const {
  if (ended()) SKY_RETURN_IF_ERROR(host_->loop_status());
  return watch_.result();
}

}  // namespace skybridge::launch
