// SPDX-License-Identifier: Apache-2.0
#include "launch/job_file.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include "common/hash.h"
#include "launch/files.h"
#include "launch/job_check.h"
#include "launch/job_override.h"
#include "launch/job_parser.h"
#include "launch/job_resolve.h"
#include "launch/join.h"

namespace skybridge::launch {
namespace {

constexpr std::string_view kDataPrefix = "$DATA/";

std::vector<job::Source*> Sources(job::Job* job) {
  std::vector<job::Source*> sources;
  for (job::Source& source : *job->mutable_data()->mutable_train()) sources.push_back(&source);
  if (job->data().has_candidates()) sources.push_back(job->mutable_data()->mutable_candidates());
  for (job::Evaluation& evaluation : *job->mutable_evaluation()) {
    if (evaluation.has_source()) sources.push_back(evaluation.mutable_source());
  }
  return sources;
}

Status PlaceData(const std::optional<std::string>& data, job::Job* job) {
  for (job::Source* source : Sources(job)) {
    for (std::string& path : *source->mutable_path()) {
      if (!path.starts_with(kDataPrefix)) continue;
      if (!data) {
        return {StatusCode::kInvalidArgument,
                fmt::format("path {}: say with --data which folder $DATA is", path)};
      }
      path = AbsolutePath(*data) + "/" + path.substr(kDataPrefix.size());
    }
  }
  return {};
}

}  // namespace

Result<LoadedJob> JobFromText(std::string_view text, const JobRequest& request, std::string base) {
  SKY_ASSIGN_OR_RETURN(job::Job job, ParseJob(text, request.path));
  for (const std::string& assignment : request.set) {
    SKY_RETURN_IF_ERROR(ApplyOverride(assignment, &job));
  }
  SKY_RETURN_IF_ERROR(PlaceData(request.data, &job));
  if (const std::vector<std::string> found = CheckJob(job); !found.empty()) {
    return Status(
        StatusCode::kInvalidArgument,
        fmt::format("{}: {}", request.path, Join(found, fmt::format("\n{}: ", request.path))));
  }
  LoadedJob loaded{.job = ResolveJob(std::move(job)), .base = std::move(base)};
  loaded.hash = JobHash(loaded.job);
  return loaded;
}

Result<LoadedJob> LoadJob(const JobRequest& request) {
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(request.path));
  const std::string folder =
      request.path == "-" ? "" : std::filesystem::path(request.path).parent_path().string();
  return JobFromText(text, request, AbsolutePath(request.base.value_or(folder)));
}

std::string JobText(const job::Job& job) {
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  printer.PrintToString(job, &text);
  return text;
}

uint64_t JobHash(const job::Job& job) { return HashBytes(JobText(job)); }

}  // namespace skybridge::launch
