// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <glog/logging.h>

#include "common/status.h"

namespace skybridge::fuzz {

// What a fuzzer was given, read from front to back as whatever is asked for; zeros once it ends, so
// that every input means something.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  template <typename T>
  T Take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const size_t size = std::min(sizeof(T), rest_.size());
    if (size != 0) std::memcpy(&value, rest_.data(), size);
    rest_.remove_prefix(size);
    return value;
  }
  uint8_t Byte() { return Take<uint8_t>(); }
  // In [0, count).
  uint32_t Below(uint32_t count) { return Byte() % count; }
  // A number as numbers in messages are: mostly small, at times at an end of its type.
  uint64_t Number() {
    const uint8_t kind = Byte();
    if (kind < 224) return kind % 32;
    if (kind < 240) return Take<uint16_t>();
    if (kind < 248) return Take<uint64_t>();
    return ~uint64_t{0} >> (8 * (kind - 248));
  }
  // Up to 255 bytes, their number before them.
  std::string_view Text() { return Cut(Byte()); }
  // Up to 65,535 bytes.
  std::string_view LongText() { return Cut(Take<uint16_t>()); }
  std::string_view Rest() { return Cut(rest_.size()); }

 private:
  std::string_view Cut(size_t size) {
    const std::string_view cut = rest_.substr(0, size);
    rest_.remove_prefix(cut.size());
    return cut;
  }

  std::string_view rest_;
};

// Logs of what is refused would bury a finding.
inline void BeQuiet() { FLAGS_minloglevel = google::GLOG_FATAL; }

// An error says something, in the words of what was attempted.
inline void CheckSays(const Status& error, std::string_view named = "") {
  CHECK(!error.ok());
  CHECK(!error.message().empty()) << "an error without a message";
  CHECK(error.message().find(named) != std::string::npos)
      << "'" << error.message() << "' does not name " << named;
}

}  // namespace skybridge::fuzz
