// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "common/node.h"
#include "common/status.h"

namespace skybridge::scheduler {

// Deletes a folder and all in it. One that is not there is as good as deleted, so a repeat is
// harmless.
class DeleteFolder : public Task {
 public:
  explicit DeleteFolder(std::string path) : folder(std::move(path)) {}
  void Run() override;

  const std::string folder;
  Status status;  // Errors: kUnavailable, with the folder and the system's reason.
};

}  // namespace skybridge::scheduler
