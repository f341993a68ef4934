// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "scheduler/job_result.h"

namespace skybridge::launch {

// "1.23 M", "45.6 k", "789": at most three digits that count.
std::string ShortCount(double count);
// "2 h 05 min", "3 min 20 s", "12 s".
std::string ShortDuration(double seconds);

// A job at one moment in one line, as
// "train   epoch 2.4  61 %  18.2 k examples/s  loss 1.234  2 min 10 s left".
std::string ProgressLine(const scheduler::JobProgress& progress);

}  // namespace skybridge::launch
