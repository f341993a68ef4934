// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skybridge::cluster {

// A port of the loopback that nobody uses at the moment.
uint16_t FreePort();

// Sends `count` messages of random frames to each endpoint, each from a peer of its own for every
// fifty: no frame, too many, empty ones, large ones, bytes that look like a header.
void SendGarbage(const std::vector<std::string>& endpoints, uint64_t seed, int count);

}  // namespace skybridge::cluster
