// SPDX-License-Identifier: Apache-2.0
#include "common/status.h"

namespace skybridge {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk: return "ok";
    case StatusCode::kInvalidArgument: return "invalid argument";
    case StatusCode::kNotFound: return "not found";
    case StatusCode::kAlreadyExists: return "already exists";
    case StatusCode::kFailedPrecondition: return "failed precondition";
    case StatusCode::kOutOfRange: return "out of range";
    case StatusCode::kResourceExhausted: return "resource exhausted";
    case StatusCode::kUnavailable: return "unavailable";
    case StatusCode::kDeadlineExceeded: return "deadline exceeded";
    case StatusCode::kDataLoss: return "data loss";
    case StatusCode::kInternal: return "internal error";
    case StatusCode::kCancelled: return "cancelled";
    case StatusCode::kStateLost: return "state lost";
    case StatusCode::kUnknownJob: return "unknown job";
    case StatusCode::kStaleGeneration: return "stale generation";
    case StatusCode::kNotReady: return "not ready";
    case StatusCode::kWrongIncarnation: return "wrong incarnation";
    case StatusCode::kStaleMap: return "stale map";
    case StatusCode::kFenced: return "fenced";
    case StatusCode::kGone: return "gone";
    case StatusCode::kNondeterminism: return "nondeterminism";
    case StatusCode::kCorrupt: return "corrupt";
  }
  return "unknown status";
}

Status Status::WithContext(std::string_view context) const {
  if (ok()) return *this;
  return Status(code_, std::string(context) + ": " + message_, detail_);
}

bool TimeMends(StatusCode refusal) {
  switch (refusal) {
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnavailable:
    case StatusCode::kNotReady:
    case StatusCode::kWrongIncarnation:
    case StatusCode::kStaleMap:
    case StatusCode::kCorrupt: return true;
    default: return false;
  }
}

Status OfOwnState(Status error) {
  if (error.code() != StatusCode::kDataLoss) return error;
  return Status(StatusCode::kStateLost, error.message(), error.detail());
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  return std::string(StatusCodeName(code_)) + ": " + message_;
}

std::ostream& operator<<(std::ostream& out, const Status& status) {
  return out << status.ToString();
}

}  // namespace skybridge
