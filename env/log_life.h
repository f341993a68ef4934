// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"

namespace skybridge::env {

// A small file beside a SegmentedLog, which says what the log cannot say of itself: that it had
// begun, so that an empty folder is one whose log is lost; and whether its end may be lost, because
// records were answered before they were synced and the machine has gone down since.
//
// It holds the boot id of the machine while such records may be there, and "synced" otherwise.
class LogLife {
 public:
  // Reads what former lives left. Errors: kDataLoss if it makes no sense; those of ReadFile.
  static Result<LogLife> Open(std::string path);

  // Whether a log was there.
  bool begun() const { return !state_.empty(); }
  // boot: BootId() now. Errors: kDataLoss if the former life ended with its machine: what the log
  // has is a beginning of what was answered. Says what to do if nothing was lost.
  Status CheckWhole(const std::string& boot) const;

  // The log is open, and will be written; durable when it returns. boot: BootId() if records are
  // answered before they are synced, empty if never. Errors: those of WriteFileDurably.
  Status Begin(const std::string& boot);
  // All of it is synced, and nothing more will be written. Errors: as Begin.
  Status End() { return Begin(""); }

 private:
  explicit LogLife(std::string path) : path_(std::move(path)) {}
  std::string path_;
  std::string state_;  // Empty: there is no file.
};

}  // namespace skybridge::env
