// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <glog/logging.h>

namespace skybridge {

// The numbers cross the wire (`wire.Error.code`): never renumber.
enum class StatusCode : int {
  kOk = 0,
  kInvalidArgument = 1,  // The request or file is wrong; a retry cannot help.
  kNotFound = 2,
  kAlreadyExists = 3,
  kFailedPrecondition = 4,  // The state forbids it; someone must act first.
  kOutOfRange = 5,          // A position outside what was agreed.
  kResourceExhausted = 6,   // A limit was reached; retry later.
  kUnavailable = 7,         // A peer or device does not answer; retry.
  kDeadlineExceeded = 8,
  kDataLoss = 9,   // Bytes are gone or damaged.
  kInternal = 10,  // A bug.
  kCancelled = 11,
  kStateLost = 12,   // kDataLoss of what a job keeps for itself: a checkpoint may have it.
  kUnknownJob = 20,  // Refusals of docs/protocol.md, identities.
  kStaleGeneration = 21,
  kNotReady = 22,
  kWrongIncarnation = 23,
  kStaleMap = 24,
  kFenced = 25,          // A successor took over: stop.
  kGone = 26,            // The state asked for has moved on.
  kNondeterminism = 27,  // The same push came with other bytes.
  kCorrupt = 28,         // Checksum of a message: resend.
};

std::string_view StatusCodeName(StatusCode code);

// Whether a peer that refuses a request so may serve the very same one later: it is not ready, has
// no room, got it damaged, or the map that names it is about to change.
bool TimeMends(StatusCode refusal);

class Status;
// An error of one who reads what its job keeps for itself: kDataLoss becomes kStateLost.
Status OfOwnState(Status error);

// Outcome of an operation. The message says what was attempted, on what, and what to do; not where.
class [[nodiscard]] Status {
 public:
  Status() = default;  // OK.
  Status(StatusCode code, std::string message, uint64_t detail = 0)
      : code_(code), message_(std::move(message)), detail_(detail) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }
  uint64_t detail() const { return detail_; }

  // The same status with `context` and ": " before its message.
  Status WithContext(std::string_view context) const;
  std::string ToString() const;

  bool operator==(const Status&) const = default;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
  uint64_t detail_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Status& status);

// A value or the status that says why there is none. Names are those of C++23's std::expected.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT: implicit by design.
  Result(Status error) : error_(std::move(error)) {  // NOLINT
    CHECK(!error_.ok()) << "a Result without value needs an error";
  }

  bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Status& error() const {
    CHECK(!has_value());
    return error_;
  }
  // The error, or OK.
  Status status() const { return has_value() ? Status() : error_; }

  T& operator*() & { return Checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->Checked(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->Checked(); }

 private:
  T& Checked() {
    CHECK(value_.has_value()) << "value of a failed Result: " << error_;
    return *value_;
  }

  std::optional<T> value_;
  Status error_;
};

}  // namespace skybridge

// Leaves the function with the error, if there is one.
#define SKY_RETURN_IF_ERROR(expression)                                                        \
  do {                                                                                         \
    if (::skybridge::Status sky_status_ = (expression); !sky_status_.ok()) return sky_status_; \
  } while (false)

#define SKY_CONCAT_INNER_(a, b) a##b
#define SKY_CONCAT_(a, b) SKY_CONCAT_INNER_(a, b)

// SKY_ASSIGN_OR_RETURN(auto file, Open(path)): declares or assigns, or leaves with the error.
#define SKY_ASSIGN_OR_RETURN(target, expression)          \
  auto SKY_CONCAT_(sky_result_, __LINE__) = (expression); \
  if (!SKY_CONCAT_(sky_result_, __LINE__).has_value())    \
    return SKY_CONCAT_(sky_result_, __LINE__).error();    \
  target = *std::move(SKY_CONCAT_(sky_result_, __LINE__))
