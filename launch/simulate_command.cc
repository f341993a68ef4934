// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "launch/commands.h"

namespace skybridge::launch {
namespace {

constexpr const char* kProgram = "skybridge_simulate";

// The simulator is a program of its own: this one has no fakes and no faults in it.
Status Simulate(const std::vector<std::string>& arguments) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  const std::string program = (self.parent_path() / kProgram).string();
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  const int error = errno;
  return Status(StatusCode::kNotFound, "start " + program + ": " + std::strerror(error) +
                                           "; build it: cmake --build --preset release --target " +
                                           kProgram);
}

}  // namespace

Command SimulateCommand() {
  return {.name = "simulate",
          .summary = "Run simulated clusters under faults, and check what must hold.",
          .verbatim = true,
          .run = Simulate};
}

}  // namespace skybridge::launch
