// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>

namespace skybridge::model {

// Loops over rows of n numbers. A sum runs in sixteen lanes, number i in lane i % 16, which are
// then added in pairs: a fixed order that vector units like.

inline constexpr size_t kLanes = 16;

// Adds the lanes up; destroys them.
inline float SumLanes(float (&lanes)[kLanes]) {
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

inline float Dot(const float* a, const float* b, size_t n) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = std::fma(a[i + lane], b[i + lane], lanes[lane]);
    }
  }
  for (size_t lane = 0; i < n; ++i, ++lane) lanes[lane] = std::fma(a[i], b[i], lanes[lane]);
  return SumLanes(lanes);
}

inline float Sum(const float* a, size_t n) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane];
  }
  for (size_t lane = 0; i < n; ++i, ++lane) lanes[lane] += a[i];
  return SumLanes(lanes);
}

// y += factor * x
inline void AddScaled(float factor, const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = std::fma(factor, x[i], y[i]);
}

}  // namespace skybridge::model
