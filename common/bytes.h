// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skybridge {

static_assert(std::endian::native == std::endian::little,
              "raw arrays on the wire are little-endian");

// Appends the bytes of `values`.
template <typename T>
void AppendRaw(std::string& out, std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

// Cuts arrays off the front of a payload. The caller has checked that the sizes add up.
class RawReader {
 public:
  explicit RawReader(std::string_view bytes) : bytes_(bytes) {}

  size_t remaining() const { return bytes_.size(); }

  // Copies `count` values into `out`, which is resized. False, and nothing read, if they are not
  // all there.
  template <typename T>
  [[nodiscard]] bool Read(size_t count, std::vector<T>& out) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (bytes_.size() / sizeof(T) < count) return false;
    out.resize(count);
    if (count > 0) std::memcpy(out.data(), bytes_.data(), count * sizeof(T));
    bytes_.remove_prefix(count * sizeof(T));
    return true;
  }

 private:
  std::string_view bytes_;
};

}  // namespace skybridge
