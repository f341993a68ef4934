// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace skybridge::launch {

// The elements as text with `separator` between them. (fmt::join draws a false warning from
// g++ 12.)
template <typename Range>
std::string Join(const Range& range, std::string_view separator) {
  std::string joined;
  for (const auto& element : range) {
    if (!joined.empty()) joined += separator;
    joined += fmt::format("{}", element);
  }
  return joined;
}

}  // namespace skybridge::launch
