// SPDX-License-Identifier: Apache-2.0
//
// Assignments of --set, one a line, to a job that says something already.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include "launch/job_file.h"
#include "launch/job_override.h"
#include "launch/job_parser.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::launch {
namespace {

namespace pb = google::protobuf;

constexpr char kJob[] = R"(
  data { train { path: "train.tsv" } candidate_key: "item" }
  table { name: "words" dim: 8 }
  query { dim: 8 hidden: [16, 8] feature { column: "user" id {} } }
  candidate { dim: 8 feature { column: "item" id {} } }
  evaluation { source { path: "test.tsv" } k: [5, 10] })";

// The message without one field, as bytes.
std::string Without(const pb::Message& message, const pb::FieldDescriptor& field) {
  const std::unique_ptr<pb::Message> rest(message.New());
  rest->CopyFrom(message);
  rest->GetReflection()->ClearField(rest.get(), &field);
  return rest->SerializeAsString();
}

// An assignment changes what its path names, and nothing beside it.
void CheckNothingElse(std::string_view path, const pb::Message& before, const pb::Message& after) {
  const size_t end = std::min(path.find_first_of(".["), path.size());
  const auto* field = after.GetDescriptor()->FindFieldByName(std::string(path.substr(0, end)));
  CHECK(field != nullptr) << path;
  CHECK_EQ(Without(before, *field), Without(after, *field)) << path;
  if (end == path.size() || path[end] == '[' || field->is_repeated()) return;
  CheckNothingElse(path.substr(end + 1), before.GetReflection()->GetMessage(before, field),
                   after.GetReflection()->GetMessage(after, field));
}

// A text is taken as it stands.
void CheckText(std::string_view value, const pb::Message& after, const std::string& path) {
  if (path != "name" || value.empty() || value.front() == '"' || value.front() == '[') return;
  CHECK_EQ(dynamic_cast<const job::Job&>(after).name(), value);
}

void Apply(std::string_view assignment, job::Job* job) {
  const job::Job before = *job;
  const Status applied = ApplyOverride(assignment, job);
  if (!applied.ok()) {
    fuzz::CheckSays(applied, assignment);
    *job = before;
    return;
  }
  const size_t bracket = assignment.find('[');
  const size_t equals = assignment.find('=');
  CheckNothingElse(assignment.substr(0, std::min(bracket, equals)), before, *job);
  if (equals < bracket) {
    CheckText(assignment.substr(equals + 1), *job, std::string(assignment.substr(0, equals)));
    job::Job again = *job;
    CHECK(ApplyOverride(assignment, &again).ok());
    CHECK_EQ(again.SerializeAsString(), job->SerializeAsString());
  }
  const Result<job::Job> read = ParseJob("name: \"\" " + JobText(*job), "f");
  if (!job->has_name()) CHECK(read.has_value()) << read.error();
}

}  // namespace
}  // namespace skybridge::launch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  google::protobuf::SetLogHandler(nullptr);
  static const job::Job base = *launch::ParseJob(launch::kJob, "f");
  job::Job job = base;
  std::string_view lines(reinterpret_cast<const char*>(data), size);
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\x1e'), lines.size());
    launch::Apply(lines.substr(0, end), &job);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return 0;
}
