// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "common/status.h"
#include "common/time.h"
#include "env/process.h"
#include "launch/restart_policy.h"

namespace skybridge::launch {

// One of the processes of a run: its place, filled by one process after the other.
//
// A process that a signal, a transient failure or a successor's fence ended is started again as
// RestartPolicy says, but never before it has been reaped: a former self holds no lock any more.
// One that ended well, or for a reason that a new start cannot change, is not. Use by one thread,
// which outlives it.
class KeptProcess {
 public:
  struct Options {
    std::string name;  // "server-0".
    std::string log;   // Where the process writes.
    RestartPolicyOptions restarts;
    std::function<Result<env::Process>()> spawn;
  };
  explicit KeptProcess(Options options)
      : options_(std::move(options)), policy_(options_.restarts) {}

  // The end of one process.
  struct Exit {
    Status how;          // OK: it has done its work.
    bool final = false;  // Nobody will fill the place again.
    std::string line;    // What happened, and what is done about it; for people. Empty if OK.
    uint32_t pid = 0;    // 0: none could be started.
  };

  // Starts the first process. Errors: those of Process::Spawn.
  Status Start(Instant now, uint64_t progress);
  // Starts the next process if it is due; notices the end of one. `progress`: of the job, a number
  // that only grows.
  std::optional<Exit> Look(Instant now, uint64_t progress);
  // Ends the process if it runs, which does not answer any more: SIGKILL. `why`, as "silent for
  // 12 s", is what its end is put down to. Repeats are harmless.
  void Kill(const std::string& why);
  // Nothing is started again from now on.
  void Retire() {
    start_at_.reset();
    retired_ = true;
  }

  const std::string& name() const { return options_.name; }
  const std::string& log() const { return options_.log; }
  // Null while none runs.
  env::Process* process() { return process_ ? &*process_ : nullptr; }
  // Of the process that runs.
  Duration age(Instant now) const { return now - started_at_; }
  uint32_t restarts() const { return policy_.restarts(); }

 private:
  Exit OnExit(const env::ProcessExit& exit, Instant now, uint64_t progress);
  // The place after an end that may not be the last.
  Exit Again(Status how, std::string line, Instant now, uint64_t progress);

  const Options options_;
  RestartPolicy policy_;
  std::optional<env::Process> process_;
  std::optional<Instant> start_at_;  // When the next one is due.
  Instant started_at_;               // The last one.
  std::string killed_why_;           // Why this process was killed; empty: it was not.
  std::string last_line_;            // How the one before ended.
  bool retired_ = false;
};

}  // namespace skybridge::launch
