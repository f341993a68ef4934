// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "common/status.h"
#include "data/catalogue.h"
#include "data/dataset_plan.h"
#include "data/options.h"
#include "launch/job_file.h"
#include "model/two_tower.h"

namespace skybridge::launch {

// A job with its model made and its files found.
struct OpenJob {
  LoadedJob loaded;
  model::TwoTower model;
  data::DatasetOptions data;
  data::DatasetPlan plan;
};

// Errors: those of OptionsFromJob, PlanDataset and TwoTower::Create.
Result<OpenJob> OpenLoadedJob(LoadedJob loaded);

// The catalogue if some work of a trainer needs it, else null. Errors: those of reading it.
Result<std::shared_ptr<const data::Catalogue>> CatalogueIfNeeded(const OpenJob& job);

}  // namespace skybridge::launch
