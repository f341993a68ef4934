// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/seed_run.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/hash.h"
#include "proto/checkpoint_store.h"
#include "proto/wire.pb.h"
#include "tests/sim/operations.h"

namespace skybridge::sim {
namespace {

constexpr uint64_t kRunTwiceEvery = 50;  // Seeds.

constexpr uint64_t kCheckpointsMax = 4;  // Before all is thrown away.
constexpr Duration kThrownAfterMax = std::chrono::seconds(2);
constexpr Duration kLateWordMax = std::chrono::seconds(10);

bool Lockstep(const Swarm& swarm) { return swarm.staleness == 0; }

// Names of the tables in which they differ.
std::string Different(const std::vector<uint64_t>& hashes, const std::vector<uint64_t>& expected,
                      const TinyJob& job) {
  std::string differ;
  for (size_t t = 0; t < hashes.size(); ++t) {
    if (hashes[t] == expected[t]) continue;
    differ += (differ.empty() ? "" : ", ") + job.model().tables()[t].name;
  }
  return differ;
}

// After `restores` of them; what goes wrong is drawn anew.
Swarm NextLife(const Swarm& swarm, uint32_t restores) {
  Swarm next = swarm;
  next.seed = Mix64(swarm.seed + (uint64_t{restores} << 32));
  if (restores % 2 == 1) next.shards = swarm.restored_shards;
  return next;
}

// The job has ended: some checkpoint of it must lead there too. Nothing goes wrong any more.
Swarm LastLife(const Swarm& swarm, uint32_t restores) {
  const Swarm next = NextLife(swarm, restores);
  return {.seed = next.seed,
          .shards = next.shards,
          .trainers = swarm.trainers,
          .ranks = swarm.ranks,
          .epochs = swarm.epochs,
          .staleness = swarm.staleness,
          .tight_memory = swarm.tight_memory,
          .long_partitions = swarm.long_partitions,
          .image_log_bytes = swarm.image_log_bytes,
          .tick = swarm.tick,
          .links = {.delay_min = swarm.links.delay_min,
                    .delay_max = std::chrono::milliseconds(1),
                    .late_max = {}},
          .heal_at = {},
          .deadline = swarm.deadline};
}

// How the run of a cluster came to an end.
enum class RunEnd { kFinished, kThrownAway, kDeadline };

RunEnd RunWhole(TrainingCluster& cluster) {
  return cluster.Run() ? RunEnd::kFinished : RunEnd::kDeadline;
}

// Until some checkpoints more are there, and a while longer.
RunEnd RunPart(TrainingCluster& cluster, const SimObjectStore& objects, Rng& rng) {
  const uint64_t wanted = objects.manifests() + 1 + rng.Below(kCheckpointsMax);
  const Duration after = DrawDuration(rng, Duration{0}, kThrownAfterMax);
  std::optional<Instant> leave_at;
  const auto leave = [&] {
    const Instant now = cluster.cluster().now();
    if (!leave_at && objects.manifests() >= wanted) leave_at = now + after;
    return leave_at && now >= *leave_at;
  };
  if (cluster.Run(leave)) return RunEnd::kFinished;
  return leave() ? RunEnd::kThrownAway : RunEnd::kDeadline;
}

// Words of earlier clusters come late to this one, while faults last. Who wants to be let in anew
// is no word of an earlier life.
void PlanLeftovers(const std::vector<SimCluster::Leftover>& leftovers, TrainingCluster& cluster) {
  Rng rng(cluster.swarm().seed, Purpose::kSimulation, 0, 13);
  SimCluster& sim = cluster.cluster();
  for (const SimCluster::Leftover& leftover : leftovers) {
    wire::Header header;
    const Instant at = sim.now() + DrawDuration(rng, Duration{0}, kLateWordMax);
    const bool read = header.ParseFromString(leftover.message.header);
    if (read && !header.has_register_() && at < cluster.swarm().heal_at) sim.Deliver(leftover, at);
  }
}

void AddStats(TrainingCluster& cluster, SeedOutcome& outcome) {
  const SimCluster& sim = cluster.cluster();
  SimTransport& links = cluster.cluster().transport();
  RunStats& stats = outcome.stats;
  outcome.trace_hash =
      outcome.trace_hash == 0 ? sim.trace_hash() : Mix64(outcome.trace_hash ^ sim.trace_hash());
  stats.events += sim.events();
  stats.seconds += ToSeconds(sim.now().since_start);
  stats.crashes += sim.crashes();
  stats.dropped += links.dropped();
  stats.replayed += links.replayed();
  stats.cuts += links.cuts();
  stats.spilled += cluster.rows_spilled();
  stats.log_full += cluster.log_full();
  stats.moves += cluster.slot_moves();
}

}  // namespace

SeedRunner::SeedRunner(std::string folder) : folder_(std::move(folder)) {
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
}

SeedRunner::JobKey SeedRunner::KeyOf(const Swarm& swarm) {
  return {Lockstep(swarm), swarm.tight_memory, swarm.long_partitions, swarm.epochs};
}

const TinyJob& SeedRunner::JobOf(const Swarm& swarm) {
  std::unique_ptr<const TinyJob>& job = jobs_[KeyOf(swarm)];
  if (job == nullptr) {
    job = TinyJob::Create({.learns = Lockstep(swarm),
                           .wide = swarm.tight_memory,
                           .long_partitions = swarm.long_partitions,
                           .epochs = swarm.epochs},
                          fmt::format("{}/job-{}{}{}-{}", folder_, Lockstep(swarm) ? 'l' : 'a',
                                      swarm.tight_memory ? 'w' : 'n',
                                      swarm.long_partitions ? 'l' : 's', swarm.epochs));
  }
  return *job;
}

const std::vector<SeedRunner::Hashes>& SeedRunner::ExpectedHashes(const Swarm& swarm) {
  const uint32_t ranks = Lockstep(swarm) ? swarm.ranks : 1;
  std::vector<Hashes>& hashes = expected_[{KeyOf(swarm), ranks}];
  if (!hashes.empty()) return hashes;
  const TinyJob& job = JobOf(swarm);
  support::ReferenceTrainer trainer = job.Reference(ranks);
  const auto look = [&](uint64_t) {
    Hashes& now = hashes.emplace_back();
    for (uint32_t t = 0; t < job.model().tables().size(); ++t) {
      now.push_back(trainer.TableHash(TableId(t)));
    }
  };
  Status status = trainer.Prepare();
  if (Lockstep(swarm)) {
    look(0);
    if (status.ok()) status = trainer.Train(look);
  } else {
    if (status.ok()) status = trainer.CountBatches();
    look(0);
  }
  CHECK(status.ok()) << status;
  return hashes;
}

// ---------------------------------------------------------------- lives

SeedOutcome SeedRunner::RunOnce(const Swarm& swarm) {
  World world{
      .objects = SimObjectStore(swarm.seed, swarm.store_failures), .leftovers = {}, .outcome = {}};
  Rng rng(swarm.seed, Purpose::kSimulation, 0, 12);
  Swarm life = swarm;
  std::optional<Beginning> beginning = Beginning();
  for (uint32_t i = 0; beginning; ++i) {
    Rng* throw_away = i < swarm.restores ? &rng : nullptr;
    const bool thrown = RunLife(life, throw_away, *std::exchange(beginning, {}), world);
    if (world.outcome.violation || life.checkpoint_every == Duration{0}) break;
    life = thrown ? NextLife(swarm, i + 1) : LastLife(swarm, i + 1);
    beginning = Restore(life, rng, world);
  }
  world.outcome.stats.checkpoints = world.objects.manifests();
  return world.outcome;
}

bool SeedRunner::RunLife(const Swarm& swarm, Rng* throw_away, Beginning beginning, World& world) {
  const std::string export_folder = folder_ + "/export";
  std::filesystem::remove_all(export_folder);
  TrainingCluster cluster(JobOf(swarm),
                          {.swarm = swarm,
                           .export_folder = export_folder,
                           .objects = &world.objects,
                           .look_at_cut =
                               [&](const checkpoint::Manifest& manifest) {
                                 return LookAtCut(swarm, manifest, world.objects);
                               }},
                          std::move(beginning));
  PlanOperations(cluster);
  PlanLeftovers(world.leftovers, cluster);
  const RunEnd end =
      throw_away == nullptr ? RunWhole(cluster) : RunPart(cluster, world.objects, *throw_away);
  if (end == RunEnd::kThrownAway) {
    for (auto& leftover : cluster.ThrowAway()) world.leftovers.push_back(std::move(leftover));
  }
  world.outcome.violation = cluster.checkers().violation();
  if (!world.outcome.violation && end != RunEnd::kThrownAway) {
    world.outcome.violation = Judge(cluster, end == RunEnd::kFinished);
  }
  AddStats(cluster, world.outcome);
  return end == RunEnd::kThrownAway;
}

std::optional<Beginning> SeedRunner::Restore(const Swarm& swarm, Rng& rng, World& world) {
  const auto rounds = checkpoint::ListRounds(world.objects);
  CHECK(rounds) << rounds.error();
  if (rounds->empty()) return std::nullopt;
  const uint32_t round = rng.Below(3) > 0 ? rounds->back() : (*rounds)[rng.Below(rounds->size())];
  const auto manifest = checkpoint::ReadManifest(world.objects, round);
  CHECK(manifest) << manifest.error();
  const TinyJob& job = JobOf(swarm);
  auto beginning = RestoreCluster(world.objects, *manifest, RestoreShapeOf(job, swarm),
                                  SchedulerOptionsOf(job, swarm, folder_ + "/export"));
  if (!beginning) {
    world.outcome.violation =
        Violation{"I8", "checkpoint " + std::to_string(round) +
                            " is not restored: " + beginning.error().ToString()};
    return std::nullopt;
  }
  ++world.outcome.stats.restores;
  return *std::move(beginning);
}

std::string SeedRunner::LookAtCut(const Swarm& swarm, const checkpoint::Manifest& manifest,
                                  SimObjectStore& objects) {
  const TinyJob& job = JobOf(swarm);
  const auto hashes = HashesAtCut(objects, manifest, RestoreShapeOf(job, swarm));
  if (!hashes) return hashes.error().ToString();
  if (!Lockstep(swarm)) return "";
  const uint64_t clock = manifest.state().clock();
  const std::vector<Hashes>& expected = ExpectedHashes(swarm);
  if (clock >= expected.size()) return "there is no clock " + std::to_string(clock);
  const std::string differ = Different(*hashes, expected[clock], job);
  if (differ.empty()) return "";
  return "rows differ from the reference trainer's at clock " + std::to_string(clock) +
         " in tables: " + differ;
}

// ---------------------------------------------------------------- the end

std::optional<Violation> SeedRunner::Judge(TrainingCluster& cluster, bool ended) {
  if (cluster.nondeterminism() > 0) return Violation{"G8", "a push came again with other bytes"};
  if (!cluster.gave_up().empty()) return Violation{"P8", cluster.gave_up()};
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
  const std::string differ = Different(
      cluster.TableHashes(), ExpectedHashes(cluster.swarm()).back(), JobOf(cluster.swarm()));
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
