// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "common/status.h"
#include "proto/job.pb.h"

namespace skybridge::launch {

// Reads a job in Protobuf text format, or in JSON with the same names if its first character is a
// brace. `file` is its name, for errors.
//
// Errors: kInvalidArgument "FILE:LINE:COLUMN: what is wrong; did you mean NAME?", one line for
// each mistake that was found.
Result<job::Job> ParseJob(std::string_view text, std::string_view file);

// Replaces `field: value` in `message`, where `value` is in text format (a list for a repeated
// field). Errors: kInvalidArgument, what is wrong with the value.
Status ParseField(const google::protobuf::FieldDescriptor& field, std::string_view value,
                  google::protobuf::Message* message);

// Names of a message's fields, in the order of the schema.
std::vector<std::string> FieldNames(const google::protobuf::Descriptor& type);

}  // namespace skybridge::launch
