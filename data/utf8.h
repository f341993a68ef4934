// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace skybridge::data {

// Length of the longest front of `text` that is UTF-8 (RFC 3629: no overlong forms, surrogates, or
// code points above U+10FFFF); text.size() if all of it is.
size_t Utf8Prefix(std::string_view text);

}  // namespace skybridge::data
