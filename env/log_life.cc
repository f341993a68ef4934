// SPDX-License-Identifier: Apache-2.0
#include "env/log_life.h"

#include <utility>

#include "env/files.h"

namespace skybridge::env {
namespace {

constexpr const char* kSynced = "synced";
constexpr std::string_view kBoot = "boot ";

}  // namespace

Result<LogLife> LogLife::Open(std::string path) {
  LogLife life(std::move(path));
  Result<std::string> text = ReadFile(life.path_);
  if (!text) {
    if (text.error().code() == StatusCode::kNotFound) return life;
    return text.error();
  }
  while (text->ends_with('\n')) text->pop_back();
  if (*text != kSynced && !text->starts_with(kBoot)) {
    return Status(StatusCode::kDataLoss, life.path_ + " is damaged");
  }
  life.state_ = *std::move(text);
  return life;
}

Status LogLife::CheckWhole(const std::string& boot) const {
  if (state_.empty() || state_ == kSynced || state_.substr(kBoot.size()) == boot) return {};
  return {StatusCode::kDataLoss,
          "the machine went down while the log beside " + path_ +
              " was written, and what was answered last may not have reached the disk: its end is "
              "lost (if it was copied from a machine that is well, delete that file)"};
}

Status LogLife::Begin(const std::string& boot) {
  const std::string state = boot.empty() ? kSynced : std::string(kBoot) + boot;
  if (state == state_) return {};
  SKY_RETURN_IF_ERROR(WriteFileDurably(path_, state + "\n"));
  state_ = state;
  return {};
}

}  // namespace skybridge::env
