// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace skybridge::env {

std::string HostName();  // "localhost" if the system does not know.
uint32_t ProcessId();
// Bytes of physical memory that this process uses now; 0 if the system does not say.
uint64_t ResidentBytes();
// Drawn at random: no other process, or call, gets the same.
uint64_t UniqueNumber();
// Another one each time that the machine was started; "unknown" if the system does not say.
std::string BootId();

}  // namespace skybridge::env
