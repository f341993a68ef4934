// SPDX-License-Identifier: Apache-2.0
#include "model/options_check.h"

#include <functional>
#include <limits>

#include "tests/model/model_case.h"

namespace skybridge::model {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Options that `change` made invalid, and what the message has to name.
void ExpectRefused(const std::function<void(TwoTowerOptions&)>& change,
                   const std::vector<std::string>& named) {
  TwoTowerOptions options = LayeredOptions();
  change(options);
  const Status status = ValidateOptions(options);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << named.back();
  for (const std::string& word : named) {
    EXPECT_NE(status.message().find(word), std::string::npos)
        << "\"" << status.message() << "\" does not name " << word;
  }
}

TEST(OptionsCheckTest, SoundOptionsPass) {
  EXPECT_EQ(ValidateOptions(LayeredOptions()), Status());
  EXPECT_EQ(ValidateOptions(SummingOptions()), Status());
}

TEST(OptionsCheckTest, ABadTableIsNamed) {
  ExpectRefused([](auto& o) { o.tables[1].name = ""; }, {"table has no name"});
  ExpectRefused([](auto& o) { o.tables[1].dim = 0; }, {"table \"items\"", "dim"});
  for (const float bad : {-0.1f, kNaN, kInfinity}) {
    ExpectRefused([&](auto& o) { o.tables[0].init_stddev = bad; },
                  {"table \"words\"", "init_stddev"});
  }
}

TEST(OptionsCheckTest, ABadTowerIsNamed) {
  ExpectRefused([](auto& o) { o.query.dim = 0; }, {"query tower", "dim"});
  ExpectRefused([](auto& o) { o.candidate.dim = 0; }, {"candidate tower", "dim"});
  ExpectRefused([](auto& o) { o.query.features.clear(); }, {"query tower", "no feature"});
  ExpectRefused([](auto& o) { o.candidate.hidden[1] = 0; }, {"candidate tower", "hidden"});
  for (const float bad : {0.0f, -1.0f, kNaN, kInfinity}) {
    ExpectRefused([&](auto& o) { o.candidate.pivot = bad; }, {"candidate tower", "pivot"});
  }
}

TEST(OptionsCheckTest, ThePivotOfATowerThatHasNoneDoesNotMatter) {
  TwoTowerOptions options = LayeredOptions();
  options.query.pivot = 0;
  EXPECT_EQ(ValidateOptions(options), Status());
}

TEST(OptionsCheckTest, TowersOfDifferentWidthAreRefused) {
  ExpectRefused([](auto& o) { o.query.dim = 7; }, {"query tower has dim 7", "candidate tower 4"});
}

TEST(OptionsCheckTest, ABadNumberIsNamed) {
  const std::string feature = "query tower: feature \"age\"";
  for (const float bad : {kNaN, kInfinity}) {
    ExpectRefused([&](auto& o) { o.query.features[1].center = bad; }, {feature, "center"});
  }
  for (const float bad : {0.0f, kNaN, -kInfinity}) {
    ExpectRefused([&](auto& o) { o.query.features[1].scale = bad; }, {feature, "scale"});
  }
  ExpectRefused([](auto& o) { o.query.features[1].learned_weights = true; },
                {feature, "learned weights"});
  ExpectRefused(
      [](auto& o) {
        o.tables[0].dim = 4;
        o.query.hidden.clear();
      },
      {feature, "hidden layers"});
}

TEST(OptionsCheckTest, ABagWithoutItsTableIsNamed) {
  ExpectRefused([](auto& o) { o.candidate.features[0].table = "nowhere"; },
                {"candidate tower: feature \"id\"", "no table \"nowhere\""});
}

TEST(OptionsCheckTest, ATowerWithoutLayersNeedsTablesOfItsWidth) {
  ExpectRefused([](auto& o) { o.candidate.hidden.clear(); },
                {"candidate tower: feature \"id\"", "table \"items\"", "width 5", "4"});
}

TEST(OptionsCheckTest, ABadLossIsNamed) {
  for (const float bad : {0.0f, -1.0f, kNaN, kInfinity}) {
    ExpectRefused([&](auto& o) { o.loss.temperature = bad; }, {"loss", "temperature"});
  }
  for (const float bad : {-1.0f, kNaN, kInfinity}) {
    ExpectRefused([&](auto& o) { o.loss.negative_weight = bad; }, {"loss", "negative_weight"});
    ExpectRefused([&](auto& o) { o.loss.logq = bad; }, {"loss", "logq"});
  }
  TwoTowerOptions options = LayeredOptions();
  options.loss.negative_weight = 0;
  options.loss.logq = 0;
  EXPECT_EQ(ValidateOptions(options), Status());
}

}  // namespace
}  // namespace skybridge::model
