// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/status.h"

namespace skybridge::launch {

// One command of the program, `skybridge NAME ...`. Its flags are gflags, named here; it sees no
// others.
struct Command {
  std::string name;
  std::string summary;                // One line, for the list of commands.
  std::string arguments;              // After the name, as "JOB [TEXT ...]".
  std::string details;                // More for --help; may be empty.
  std::vector<std::string> flags;     // Names; repeated ones keep all values, one a line.
  std::vector<std::string> repeated;  // Flags that may be given several times.
  size_t positionals_min = 0;
  size_t positionals_max = 0;
  bool hidden = false;  // Started by other commands, not by people.
  // Its arguments, --help among them, are for another program: `run` gets them as they are.
  bool verbatim = false;
  // Refuses a command line whose parts, each right by itself, are wrong together; may be null.
  Status (*check)(const std::vector<std::string>& positionals) = nullptr;
  Status (*run)(const std::vector<std::string>& positionals) = nullptr;
};

// Sets the command's flags from its arguments and returns the others. `--flag=value`,
// `--flag value`, `-flag`, `--noflag`; `--` ends the flags.
// Errors: kInvalidArgument: an unknown flag (with the nearest known one), a value of the wrong
// type, too few or too many arguments.
Result<std::vector<std::string>> ParseArguments(const Command& command,
                                                std::span<const std::string> arguments);

// What `skybridge NAME --help` says: usage and this command's flags with their defaults.
std::string HelpText(const Command& command);

// What `skybridge help` says.
std::string Overview(std::span<const Command> commands);

// Values of a repeated flag.
std::vector<std::string> Lines(const std::string& flag);

// Runs `skybridge ARGUMENTS`. Returns the exit code; errors go to stderr as
// "skybridge NAME: what: on what: what to do", without control characters.
int RunProgram(std::span<const Command> commands, std::span<const std::string> arguments);

}  // namespace skybridge::launch
