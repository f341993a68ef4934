// SPDX-License-Identifier: Apache-2.0
#include "env/child_processes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

// Empty if there is none; files of /proc have no size, so they are read to their end.
std::string Slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<pid_t> ParsePid(const std::string& name) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

// Line of /proc/PID/stat: "pid (name) state parent ...", where the name may hold anything.
bool IsLiveChild(const std::string& stat, pid_t parent) {
  const size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return false;
  char state = 'Z';
  pid_t its_parent = 0;
  std::istringstream(stat.substr(bracket + 1)) >> state >> its_parent;
  return its_parent == parent && state != 'Z' && state != 'X';
}

std::vector<std::string> Arguments(const std::string& text) {
  std::vector<std::string> arguments;
  std::istringstream in(text);
  for (std::string argument; std::getline(in, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

}  // namespace

std::vector<ChildProcess> ChildrenOf(pid_t parent) {
  std::vector<ChildProcess> children;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::optional<pid_t> pid = ParsePid(it->path().filename().string());
    if (!pid || !IsLiveChild(Slurp(it->path() / "stat"), parent)) continue;
    children.push_back({*pid, Arguments(Slurp(it->path() / "cmdline"))});
  }
  std::ranges::sort(children, {}, &ChildProcess::pid);
  return children;
}

}  // namespace skybridge::env
