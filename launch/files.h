// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/status.h"

namespace skybridge::launch {

// The whole file; "-" is standard input. Errors: kNotFound, naming the file and the reason.
Result<std::string> ReadFile(const std::string& path);

// Replaces the file at once: a reader sees the old or the new one. Errors: kUnavailable.
Status WriteFile(const std::string& path, std::string_view content);

// Makes the folder and those above it. Errors: kUnavailable.
Status MakeFolder(const std::string& path);

// The absolute form of a path, without `.` and `..`; "" is the current folder.
std::string AbsolutePath(const std::string& path);

}  // namespace skybridge::launch
