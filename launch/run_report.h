// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "launch/run_folder.h"
#include "scheduler/job_result.h"

namespace skybridge::launch {

// A path as one would type it in the current folder.
std::string ShownPath(const std::string& path);

// What a job achieved, to print: for people, or as JSON.
std::string ResultText(const scheduler::JobResult& result, const RunFolder& folder, double seconds,
                       bool json);

}  // namespace skybridge::launch
