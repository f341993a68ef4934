// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/seed_run.h"

#include <filesystem>
#include <utility>

#include <glog/logging.h>

#include "tests/sim/operations.h"

namespace skybridge::sim {
namespace {

constexpr uint64_t kRunTwiceEvery = 50;  // Seeds.

bool Lockstep(const Swarm& swarm) { return swarm.staleness == 0; }

}  // namespace

SeedRunner::SeedRunner(std::string folder) : folder_(std::move(folder)) {
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
}

const TinyJob& SeedRunner::JobOf(const Swarm& swarm) {
  const JobKey key{Lockstep(swarm), swarm.tight_memory, swarm.epochs};
  std::unique_ptr<const TinyJob>& job = jobs_[key];
  if (job == nullptr) {
    job = TinyJob::Create(
        {.learns = Lockstep(swarm), .wide = swarm.tight_memory, .epochs = swarm.epochs},
        folder_ + (swarm.tight_memory ? "/wide" : "/deep") +
            (Lockstep(swarm) ? "-learns-" : "-counts-") + std::to_string(swarm.epochs));
  }
  return *job;
}

const std::vector<uint64_t>& SeedRunner::ExpectedHashes(const Swarm& swarm) {
  const uint32_t ranks = Lockstep(swarm) ? swarm.ranks : 1;
  const JobKey key{Lockstep(swarm), swarm.tight_memory, swarm.epochs};
  std::vector<uint64_t>& hashes = expected_[{key, ranks}];
  if (!hashes.empty()) return hashes;
  const TinyJob& job = JobOf(swarm);
  support::ReferenceTrainer trainer = job.Reference(ranks);
  Status status = trainer.Prepare();
  if (status.ok()) status = Lockstep(swarm) ? trainer.Train() : trainer.CountBatches();
  CHECK(status.ok()) << status;
  for (uint32_t t = 0; t < job.model().tables().size(); ++t) {
    hashes.push_back(trainer.TableHash(TableId(t)));
  }
  return hashes;
}

SeedOutcome SeedRunner::RunOnce(const Swarm& swarm) {
  const std::string export_folder = folder_ + "/export";
  std::filesystem::remove_all(export_folder);
  TrainingCluster cluster(JobOf(swarm), {.swarm = swarm, .export_folder = export_folder});
  PlanOperations(cluster);
  SeedOutcome outcome;
  outcome.violation = Judge(cluster);
  const SimCluster& sim = cluster.cluster();
  SimTransport& links = cluster.cluster().transport();
  outcome.trace_hash = sim.trace_hash();
  outcome.stats = {.events = sim.events(),
                   .seconds = ToSeconds(sim.now().since_start),
                   .crashes = sim.crashes(),
                   .dropped = links.dropped(),
                   .replayed = links.replayed(),
                   .cuts = links.cuts(),
                   .spilled = cluster.rows_spilled(),
                   .log_full = cluster.log_full()};
  return outcome;
}

std::optional<Violation> SeedRunner::Judge(TrainingCluster& cluster) {
  const bool ended = cluster.Run();
  if (cluster.checkers().violation()) return cluster.checkers().violation();
  if (cluster.nondeterminism() > 0) return Violation{"G8", "a push came again with other bytes"};
  if (!ended) {
    return Violation{
        "I11", "the job has not ended by " +
                   std::to_string(cluster.swarm().deadline.since_start / std::chrono::seconds(1)) +
                   " s"};
  }
  if (!cluster.result().status.ok()) {
    return Violation{"P8", "the job failed: " + cluster.result().status.ToString()};
  }
  if (auto wrong = CompareTables(cluster)) return wrong;
  const uint64_t examples = cluster.result().training_pairs * cluster.swarm().epochs;
  if (cluster.result().examples_trained != examples) {
    return Violation{"I15", std::to_string(cluster.result().examples_trained) +
                                " examples were counted of " + std::to_string(examples)};
  }
  cluster.checkers().Ended();
  return cluster.checkers().violation();
}

std::optional<Violation> SeedRunner::CompareTables(const TrainingCluster& cluster) {
  const std::vector<uint64_t>& expected = ExpectedHashes(cluster.swarm());
  const std::vector<uint64_t> hashes = cluster.TableHashes();
  std::string differ;
  for (size_t t = 0; t < hashes.size(); ++t) {
    const std::string& name = JobOf(cluster.swarm()).model().tables()[t].name;
    if (hashes[t] != expected[t]) differ += (differ.empty() ? "" : ", ") + name;
  }
  if (differ.empty()) return std::nullopt;
  if (Lockstep(cluster.swarm())) {
    return Violation{"I3", "rows differ from the reference trainer's in tables: " + differ};
  }
  return Violation{"I2", "rows did not count each batch once, in tables: " + differ};
}

SeedOutcome SeedRunner::Run(const Swarm& swarm) {
  SeedOutcome outcome = RunOnce(swarm);
  if (outcome.violation || swarm.seed % kRunTwiceEvery != 0) return outcome;
  if (RunOnce(swarm).trace_hash != outcome.trace_hash) {
    outcome.violation = Violation{"I12", "two runs of this seed differ"};
  }
  return outcome;
}

}  // namespace skybridge::sim
