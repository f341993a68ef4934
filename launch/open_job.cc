// SPDX-License-Identifier: Apache-2.0
#include "launch/open_job.h"

#include <utility>

#include "data/job_adapter.h"
#include "launch/cluster_config.h"
#include "retrieval/index.h"

namespace skybridge::launch {

Result<OpenJob> OpenLoadedJob(LoadedJob loaded) {
  SKY_ASSIGN_OR_RETURN(data::DatasetOptions options, data::OptionsFromJob(loaded.job, loaded.base));
  SKY_ASSIGN_OR_RETURN(model::TwoTower model, ModelOfJob(loaded.job));
  if (const std::string& factory = loaded.job.index().factory(); !factory.empty()) {
    // Now, not after the training.
    SKY_RETURN_IF_ERROR(retrieval::CheckFactory(factory, model.dim()).WithContext("index.factory"));
  }
  SKY_ASSIGN_OR_RETURN(data::DatasetPlan plan, data::PlanDataset(options));
  return OpenJob{.loaded = std::move(loaded),
                 .model = std::move(model),
                 .data = std::move(options),
                 .plan = std::move(plan)};
}

Result<std::shared_ptr<const data::Catalogue>> CatalogueIfNeeded(const OpenJob& job) {
  SKY_ASSIGN_OR_RETURN(const bool needed, data::TrainingNeedsCatalogue(job.data, job.plan));
  if (!needed && !data::ExportNeedsCatalogue(job.data)) {
    return std::shared_ptr<const data::Catalogue>();
  }
  SKY_ASSIGN_OR_RETURN(data::Catalogue catalogue, data::Catalogue::Load(job.data, job.plan));
  return std::shared_ptr<const data::Catalogue>(
      std::make_shared<data::Catalogue>(std::move(catalogue)));
}

}  // namespace skybridge::launch
