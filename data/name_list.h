// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace skybridge::data {

// What error messages show of a text that a file holds: a line of binary data may be as long as
// the file. Cut between characters.
inline std::string Shown(std::string_view text) {
  constexpr size_t kShownBytes = 100;
  if (text.size() <= kShownBytes) return std::string(text);
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

// "a, b, c": names as error messages list them; of very many only the first.
template <typename Names>
std::string NameList(const Names& names) {
  constexpr size_t kListBytes = 1000;
  std::string list;
  for (const auto& name : names) {
    if (!list.empty()) list += ", ";
    if (list.size() > kListBytes) return list + "...";
    list += Shown(name);
  }
  return list;
}

}  // namespace skybridge::data
