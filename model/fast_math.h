// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

#include "model/vec8.h"

namespace skybridge::model {

// Elementary functions of single precision whose bits are the same on every machine, unlike
// libm's. A float gets the bits that a lane of eight gets. Polynomials: Cephes (Moshier).

namespace internal {

inline constexpr float kExpLowest = -87.0f;
inline constexpr float kExpHighest = 88.0f;

// x = n log 2 + r, |r| <= log 2 / 2; x is first limited to [kExpLowest, kExpHighest].
struct ExpParts {
  Vec8 power;   // 2^n
  Vec8 minus1;  // exp(r) - 1
};

inline ExpParts SplitExp(Vec8 x) {
  const Vec8 limited = Min8(Max8(x, Broadcast8(kExpLowest)), Broadcast8(kExpHighest));
  const Vec8 round = Broadcast8(0x1.8p23f);  // Adding it leaves the nearest whole number in the
  const Vec8 shifted =                       // low bits.
      Fma8(limited, Broadcast8(1.44269504088896341f), round);
  const Vec8 n = shifted - round;
  const Vec8 r = Fma8(n, Broadcast8(2.12194440e-4f), Fma8(n, Broadcast8(-0.693359375f), limited));
  Vec8 p = Broadcast8(1.9875691500e-4f);
  p = Fma8(p, r, Broadcast8(1.3981999507e-3f));
  p = Fma8(p, r, Broadcast8(8.3334519073e-3f));
  p = Fma8(p, r, Broadcast8(4.1665795894e-2f));
  p = Fma8(p, r, Broadcast8(1.6666665459e-1f));
  p = Fma8(p, r, Broadcast8(5.0000001201e-1f));
  const __m256i exponent = _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23),
                                            _mm256_set1_epi32(127 << 23));
  return {_mm256_castsi256_ps(exponent), Fma8(p, r * r, r)};
}

}  // namespace internal

// e^x within 2 ulp; 0 below -87, e^88 above 88. Not for NaN.
inline Vec8 Exp8(Vec8 x) {
  const internal::ExpParts parts = internal::SplitExp(x);
  const Vec8 value = Fma8(parts.power, parts.minus1, parts.power);
  const Vec8 counts = _mm256_cmp_ps(x, Broadcast8(internal::kExpLowest), _CMP_GE_OQ);
  return _mm256_and_ps(value, counts);
}

// e^x - 1 within 4 ulp, also near 0; as Exp8 in its limits.
inline Vec8 ExpMinus1Of8(Vec8 x) {
  const internal::ExpParts parts = internal::SplitExp(x);
  return Fma8(parts.power, parts.minus1, parts.power - Broadcast8(1.0f));
}

// The natural logarithm within 2 ulp or 1e-7, for normal positive numbers; of 0: -infinity.
inline Vec8 Log8(Vec8 x) {
  const __m256i bits = _mm256_castps_si256(x);
  // The mantissa is brought into [sqrt(1/2), sqrt(2)).
  const __m256i root_half = _mm256_set1_epi32(0x3f3504f3);
  const __m256i exponent = _mm256_srai_epi32(_mm256_sub_epi32(bits, root_half), 23);
  const Vec8 mantissa =
      _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
  const Vec8 m = mantissa - Broadcast8(1.0f);
  const Vec8 e = _mm256_cvtepi32_ps(exponent);
  Vec8 p = Broadcast8(7.0376836292e-2f);
  p = Fma8(p, m, Broadcast8(-1.1514610310e-1f));
  p = Fma8(p, m, Broadcast8(1.1676998740e-1f));
  p = Fma8(p, m, Broadcast8(-1.2420140846e-1f));
  p = Fma8(p, m, Broadcast8(1.4249322787e-1f));
  p = Fma8(p, m, Broadcast8(-1.6668057665e-1f));
  p = Fma8(p, m, Broadcast8(2.0000714765e-1f));
  p = Fma8(p, m, Broadcast8(-2.4999993993e-1f));
  p = Fma8(p, m, Broadcast8(3.3333331174e-1f));
  const Vec8 squared = m * m;
  Vec8 value = Fma8(e, Broadcast8(-2.12194440e-4f), p * m * squared);
  value = Fma8(squared, Broadcast8(-0.5f), value) + m;
  value = Fma8(e, Broadcast8(0.693359375f), value);
  const Vec8 zero = _mm256_cmp_ps(x, Zero8(), _CMP_EQ_OQ);
  return _mm256_blendv_ps(value, Broadcast8(-std::numeric_limits<float>::infinity()), zero);
}

inline float Exp(float x) { return First8(Exp8(Broadcast8(x))); }
inline float ExpMinus1(float x) { return First8(ExpMinus1Of8(Broadcast8(x))); }
inline float Log(float x) { return First8(Log8(Broadcast8(x))); }

// 1 / (1 + e^-x)
inline float Sigmoid(float x) {
  const float e = Exp(-std::fabs(x));
  return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

// log(1 + e^x)
inline float Softplus(float x) { return (x > 0 ? x : 0.0f) + Log(1.0f + Exp(-std::fabs(x))); }

}  // namespace skybridge::model
