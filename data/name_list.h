// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace skybridge::data {

// "a, b, c": names as error messages list them.
template <typename Names>
std::string NameList(const Names& names) {
  std::string list;
  for (const auto& name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

}  // namespace skybridge::data
