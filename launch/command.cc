// SPDX-License-Identifier: Apache-2.0
#include "launch/command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "launch/exit_code.h"
#include "launch/nearest_name.h"
#include "launch/printable.h"

namespace skybridge::launch {
namespace {

Status Usage(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// `--name=value`, taken apart.
struct FlagArgument {
  std::string name;
  std::string value;
  bool has_value = false;
};

FlagArgument TakeApart(const std::string& argument) {
  const size_t begin = argument.starts_with("--") ? 2 : 1;
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) return {argument.substr(begin), "", false};
  return {argument.substr(begin, equals - begin), argument.substr(equals + 1), true};
}

Status SetFlag(const Command& command, const FlagArgument& flag) {
  std::string value = flag.value;
  if (Contains(command.repeated, flag.name)) {
    std::string before;
    gflags::GetCommandLineOption(flag.name.c_str(), &before);
    if (!before.empty()) value = before + "\n" + value;
  }
  if (gflags::SetCommandLineOption(flag.name.c_str(), value.c_str()).empty()) {
    const gflags::CommandLineFlagInfo info = gflags::GetCommandLineFlagInfoOrDie(flag.name.c_str());
    return Usage(fmt::format("--{}: {} is no {}", flag.name, flag.value, info.type));
  }
  return {};
}

// Reads the flag at arguments[*i], and its value, which may be the next argument.
Status TakeFlag(const Command& command, std::span<const std::string> arguments, size_t* i) {
  FlagArgument flag = TakeApart(arguments[*i]);
  if (!Contains(command.flags, flag.name) && flag.name.starts_with("no") && !flag.has_value &&
      Contains(command.flags, flag.name.substr(2))) {
    flag = {flag.name.substr(2), "false", true};
  }
  if (!Contains(command.flags, flag.name)) {
    return Usage(
        fmt::format("there is no flag --{}{}", flag.name, Suggestion(flag.name, command.flags)));
  }
  if (!flag.has_value) {
    if (gflags::GetCommandLineFlagInfoOrDie(flag.name.c_str()).type == "bool") {
      flag.value = "true";
    } else if (*i + 1 < arguments.size()) {
      flag.value = arguments[++*i];
    } else {
      return Usage(fmt::format("--{} needs a value", flag.name));
    }
  }
  return SetFlag(command, flag);
}

// Cuts a text at blanks so that no line is longer than fits.
std::string Wrap(const std::string& text, size_t indent) {
  constexpr size_t kWidth = 96;
  std::string wrapped(indent, ' ');
  size_t column = indent;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (column > indent && column + 1 + (end - begin) > kWidth) {
      wrapped += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      wrapped += " ";
      ++column;
    }
    wrapped += text.substr(begin, end - begin);
    column += end - begin;
    begin = end + 1;
  }
  return wrapped + "\n";
}

const Command* FindCommand(std::span<const Command> commands, const std::string& name) {
  const auto command = std::ranges::find(commands, name, &Command::name);
  return command == commands.end() ? nullptr : &*command;
}

// Says it to people; if nobody can hear, nothing is lost but that.
void Tell(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stderr); }

// Messages repeat what stands in files and comes from peers.
std::string Shown(const std::string& message) {
  std::string shown;
  for (const std::string& line : Lines(message)) {
    if (!shown.empty()) shown += "\n";
    shown += Printable(line);
  }
  return shown;
}

// What commands print is what they are called for.
Status Written() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return {StatusCode::kUnavailable, fmt::format("write the output: {}", std::strerror(errno))};
}

int ReportUsage(const std::string& who, const std::string& message) {
  Tell(fmt::format("skybridge{}: {}\ntry: skybridge{} --help\n", who, Shown(message), who));
  return kUsage;
}

int Report(const Command& command, const Status& status) {
  if (!status.ok()) {
    Tell(fmt::format("skybridge {}: {}\n", command.name, Shown(status.message())));
  }
  return ExitCodeOf(status);
}

int RunCommand(const Command& command, std::span<const std::string> arguments) {
  if (command.verbatim) return Report(command, command.run({arguments.begin(), arguments.end()}));
  const auto flags_end = std::ranges::find(arguments, "--");
  const auto asks = [](const std::string& a) { return a == "--help" || a == "-help" || a == "-h"; };
  if (std::any_of(arguments.begin(), flags_end, asks)) {
    fmt::print("{}", HelpText(command));
    return kSuccess;
  }
  const Result<std::vector<std::string>> positionals = ParseArguments(command, arguments);
  Status usage = positionals.status();
  if (usage.ok() && command.check != nullptr) usage = command.check(*positionals);
  if (!usage.ok()) return ReportUsage(" " + command.name, usage.message());
  return Report(command, command.run(*positionals));
}

}  // namespace

