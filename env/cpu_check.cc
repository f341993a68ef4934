// SPDX-License-Identifier: Apache-2.0
// Compiled for the oldest x86-64, and free of anything inline from headers: the linker may keep
// one copy of an inline function for the whole program, namely the one for newer processors.
#include "env/cpu_check.h"

#include <unistd.h>

namespace skybridge::env {
namespace {

void Write(const char* text) {
  unsigned long length = 0;
  while (text[length] != '\0') ++length;
  (void)!write(STDERR_FILENO, text, length);
}

// Before the static initialisers of every other file: those have priorities above 101, or none.
__attribute__((constructor(101))) void RequireCpuFirst() { RequireCpu(); }

}  // namespace

CpuFeatures DetectCpuFeatures() {
  __builtin_cpu_init();
  return {.avx = __builtin_cpu_supports("avx") != 0,
          .avx2 = __builtin_cpu_supports("avx2") != 0,
          .bmi = __builtin_cpu_supports("bmi") != 0,
          .bmi2 = __builtin_cpu_supports("bmi2") != 0,
          .f16c = __builtin_cpu_supports("f16c") != 0,
          .fma = __builtin_cpu_supports("fma") != 0,
          .lzcnt = __builtin_cpu_supports("lzcnt") != 0,
          .movbe = __builtin_cpu_supports("movbe") != 0};
}

const char* MissingCpuFeature(const CpuFeatures& features) {
  if (!features.avx) return "AVX";
  if (!features.avx2) return "AVX2";
  if (!features.bmi) return "BMI";
  if (!features.bmi2) return "BMI2";
  if (!features.f16c) return "F16C";
  if (!features.fma) return "FMA";
  if (!features.lzcnt) return "LZCNT";
  if (!features.movbe) return "MOVBE";
  return nullptr;
}

void RequireCpu() {
  const char* const missing = MissingCpuFeature(DetectCpuFeatures());
  if (missing == nullptr) return;
  Write(
      "skybridge needs a processor with the instructions of x86-64-v3 (2013 or newer); this one "
      "has no ");
  Write(missing);
  Write(". Run on another machine, so that all machines compute the same bits.\n");
  _exit(kCpuTooOldExit);
}

}  // namespace skybridge::env
