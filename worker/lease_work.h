// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "common/node.h"
#include "common/status.h"
#include "proto/wire.pb.h"
#include "worker/calls.h"

namespace skybridge::worker {

// A task that belongs to one piece of work.
class WorkTask : public Task {
 public:
  explicit WorkTask(uint64_t owner) : owner_(owner) {}
  uint64_t owner() const { return owner_; }

 private:
  const uint64_t owner_;
};

// How a lease ended: `done` if OK; else the lease goes back with `status`.
struct LeaseOutcome {
  Status status;
  wire::LeaseDone done;  // Without lease and attempt.
};

// One lease being worked on: a small machine that is told what arrives and says what to send.
class LeaseWork {
 public:
  virtual ~LeaseWork() = default;

  virtual void Begin(Instant now, Effects* out) = 0;
  // An answer to one of its calls.
  virtual void OnAnswer(const Answer& answer, Instant now, Effects* out) = 0;
  // One of its tasks, after it ran.
  virtual void OnTask(WorkTask& task, Instant now, Effects* out) = 0;

  // Slots have moved: the map is another, and all calls of the work were dropped. They move in
  // training alone, so other work can only be late.
  virtual void OnMap(Instant now, Effects* out) {
    (void)now;
    (void)out;
    Fail(Status(StatusCode::kUnavailable, "the shards have other slots now"));
  }

  // Set once there is nothing left to do; no call is pending then.
  const std::optional<LeaseOutcome>& outcome() const { return outcome_; }
  const wire::Progress& progress() const { return progress_; }

 protected:
  void Complete(wire::LeaseDone done) {
    *done.mutable_progress() = progress_;
    outcome_ = LeaseOutcome{Status(), std::move(done)};
  }
  void Fail(Status status) { outcome_ = LeaseOutcome{std::move(status), {}}; }

  wire::Progress progress_;

 private:
  std::optional<LeaseOutcome> outcome_;
};

}  // namespace skybridge::worker
