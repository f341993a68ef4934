// SPDX-License-Identifier: Apache-2.0
#include "launch/server_count.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <glog/logging.h>

#include "env/files.h"

namespace skybridge::launch {
namespace {

std::string WishFile(const RunFolder& folder) { return folder.path + "/servers.wanted"; }
std::string NowFile(const RunFolder& folder) { return folder.path + "/servers.now"; }

// The numbers in a file; nothing unless there are `count`.
std::optional<std::vector<uint32_t>> Numbers(const std::string& path, size_t count) {
  const auto text = env::ReadFile(path);
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  std::vector<uint32_t> numbers;
  for (uint32_t number = 0; in >> number;) numbers.push_back(number);
  // A negative one is read as a very large one.
  const bool fits = std::ranges::all_of(numbers, [](uint32_t n) { return n <= kServersMax; });
  if (!in.eof() || numbers.size() != count || !fits) return std::nullopt;
  return numbers;
}

void Forget(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace

Status WantServers(const RunFolder& folder, uint32_t servers) {
  return env::WriteFileDurably(WishFile(folder), fmt::format("{}\n", servers));
}

std::optional<uint32_t> ServersWanted(const RunFolder& folder) {
  const auto numbers = Numbers(WishFile(folder), 1);
  if (!numbers || numbers->front() == 0) return std::nullopt;
  return numbers->front();
}

void TellServers(const RunFolder& folder, const ServersNow& now) {
  const Status written = env::WriteFileDurably(
      NowFile(folder), fmt::format("{} {} {} {}\n", now.wanted, now.servers, now.settled ? 1 : 0,
                                   now.stuck ? *now.stuck + 1 : 0));
  LOG_IF(WARNING, !written.ok()) << written;
}

std::optional<ServersNow> ReadServers(const RunFolder& folder) {
  const auto numbers = Numbers(NowFile(folder), 4);
  if (!numbers) return std::nullopt;
  ServersNow now{.wanted = (*numbers)[0], .servers = (*numbers)[1], .settled = (*numbers)[2] == 1};
  if ((*numbers)[3] > 0) now.stuck = (*numbers)[3] - 1;
  return now;
}

void ForgetWish(const RunFolder& folder) { Forget(WishFile(folder)); }
void ForgetServers(const RunFolder& folder) { Forget(NowFile(folder)); }

}  // namespace skybridge::launch
