// SPDX-License-Identifier: Apache-2.0
#include "launch/files.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

namespace skybridge::launch {
namespace {

std::string Reason() { return std::generic_category().message(errno); }

}  // namespace

Result<std::string> ReadFile(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Status(StatusCode::kNotFound, fmt::format("read {}: it is a folder", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(StatusCode::kNotFound, fmt::format("read {}: {}", path, Reason()));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string AbsolutePath(const std::string& path) {
  std::string absolute =
      std::filesystem::absolute(path.empty() ? "." : path).lexically_normal().string();
  if (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute;
}

}  // namespace skybridge::launch
