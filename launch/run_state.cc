// SPDX-License-Identifier: Apache-2.0
#include "launch/run_state.h"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "env/files.h"
#include "launch/cluster_config.h"
#include "launch/commands.h"

namespace skybridge::launch {

Status WriteRunState(const RunFolder& folder, const RunState& state) {
  const nlohmann::ordered_json json = {{"job", JobIdText(state.job)}, {"base", state.base},
                                       {"version", state.version},    {"hash", state.table_hash},
                                       {"endpoint", state.endpoint},  {"restored", state.restored}};
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  return env::WriteFileDurably(folder.state_file(), json.dump(2, ' ', false, kReplace) + "\n");
}

Result<RunState> ReadRunState(const RunFolder& folder) {
  const Result<std::string> text = env::ReadFile(folder.state_file());
  if (!text && text.error().code() == StatusCode::kNotFound) {
    std::error_code ignored;
    const bool ended = std::filesystem::exists(folder.result_file(), ignored);
    return Status(StatusCode::kNotFound,
                  fmt::format("resume {}: {}", folder.path,
                              ended ? "this run has succeeded: there is nothing left to do"
                                    : "it is not the folder of a run"));
  }
  if (!text) return text.error();
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  const auto damaged = [&folder] {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("resume {}: {} is damaged", folder.path, folder.state_file()));
  };
  if (!json.is_object()) return damaged();
  for (const char* field : {"hash", "restored"}) {
    if (!json.contains(field) || !json[field].is_boolean()) return damaged();
  }
  for (const char* field : {"job", "base", "version", "endpoint"}) {
    if (!json.contains(field) || !json[field].is_string()) return damaged();
  }
  RunState state{.base = json["base"],
                 .version = json["version"],
                 .table_hash = json["hash"],
                 .endpoint = json["endpoint"],
                 .restored = json["restored"]};
  SKY_ASSIGN_OR_RETURN(state.job, ParseJobId(json["job"]));
  if (state.version == BinaryVersion()) return state;
  return Status(StatusCode::kFailedPrecondition,
                fmt::format("resume {}: version {} began it, this is {}", folder.path,
                            state.version, BinaryVersion()));
}

void ForgetRest(const RunFolder& folder) {
  // A disk that says nothing of a file does not say that it is gone.
  const auto is = [](const std::string& path, bool wanted) {
    const Result<bool> there = env::Exists(path);
    return there && *there == wanted;
  };
  const bool succeeded = is(folder.lock_file(), true) && is(folder.job_file(), true) &&
                         is(folder.result_file(), true) && is(folder.state_file(), false);
  if (!succeeded) return;
  if (const auto lock = LockRunFolder(folder, Duration::zero())) CleanRunFolder(folder);
}

void ForgetRun(const RunFolder& folder) {
  std::error_code ignored;
  std::filesystem::remove(folder.state_file(), ignored);
  (void)env::SyncFolder(folder.path);  // Room on the disk is all that a failure costs.
  CleanRunFolder(folder);
}

}  // namespace skybridge::launch
