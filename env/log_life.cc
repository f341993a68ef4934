// SPDX-License-Identifier: Apache-2.0
#include "env/log_life.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "env/files.h"

namespace skybridge::env {
namespace {

Result<std::optional<std::string>> ReadIfThere(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  if (text) {
    while (text->ends_with('\n')) text->pop_back();
    return std::optional<std::string>(*std::move(text));
  }
  if (text.error().code() == StatusCode::kNotFound) return std::optional<std::string>();
  return text.error();
}

}  // namespace

Result<LogLife> LogLife::Open(std::string path) {
  LogLife life(std::move(path));
  SKY_ASSIGN_OR_RETURN(const auto begun, ReadIfThere(life.path_));
  life.begun_ = begun.has_value();
  SKY_ASSIGN_OR_RETURN(life.boot_, ReadIfThere(life.boot_path()));
  return life;
}

Status LogLife::CheckWhole(const std::string& boot) const {
  if (!boot_ || *boot_ == boot) return {};
  return {StatusCode::kDataLoss,
          "the machine went down while a log was written, as " + boot_path() +
              " says, and what was answered last may not have reached the disk: its end is lost"};
}

Status LogLife::Begin(const std::string& boot) {
  if (!begun_) SKY_RETURN_IF_ERROR(WriteFileDurably(path_, "There is a log.\n"));
  begun_ = true;
  if (boot.empty()) return End();
  if (boot_ == boot) return {};
  SKY_RETURN_IF_ERROR(WriteFileDurably(boot_path(), boot + "\n"));
  boot_ = boot;
  return {};
}

Status LogLife::End() {
  if (!boot_) return {};
  std::error_code error;
  const std::filesystem::path path(boot_path());
  std::filesystem::remove(path, error);
  SKY_RETURN_IF_ERROR(SystemStatus(error, "delete " + path.string()));
  boot_.reset();
  return SyncFolder(path.parent_path().string());
}

}  // namespace skybridge::env
