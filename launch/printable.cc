// SPDX-License-Identifier: Apache-2.0
#include "launch/printable.h"

#include <cstddef>

#include <fmt/format.h>

namespace skybridge::launch {
namespace {

// C0, DEL, and C1 in UTF-8 (U+0080 to U+009F). Returns the length of the one at `at`, 0 if there
// is none.
size_t ControlBytes(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20 || byte == 0x7f) return 1;
  if (byte != 0xc2 || at + 1 == text.size()) return 0;
  const auto next = static_cast<unsigned char>(text[at + 1]);
  return next >= 0x80 && next < 0xa0 ? 2 : 0;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    const size_t control = ControlBytes(text, at);
    if (control == 0) {
      shown += text[at++];
      continue;
    }
    at += control;
    shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at - 1]));
  }
  return shown;
}

}  // namespace skybridge::launch
