// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/status.h"

namespace skybridge::env {

// Whether a transport may listen at `endpoint`.
// protected_or_insecure: keys are given, or the user takes the risk.
// Errors: kInvalidArgument     neither "tcp://address:port" nor "inproc://name";
//         kFailedPrecondition  reachable from other machines, unprotected.
Status CheckListenEndpoint(const std::string& endpoint, bool protected_or_insecure);

// Whether a transport can connect to it; the host need not exist.
bool IsConnectEndpoint(const std::string& endpoint);

}  // namespace skybridge::env
