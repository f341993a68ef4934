// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "tests/sim/swarm.h"

namespace skybridge::sim {

// A swarm as text: "NAME=VALUE" for each field but the seed, as "links.drop=0.01" or "tick=25ms".
// What is printed reads back as the same value.

// Errors: kNotFound: no such field; kInvalidArgument: no value for it.
Status SetField(std::string_view assignment, Swarm& swarm);
std::vector<std::string> FieldNames();
// Errors: kInvalidArgument names the field that makes no run.
Status CheckSwarm(const Swarm& swarm);

// The assignments that turn `from` into `to`.
std::vector<std::string> Differences(const Swarm& from, const Swarm& to);

// All fields that are not zero, in one line for people.
std::string Describe(const Swarm& swarm);

}  // namespace skybridge::sim
