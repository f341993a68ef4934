// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "launch/run_folder.h"
#include "proto/job.pb.h"
#include "scheduler/job_result.h"

namespace skybridge::launch {

// A path as one would type it in the current folder.
std::string ShownPath(const std::string& path);

// What to write behind `skybridge query`: a text, or --features if the query tower reads no text.
std::string QuestionOf(const job::Job& job);

// What `job` achieved, to print: for people, or as JSON.
std::string ResultText(const scheduler::JobResult& result, const job::Job& job,
                       const RunFolder& folder, double seconds, bool json);

}  // namespace skybridge::launch
