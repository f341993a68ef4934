// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>

#include "model/vec8.h"

namespace skybridge::model {

// Loops over rows of n numbers. The order of a sum depends on n alone: lanes of eight, then the
// rest one by one.

inline float Dot(const float* a, const float* b, size_t n) {
  Vec8 even = Zero8();
  Vec8 odd = Zero8();
  size_t i = 0;
  for (; i + 2 * kVec8 <= n; i += 2 * kVec8) {
    even = Fma8(Load8(a + i), Load8(b + i), even);
    odd = Fma8(Load8(a + i + kVec8), Load8(b + i + kVec8), odd);
  }
  if (i + kVec8 <= n) {
    even = Fma8(Load8(a + i), Load8(b + i), even);
    i += kVec8;
  }
  float sum = SumOf8(even + odd);
  for (; i < n; ++i) sum = std::fma(a[i], b[i], sum);
  return sum;
}

inline float Sum(const float* a, size_t n) {
  Vec8 lanes = Zero8();
  size_t i = 0;
  for (; i + kVec8 <= n; i += kVec8) lanes = lanes + Load8(a + i);
  float sum = SumOf8(lanes);
  for (; i < n; ++i) sum += a[i];
  return sum;
}

// y += factor * x
inline void AddScaled(float factor, const float* x, float* y, size_t n) {
  const Vec8 factors = Broadcast8(factor);
  size_t i = 0;
  for (; i + kVec8 <= n; i += kVec8) Store8(y + i, Fma8(factors, Load8(x + i), Load8(y + i)));
  for (; i < n; ++i) y[i] = std::fma(factor, x[i], y[i]);
}

}  // namespace skybridge::model
