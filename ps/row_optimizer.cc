// SPDX-License-Identifier: Apache-2.0
#include "ps/row_optimizer.h"

#include <cmath>
#include <string>

#include <glog/logging.h>

#include "ps/adagrad.h"
#include "ps/adam.h"
#include "ps/rowwise_adagrad.h"
#include "ps/sgd.h"

namespace skybridge::ps {

void OptimizerStep(const OptimizerOptions& options, std::span<float> weights,
                   std::span<float> state, std::span<const float> gradient, float rate_factor) {
  const float rate =
      options.linear_decay ? options.learning_rate * rate_factor : options.learning_rate;
  switch (options.kind) {
    case RowOptimizer::kSgd: return SgdStep(weights, gradient, rate);
    case RowOptimizer::kAdagrad:
      return AdagradStep(weights, state, gradient, rate, options.epsilon);
    case RowOptimizer::kRowwiseAdagrad:
      return RowwiseAdagradStep(weights, state[0], gradient, rate, options.epsilon);
    case RowOptimizer::kAdam:
      return AdamStep(weights, state, gradient, rate,
                      {.beta1 = options.beta1,
                       .beta2 = options.beta2,
                       .epsilon = options.epsilon,
                       .bias_correction = options.bias_correction});
  }
  LOG(FATAL) << "unknown optimizer " << static_cast<int>(options.kind);
}

Status ValidateOptimizer(const OptimizerOptions& options) {
  const auto refuse = [](const char* name, float value, const char* allowed) {
    return Status(StatusCode::kInvalidArgument, std::string("optimizer: ") + name + " is " +
                                                    std::to_string(value) + ", must be " + allowed);
  };
  if (!std::isfinite(options.learning_rate) || options.learning_rate < 0) {
    return refuse("learning_rate", options.learning_rate, "finite and at least 0");
  }
  if (!std::isfinite(options.epsilon) || options.epsilon < 0) {
    return refuse("epsilon", options.epsilon, "finite and at least 0");
  }
  if (!(options.beta1 >= 0 && options.beta1 < 1)) {
    return refuse("beta1", options.beta1, "in [0, 1)");
  }
  if (!(options.beta2 >= 0 && options.beta2 < 1)) {
    return refuse("beta2", options.beta2, "in [0, 1)");
  }
  return Status();
}

}  // namespace skybridge::ps
