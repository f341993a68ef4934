// SPDX-License-Identifier: Apache-2.0
#include "launch/server_count.h"

#include <algorithm>
#include <filesystem>
#include <span>
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

// The numbers in a file; nothing unless there are `count`, all of them but the first of servers.
std::optional<std::vector<uint32_t>> Numbers(const std::string& path, size_t count) {
  const auto text = env::ReadFile(path);
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  std::vector<uint32_t> numbers;
  for (uint32_t number = 0; in >> number;) numbers.push_back(number);
  if (!in.eof() || numbers.size() != count) return std::nullopt;
  // A negative one is read as a very large one.
  const auto fits = [](uint32_t n) { return n <= kServersMax; };
  if (!std::ranges::all_of(std::span(numbers).subspan(1), fits)) return std::nullopt;
  return numbers;
}

void Forget(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace

Result<ServersWish> WantServers(const RunFolder& folder, uint32_t servers) {
  const std::optional<ServersWish> before = ServersWanted(folder);
  const ServersWish wish{.servers = servers, .number = before ? before->number + 1 : 1};
  SKY_RETURN_IF_ERROR(
      env::WriteFileDurably(WishFile(folder), fmt::format("{} {}\n", wish.number, wish.servers)));
  return wish;
}

std::optional<ServersWish> ServersWanted(const RunFolder& folder) {
  const auto numbers = Numbers(WishFile(folder), 2);
  if (!numbers || (*numbers)[0] == 0 || (*numbers)[1] == 0) return std::nullopt;
  return ServersWish{.servers = (*numbers)[1], .number = (*numbers)[0]};
}

void TellServers(const RunFolder& folder, const ServersNow& now) {
  const Status written = env::WriteFileDurably(
      NowFile(folder), fmt::format("{} {} {} {} {}\n", now.wish, now.wanted, now.servers,
                                   now.settled ? 1 : 0, now.stuck ? *now.stuck + 1 : 0));
  LOG_IF(WARNING, !written.ok()) << written;
}

std::optional<ServersNow> ReadServers(const RunFolder& folder) {
  const auto numbers = Numbers(NowFile(folder), 5);
  if (!numbers) return std::nullopt;
  ServersNow now{.wish = (*numbers)[0],
                 .wanted = (*numbers)[1],
                 .servers = (*numbers)[2],
                 .settled = (*numbers)[3] == 1};
  if ((*numbers)[4] > 0) now.stuck = (*numbers)[4] - 1;
  return now;
}

void ForgetWish(const RunFolder& folder) { Forget(WishFile(folder)); }
void ForgetServers(const RunFolder& folder) { Forget(NowFile(folder)); }

}  // namespace skybridge::launch
