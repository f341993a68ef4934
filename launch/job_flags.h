// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/status.h"
#include "launch/job_file.h"

namespace skybridge::launch {

// Flags of all commands that read a job file: --set, --data.
std::vector<std::string> JobFlags();
std::vector<std::string> JobFlagsAnd(std::vector<std::string> more);

// The job at `path`, as those flags change it.
Result<LoadedJob> LoadJobByFlags(const std::string& path);

}  // namespace skybridge::launch
