// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_log.h"

#include "launch/files.h"

namespace skybridge::launch {

Result<SchedulerLog> OpenSchedulerLog(const std::string& folder) {
  SKY_RETURN_IF_ERROR(MakeFolder(folder));
  return SchedulerLog{.records = {}, .log = std::make_unique<env::NoRecordLog>()};
}

}  // namespace skybridge::launch
