// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"
#include "env/curve.h"

namespace skybridge::launch {

// The keys of a cluster: one pair for all that listen, one for all that connect. Whoever can read
// the file is one of the cluster.

// Draws keys into a new file that only its owner may read.
// Errors: kAlreadyExists: the file is there; those of env::WriteSecretFile.
Status DrawClusterKeys(const std::string& path);

// Warns in the log if others than its owner may read the file.
// Errors: kNotFound; kInvalidArgument: what is in it are no keys.
Result<env::CurveKeys> ReadClusterKeys(const std::string& path);

}  // namespace skybridge::launch