Result<std::vector<std::string>> ParseArguments(const Command& command,
                                                std::span<const std::string> arguments) {
  std::vector<std::string> positionals;
  bool flags_ended = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (flags_ended || argument.size() < 2 || argument[0] != '-') {
      positionals.push_back(argument);
    } else if (argument == "--") {
      flags_ended = true;
    } else {
      SKY_RETURN_IF_ERROR(TakeFlag(command, arguments, &i));
    }
  }
  if (positionals.size() < command.positionals_min) {
    return Usage(fmt::format("too few arguments; expected: {}", command.arguments));
  }
  if (positionals.size() > command.positionals_max) {
    return Usage(fmt::format("what is \"{}\"? expected: {}", positionals[command.positionals_max],
                             command.arguments.empty() ? "flags only" : command.arguments));
  }
  return positionals;
}

std::string HelpText(const Command& command) {
  std::string help = fmt::format("{}\n\nusage: skybridge {}{}{}{}\n", command.summary, command.name,
                                 command.flags.empty() ? "" : " [FLAGS]",
                                 command.arguments.empty() ? "" : " ", command.arguments);
  if (!command.details.empty()) help += "\n" + Wrap(command.details, 0);
  if (!command.flags.empty()) help += "\n";
  for (const std::string& name : command.flags) {
    const gflags::CommandLineFlagInfo info = gflags::GetCommandLineFlagInfoOrDie(name.c_str());
    const std::string dashes = name.size() == 1 ? "-" : "--";
    std::string about = info.description;
    if (Contains(command.repeated, name)) about += " May be repeated.";
    if (!info.default_value.empty()) about += fmt::format(" [{}]", info.default_value);
    help += fmt::format("  {}{} ({})\n{}", dashes, name, info.type, Wrap(about, 6));
  }
  return help;
}

std::string Overview(std::span<const Command> commands) {
  std::string text =
      "Skybridge trains two-tower retrieval models and answers queries with them.\n\n"
      "usage: skybridge COMMAND ...\n\n";
  for (const Command& command : commands) {
    if (!command.hidden) text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  }
  return text +
         "\nskybridge COMMAND --help tells more. Exit codes: 0 done, 1 wrong input, "
         "2 wrong command line,\n3 try again, 4 replaced by another process, "
         "5 what the job kept is lost,\n130 interrupted.\n";
}

std::vector<std::string> Lines(const std::string& flag) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < flag.size();) {
    const size_t end = std::min(flag.find('\n', begin), flag.size());
    lines.push_back(flag.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

namespace {

int Dispatch(std::span<const Command> commands, std::span<const std::string> arguments) {
  const std::string name = arguments.empty() ? "help" : arguments[0];
  if (name == "help" || name == "--help" || name == "-h") {
    const Command* about = arguments.size() > 1 ? FindCommand(commands, arguments[1]) : nullptr;
    fmt::print("{}", about != nullptr ? HelpText(*about) : Overview(commands));
    return arguments.empty() ? kUsage : kSuccess;
  }
  const Command* command = FindCommand(commands, name == "--version" ? "version" : name);
  if (command == nullptr) {
    std::vector<std::string> names;
    for (const Command& known : commands) {
      if (!known.hidden) names.push_back(known.name);
    }
    return ReportUsage("", fmt::format("there is no command {}{}", name, Suggestion(name, names)));
  }
  return RunCommand(*command, arguments.subspan(1));
}

}  // namespace

int RunProgram(std::span<const Command> commands, std::span<const std::string> arguments) {
  int code = kSuccess;
  Status written;
  try {
    code = Dispatch(commands, arguments);
    written = Written();
  } catch (const std::system_error& error) {  // Of fmt::print, once its buffer is full.
    written = Status(StatusCode::kUnavailable, fmt::format("write the output: {}", error.what()));
  }
  if (written.ok()) return code;
  Tell(fmt::format("skybridge: {}\n", written.message()));
  return code == kSuccess ? ExitCodeOf(written) : code;
}

}  // namespace skybridge::launch
