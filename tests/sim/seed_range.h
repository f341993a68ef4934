// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/status.h"

namespace skybridge::sim {

struct SeedRange {
  uint64_t first = 0;
  uint64_t last = 0;  // Included.
  bool operator==(const SeedRange&) const = default;
};

inline constexpr uint64_t kSeedsMax = 10'000'000;

// "FIRST..LAST", or one number. Errors: kInvalidArgument.
inline Result<SeedRange> ParseSeeds(std::string_view text) {
  const auto number = [](std::string_view digits, uint64_t& value) {
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return end.ec == std::errc() && end.ptr == digits.data() + digits.size();
  };
  const size_t dots = text.find("..");
  SeedRange range;
  if (!number(text.substr(0, dots), range.first) ||
      (dots != text.npos && !number(text.substr(dots + 2), range.last))) {
    return Status(StatusCode::kInvalidArgument,
                  "seeds \"" + std::string(text) + "\": give FIRST..LAST, or one number");
  }
  if (dots == text.npos) range.last = range.first;
  if (range.last < range.first || range.last - range.first >= kSeedsMax) {
    return Status(StatusCode::kInvalidArgument, "seeds \"" + std::string(text) +
                                                    "\": from the lower to the higher, at most " +
                                                    std::to_string(kSeedsMax));
  }
  return range;
}

}  // namespace skybridge::sim
