// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/status.h"
#include "model/two_tower.h"
#include "proto/job.pb.h"

namespace skybridge::worker {

// The model that a resolved job describes. Errors: those of TwoTower::Create, and kInvalidArgument
// naming what the job asks for and the model cannot do.
Result<model::TwoTowerOptions> ModelOptionsFromJob(const job::Job& job);
OptimizerOptions OptimizerFromJob(const job::Optimizer& optimizer);

}  // namespace skybridge::worker
