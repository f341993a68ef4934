// SPDX-License-Identifier: Apache-2.0
#include "env/cpu_check.h"

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

constexpr CpuFeatures kAll{true, true, true, true, true, true, true, true};

TEST(CpuCheckTest, EveryFeatureIsNeededAndNamed) {
  EXPECT_EQ(MissingCpuFeature(kAll), nullptr);
  CpuFeatures old = kAll;
  old.fma = false;
  EXPECT_STREQ(MissingCpuFeature(old), "FMA");
  old = kAll;
  old.bmi2 = false;
  EXPECT_STREQ(MissingCpuFeature(old), "BMI2");
  EXPECT_STREQ(MissingCpuFeature({}), "AVX");
}

TEST(CpuCheckTest, ThisProcessorPasses) {
  EXPECT_EQ(MissingCpuFeature(DetectCpuFeatures()), nullptr);
  RequireCpu();
}

}  // namespace
}  // namespace skybridge::env
