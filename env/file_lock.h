// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "common/status.h"
#include "common/time.h"
#include "env/descriptor.h"

namespace skybridge::env {

// A file that one process holds at a time. The system lets it go when the process has ended,
// however that came about; the file stays.
//
// Children that inherit the descriptor hold it too: it is free when the last of them has ended.
class FileLock {
 public:
  // Takes the lock, and waits up to `patience` for a holder to end.
  // Errors: kAlreadyExists  a process holds it: names the file and the process that took it;
  //         kUnavailable    the file cannot be opened.
  static Result<FileLock> Take(const std::string& path, Duration patience);

  int descriptor() const { return file_.get(); }

 private:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace skybridge::env
