// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstddef>

namespace skybridge::model {

// Eight floats at once (AVX2 with FMA, which every machine of a cluster has). Each operation
// rounds lane by lane as IEEE says. + - * / of the compiler apply.
using Vec8 = __m256;

inline constexpr size_t kVec8 = 8;

inline Vec8 Load8(const float* from) { return _mm256_loadu_ps(from); }
inline void Store8(float* to, Vec8 value) { _mm256_storeu_ps(to, value); }
inline Vec8 Broadcast8(float value) { return _mm256_set1_ps(value); }
inline Vec8 Zero8() { return _mm256_setzero_ps(); }
// a * b + c, rounded once.
inline Vec8 Fma8(Vec8 a, Vec8 b, Vec8 c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec8 Max8(Vec8 a, Vec8 b) { return _mm256_max_ps(a, b); }
inline Vec8 Min8(Vec8 a, Vec8 b) { return _mm256_min_ps(a, b); }
inline float First8(Vec8 value) { return _mm256_cvtss_f32(value); }

// ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))
inline float SumOf8(Vec8 value) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
  return _mm_cvtss_f32(sum);
}

inline float MaxOf8(Vec8 value) {
  __m128 largest = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
  largest = _mm_max_ps(largest, _mm_movehl_ps(largest, largest));
  largest = _mm_max_ss(largest, _mm_movehdup_ps(largest));
  return _mm_cvtss_f32(largest);
}

}  // namespace skybridge::model
