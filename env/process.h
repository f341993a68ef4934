// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace skybridge::env {

// How a process ended.
struct ProcessExit {
  int code = 0;    // What it returned; meaningless if a signal ended it.
  int signal = 0;  // What ended it; 0: it ended by itself.

  bool ok() const { return code == 0 && signal == 0; }
  // "exit code 3" or "killed by SIGKILL".
  std::string ToString() const;
};

struct ProcessOptions {
  std::vector<std::string> arguments;  // The program first: a path, or a name found in PATH.
  std::string log_path;                // Takes stdout and stderr, at its end; "": as ours.
  int input_fd = -1;                   // Becomes stdin; -1: there is nothing to read.
  int kept_fd = -1;                    // Stays open in the child under its number; -1: none.
};

// A child process that cannot outlive us: the kernel kills it when the thread that spawned it
// ends, however that came about. So spawn from a thread that outlives the child, such as main's.
//
// The child leads its own process group: Ctrl-C on the terminal reaches us and not the child. It
// inherits no files but those that the options name. Use by one thread at a time.
class Process {
 public:
  // Errors: kNotFound         there is no such program;
  //         kUnavailable      it cannot be started, or the log not be opened.
  static Result<Process> Spawn(const ProcessOptions& options);
  // Kills the child if it still runs.
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  // Stays valid after the end.
  pid_t pid() const { return pid_; }
  // How it ended, or nothing while it runs. Repeats give the same answer.
  std::optional<ProcessExit> Poll();
  // Waits for the end, up to `timeout`.
  std::optional<ProcessExit> Wait(Duration timeout);
  // Signals for the child's process group; nothing happens after the end.
  void Terminate();  // SIGTERM: please end.
  void Kill();       // SIGKILL.

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  void Signal(int number);

  pid_t pid_ = 0;
  bool reaped_ = false;
  ProcessExit exit_;
};

// Ends them all: SIGTERM, up to `grace` for all together, then SIGKILL. None runs afterwards.
void StopProcesses(std::span<Process> processes, Duration grace);

}  // namespace skybridge::env
