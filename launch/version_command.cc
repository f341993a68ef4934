// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "launch/commands.h"

namespace skybridge::launch {
namespace {

Status Version(const std::vector<std::string>&) {
  fmt::print("skybridge {}\n", BinaryVersion());
  return {};
}

}  // namespace

std::string BinaryVersion() { return SKYBRIDGE_VERSION; }

Command VersionCommand() {
  return {.name = "version", .summary = "Print the version of this program.", .run = Version};
}

}  // namespace skybridge::launch
