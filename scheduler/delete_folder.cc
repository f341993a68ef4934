// SPDX-License-Identifier: Apache-2.0
#include "scheduler/delete_folder.h"

#include <filesystem>
#include <system_error>

namespace skybridge::scheduler {

void DeleteFolder::Run() {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) status = {StatusCode::kUnavailable, "delete " + folder + ": " + error.message()};
}

}  // namespace skybridge::scheduler
