// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skybridge::sim {

// The seed that the command line asks for (--seed=N), if any.
std::optional<uint64_t>& SeedFlag();

// Seeds [begin, end), or the one of --seed alone.
std::vector<uint64_t> Seeds(uint64_t begin, uint64_t end);

// The command that runs the current test again with this seed alone.
std::string ReplayCommand(uint64_t seed);

// A folder of the current test, empty: the same path in each run, since paths are part of traces.
std::string EmptyTestFolder();

}  // namespace skybridge::sim
