// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"

namespace skybridge::launch {

// The whole file; "-" is standard input. Errors: kNotFound, naming the file and the reason.
Result<std::string> ReadFile(const std::string& path);

// The absolute form of a path, without `.` and `..`; "" is the current folder.
std::string AbsolutePath(const std::string& path);

}  // namespace skybridge::launch
