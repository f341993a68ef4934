// SPDX-License-Identifier: Apache-2.0
#include "launch/exit_code.h"

#include <fmt/format.h>

namespace skybridge::launch {

ExitCode ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk: return kSuccess;
    case StatusCode::kCancelled: return kInterrupted;
    case StatusCode::kFenced: return kFencedOff;
    case StatusCode::kStateLost: return kStateLost;
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kNotReady:
    case StatusCode::kStaleMap:
    case StatusCode::kStaleGeneration:
    case StatusCode::kWrongIncarnation:
    case StatusCode::kCorrupt: return kTransient;
    default: return kUserError;
  }
}

bool WorthRestarting(int code) {
  return code == kTransient || code == kFencedOff || code == kInterrupted;  // 130: by a signal.
}

Status StatusOfExit(int code, const std::string& process) {
  const std::string message = fmt::format("{} ended with exit code {}", process, code);
  switch (code) {
    case kSuccess: return {};
    case kTransient: return {StatusCode::kUnavailable, message};
    case kFencedOff: return {StatusCode::kFenced, message};
    case kStateLost: return {StatusCode::kStateLost, message};
    case kInterrupted: return {StatusCode::kCancelled, message};
    default: return {StatusCode::kFailedPrecondition, message};
  }
}

}  // namespace skybridge::launch
