// SPDX-License-Identifier: Apache-2.0
#include "launch/nearest_name.h"

#include <algorithm>

#include <fmt/format.h>

#include "launch/join.h"

namespace skybridge::launch {

// Optimal string alignment: three rows of the Damerau-Levenshtein table.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string NearestName(std::string_view wrong, const std::vector<std::string>& known) {
  std::string nearest;
  size_t least = std::max<size_t>(1, wrong.size() / 3) + 1;
  for (const std::string& name : known) {
    const size_t distance = EditDistance(wrong, name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string Suggestion(std::string_view wrong, const std::vector<std::string>& known) {
  constexpr size_t kListedMax = 16;
  if (const std::string nearest = NearestName(wrong, known); !nearest.empty()) {
    return fmt::format("; did you mean {}?", nearest);
  }
  if (known.empty() || known.size() > kListedMax) return "";
  return fmt::format("; known: {}", Join(known, ", "));
}

}  // namespace skybridge::launch
