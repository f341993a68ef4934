// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace skybridge::launch {

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
size_t EditDistance(std::string_view a, std::string_view b);

// What someone who wrote `wrong` may have meant: the nearest of `known` (the first among equals),
// or empty if none is near: more than a third of the letters would change.
std::string NearestName(std::string_view wrong, const std::vector<std::string>& known);

// "; did you mean X?", or else "; known: A, B, ..." if they are few, or else empty.
std::string Suggestion(std::string_view wrong, const std::vector<std::string>& known);

}  // namespace skybridge::launch
