// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "tests/fuzz/fuzz_input.h"

namespace skybridge::fuzz {

// Fills the fields of a message from the input, field by field: inputs that differ in a byte are
// messages that differ in a field, which bytes on the wire seldom are.
void Fill(FuzzInput& input, google::protobuf::Message* message);

}  // namespace skybridge::fuzz
