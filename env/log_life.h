// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "common/status.h"

namespace skybridge::env {

// Two small files beside a SegmentedLog, which say what the log cannot say of itself: PATH, that it
// had begun, so that an empty folder is one whose log is lost; and, while records are answered that
// may not be synced, PATH_boot, the boot id of the machine: if that goes down, their end is lost.
class LogLife {
 public:
  // Reads what former lives left. Errors: those of ReadFile.
  static Result<LogLife> Open(std::string path);

  // Whether a log was there.
  bool begun() const { return begun_; }
  // boot: BootId() now. Errors: kDataLoss if the former life ended with its machine: what the log
  // has is a beginning of what was answered.
  Status CheckWhole(const std::string& boot) const;

  // The log is open, and will be written; durable when it returns. boot: BootId() if records are
  // answered before they are synced, empty if never. Errors: those of WriteFileDurably.
  Status Begin(const std::string& boot);
  // All of it is synced, and nothing more will be written. Needs no room on the disk.
  // Errors: kUnavailable.
  Status End();

 private:
  explicit LogLife(std::string path) : path_(std::move(path)) {}
  std::string boot_path() const { return path_ + "_boot"; }

  std::string path_;
  bool begun_ = false;
  std::optional<std::string> boot_;  // Of the life that did not end, or goes on.
};

}  // namespace skybridge::env
