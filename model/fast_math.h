// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace skybridge::model {

// Elementary functions of single precision whose bits are the same everywhere, unlike libm's.
// Free of branches, so that loops over them become vector code with the same bits a lane.
// Polynomials: Cephes (Moshier), single precision.

namespace internal {

struct ExpParts {
  float power;   // 2^n
  float minus1;  // exp(r) - 1, where x = n log 2 + r
};

// x in [-87, 88].
inline ExpParts SplitExp(float x) {
  constexpr float kRound = 0x1.8p23f;  // Adding it leaves the nearest whole number in the low bits.
  const float shifted = std::fma(x, 1.44269504088896341f, kRound);
  const float n = shifted - kRound;
  const float r = std::fma(n, 2.12194440e-4f, std::fma(n, -0.693359375f, x));
  float p = 1.9875691500e-4f;
  p = std::fma(p, r, 1.3981999507e-3f);
  p = std::fma(p, r, 8.3334519073e-3f);
  p = std::fma(p, r, 4.1665795894e-2f);
  p = std::fma(p, r, 1.6666665459e-1f);
  p = std::fma(p, r, 5.0000001201e-1f);
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) << 23) + (127u << 23);
  return {std::bit_cast<float>(exponent), std::fma(p, r * r, r)};
}

inline constexpr float kExpLowest = -87.0f;
inline constexpr float kExpHighest = 88.0f;

}  // namespace internal

// e^x within 2 ulp; 0 below -87, e^88 above 88.
inline float Exp(float x) {
  float clamped = x < internal::kExpLowest ? internal::kExpLowest : x;
  clamped = clamped > internal::kExpHighest ? internal::kExpHighest : clamped;
  const internal::ExpParts parts = internal::SplitExp(clamped);
  const float value = std::fma(parts.power, parts.minus1, parts.power);
  return x < internal::kExpLowest ? 0.0f : value;
}

// e^x - 1 within 4 ulp, also near 0; -1 below -87.
inline float ExpMinus1(float x) {
  float clamped = x < internal::kExpLowest ? internal::kExpLowest : x;
  clamped = clamped > internal::kExpHighest ? internal::kExpHighest : clamped;
  const internal::ExpParts parts = internal::SplitExp(clamped);
  return std::fma(parts.power, parts.minus1, parts.power - 1.0f);
}

// The natural logarithm, within 2 ulp or 1e-7, of a normal positive number; of 0: -infinity.
inline float Log(float x) {
  constexpr uint32_t kRootHalf = 0x3f3504f3;  // sqrt(1/2): the mantissa is in [sqrt(1/2), sqrt(2)).
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const int32_t exponent = static_cast<int32_t>(bits - kRootHalf) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<uint32_t>(exponent) << 23)) - 1.0f;
  const float e = static_cast<float>(exponent);
  float p = 7.0376836292e-2f;
  p = std::fma(p, m, -1.1514610310e-1f);
  p = std::fma(p, m, 1.1676998740e-1f);
  p = std::fma(p, m, -1.2420140846e-1f);
  p = std::fma(p, m, 1.4249322787e-1f);
  p = std::fma(p, m, -1.6668057665e-1f);
  p = std::fma(p, m, 2.0000714765e-1f);
  p = std::fma(p, m, -2.4999993993e-1f);
  p = std::fma(p, m, 3.3333331174e-1f);
  const float squared = m * m;
  float value = std::fma(e, -2.12194440e-4f, p * m * squared);
  value = std::fma(squared, -0.5f, value) + m;
  value = std::fma(e, 0.693359375f, value);
  return x > 0 ? value : -std::numeric_limits<float>::infinity();
}

// 1 / (1 + e^-x)
inline float Sigmoid(float x) {
  const float e = Exp(-std::fabs(x));
  return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

// log(1 + e^x)
inline float Softplus(float x) { return (x > 0 ? x : 0.0f) + Log(1.0f + Exp(-std::fabs(x))); }

}  // namespace skybridge::model
