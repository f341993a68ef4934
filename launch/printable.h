// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace skybridge::launch {

// UTF-8 text out of data, for a terminal: control characters, which could move its cursor or
// change its title, are shown as \x1b.
std::string Printable(std::string_view text);

}  // namespace skybridge::launch
