// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"

namespace skybridge::env {

std::string HostName();  // "localhost" if the system does not know.
uint32_t ProcessId();
// Bytes of physical memory that this process uses now; 0 if the system does not say.
uint64_t ResidentBytes();

// Files and sockets that this process may have open.
uint64_t FileLimit();
// Raises the limit to at least `needed`.
// Errors: kResourceExhausted if the system's hard limit is below.
Status RaiseFileLimit(uint64_t needed);

}  // namespace skybridge::env
