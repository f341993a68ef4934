// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace skybridge::data {

// A piece shorter than this is no sentence of its own ("e.g.", "1.") and joins its neighbour.
inline constexpr size_t kSentenceBytesMin = 16;

// The sentences of `text`: cut behind ".", "!" or "?" before a blank, blanks at the ends dropped.
// Views of `text`, in order; together they hold all that is not blank.
std::vector<std::string_view> SplitSentences(std::string_view text);

}  // namespace skybridge::data
