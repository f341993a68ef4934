// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace skybridge::launch {

// Mistakes found in a job, each led by the path of its field.
class Findings {
 public:
  template <typename... Args>
  void Add(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
    found_.push_back(path + ": " + fmt::format(format, std::forward<Args>(args)...));
  }

  // Finds `value` unless it is in [least, most].
  template <typename Number>
  void Range(const std::string& path, Number value, Number least, Number most) {
    if (value >= least && value <= most) return;
    Add(path, "{} is not in {} to {}", value, least, most);
  }

  // Finds `value` unless it is a finite number above 0.
  void Positive(const std::string& path, double value) {
    if (!(value > 0 && value < 1e300)) Add(path, "{} is not above 0", value);
  }

  // Finds `value` unless it is a finite number, 0 or more.
  void NotNegative(const std::string& path, double value) {
    if (!(value >= 0 && value < 1e300)) Add(path, "{} is below 0", value);
  }

  const std::vector<std::string>& found() const { return found_; }

 private:
  std::vector<std::string> found_;
};

}  // namespace skybridge::launch
