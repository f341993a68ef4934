// SPDX-License-Identifier: Apache-2.0
//
// A job file, in text format or JSON, to the options that the parts of the program get.
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>

#include "data/job_adapter.h"
#include "launch/job_check.h"
#include "launch/job_file.h"
#include "launch/job_parser.h"
#include "launch/job_resolve.h"
#include "tests/fuzz/fuzz_input.h"

namespace skybridge::launch {
namespace {

constexpr char kFile[] = "job.file";

// Every line of the complaint begins with the file, the line and the column.
void CheckComplaint(const Status& error, std::string_view text) {
  fuzz::CheckSays(error, kFile);
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  const std::string& message = error.message();
  for (size_t at = 0; at < message.size();) {
    const size_t end = std::min(message.find(std::string("\n") + kFile, at), message.size());
    int line = 0, column = 0;
    const std::string one = message.substr(at, end - at);
    CHECK_EQ(std::sscanf(one.c_str(), "job.file:%d:%d:", &line, &column), 2) << one;
    CHECK(line >= 1 && line <= lines) << one;
    CHECK_GE(column, 1) << one;
    at = end + 1;
  }
}

// Protobuf's own reader of JSON understands the same.
void CheckJson(std::string_view text, const job::Job& parsed) {
  job::Job theirs;
  const auto status = google::protobuf::util::JsonStringToMessage(std::string(text), &theirs);
  CHECK(status.ok()) << status.message();
  CHECK_EQ(theirs.DebugString(), parsed.DebugString());
}

// Spelling out is done once, and what was spelt out reads as what it says.
void CheckResolved(const job::Job& job) {
  const job::Job resolved = ResolveJob(job);
  const std::string text = JobText(resolved);
  CHECK_EQ(JobText(ResolveJob(resolved)), text);
  const Result<job::Job> again = ParseJob(text, kFile);
  CHECK(again.has_value()) << again.error();
  CHECK_EQ(JobText(*again), text);
  CHECK_EQ(JobHash(*again), JobHash(resolved));
  for (const std::string& finding : CheckJob(resolved)) CHECK(!finding.empty());
}

}  // namespace
}  // namespace skybridge::launch

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skybridge;
  fuzz::BeQuiet();
  google::protobuf::SetLogHandler(nullptr);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<job::Job> parsed = launch::ParseJob(text, launch::kFile);
  if (!parsed) {
    launch::CheckComplaint(parsed.error(), text);
    return 0;
  }
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (text[first] == '{') launch::CheckJson(text, *parsed);
  launch::CheckResolved(*parsed);
  const auto loaded = launch::JobFromText(text, {.path = launch::kFile, .data = "/data"}, "/base");
  if (!loaded) {
    fuzz::CheckSays(loaded.error(), launch::kFile);
    return 0;
  }
  const auto options = data::OptionsFromJob(loaded->job, loaded->base);
  if (!options) fuzz::CheckSays(options.error());
  return 0;
}
