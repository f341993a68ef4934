// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skybridge::sim {

// What the command line says about seeds.
struct SeedFlags {
  std::optional<uint64_t> only;  // --seed=N: this one alone, in every case.
  uint64_t offset = 0;           // --seed_offset=N: added to the seeds of every case.
};
SeedFlags& Flags();

// Seeds [begin, end), moved by the offset, or the one of --seed.
std::vector<uint64_t> Seeds(uint64_t begin, uint64_t end);

// The command that runs the current test again with this seed alone.
std::string ReplayCommand(uint64_t seed);

// A folder of the current test, empty: the same path in each run, since paths are part of traces.
std::string EmptyTestFolder();

}  // namespace skybridge::sim
