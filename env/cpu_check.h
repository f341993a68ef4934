// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace skybridge::env {

// Whether the processor has what x86-64-v3 code needs, by feature.
struct CpuFeatures {
  bool avx, avx2, bmi, bmi2, f16c, fma, lzcnt, movbe;
};

CpuFeatures DetectCpuFeatures();
// The name of the first feature that is not there, or null. Static storage.
const char* MissingCpuFeature(const CpuFeatures& features);

// Ends the process with a message and `kCpuTooOldExit` unless the processor can run this build.
//
// A program that calls it anywhere is also checked before its static initialisers, which are
// compiled for the newer processor too and would die of an illegal instruction.
void RequireCpu();
inline constexpr int kCpuTooOldExit = 1;

}  // namespace skybridge::env
