// SPDX-License-Identifier: Apache-2.0
#include "launch/roles.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "env/files.h"
#include "env/host.h"
#include "env/posix_disk.h"
#include "env/segmented_log.h"
#include "launch/checkpoint_folder.h"
#include "ps/row_record.h"

namespace skybridge::launch {
namespace {

// Shards that are told to go hear of it within this of each other.
constexpr Duration kGoTogether = std::chrono::seconds(5);

// The first error of a node that has ended, or of its loop.
template <typename Nodes>
Status FirstError(const Nodes& nodes) {
  for (const auto& hosted : nodes) {
    if (!hosted.host->ended()) continue;  // Its thread still writes.
    SKY_RETURN_IF_ERROR(hosted.host->loop_status());
    SKY_RETURN_IF_ERROR(hosted.node->exit_status());
  }
  return {};
}

// One that failed is not left out: only a process can be started again.
template <typename Nodes>
bool HaveEnded(const Nodes& nodes) {
  return std::ranges::all_of(nodes, [](const auto& hosted) { return hosted.host->ended(); }) ||
         !FirstError(nodes).ok();
}

// RocksDB has a lock of its own, which does not say who holds it. A process that was stopped does.
Result<env::FileLock> LockStore(const std::string& path) {
  auto lock = env::FileLock::Take(path + ".lock", Duration::zero());
  if (lock) return lock;
  return Status(StatusCode::kUnavailable,
                fmt::format("store {}: {}: it has to end first", path, lock.error().message()));
}

std::string NumberedEndpoint(const std::string& endpoint, uint32_t number) {
  return endpoint.ends_with("-") ? fmt::format("{}{}", endpoint, number) : endpoint;
}

}  // namespace

env::RocksDbRowStoreOptions ShardStoreOptions(const TableSpecs& tables, const JobId& job,
                                              uint32_t shard, const std::string& folder) {
  return {.folder = fmt::format("{}/shard-{}", folder, shard),
          .owner = fmt::format("job {}, shard {}", JobIdText(job), shard),
          .new_store_id = env::UniqueNumber(),
          .record_bytes = ps::RecordBytes(tables)};
}

Result<std::unique_ptr<ServerRole>> ServerRole::Start(
    const OpenJob& job, const RunIdentity& identity, uint32_t server, const std::string& folder,
    const std::string& checkpoints, const ListenOptions& listen, ProcessRuntime& runtime) {
  std::unique_ptr<ServerRole> role(new ServerRole(runtime.clock));
  SKY_ASSIGN_OR_RETURN(role->checkpoints_, OpenCheckpoints(job.loaded, identity.id, checkpoints));
  SKY_RETURN_IF_ERROR(env::MakeFolders(folder));
  const uint32_t count = ShapeOf(job.loaded.job).shards_per_server;
  for (uint32_t shard = server * count; shard < (server + 1) * count; ++shard) {
    const Status started = role->StartShard(job, identity, shard, folder, listen, runtime);
    if (!started.ok()) return OfOwnState(started);
  }
  return role;
}

Status ServerRole::StartShard(const OpenJob& job, const RunIdentity& identity, uint32_t shard,
                              const std::string& folder, const ListenOptions& listen,
                              ProcessRuntime& runtime) {
  const env::RocksDbRowStoreOptions store_options =
      ShardStoreOptions(job.model.tables(), identity.id, shard, folder);
  SKY_ASSIGN_OR_RETURN(env::FileLock lock, LockStore(store_options.folder));
  Shard started{.lock = std::move(lock)};
  SKY_ASSIGN_OR_RETURN(started.life, env::LogLife::Open(store_options.folder + "/log_life"));
  SKY_ASSIGN_OR_RETURN(auto store, env::RocksDbRowStore::Open(store_options));
  const uint64_t store_id = store->store_id();
  const std::string boot = env::BootId();
  SKY_RETURN_IF_ERROR(started.life->CheckWhole(boot));
  started.store = std::move(store);
  started.disk = std::make_unique<env::PosixDisk>();
  SKY_ASSIGN_OR_RETURN(
      started.host, NodeHost::Create(runtime, {.listen = NumberedEndpoint(listen.endpoint, shard),
                                               .insecure_network = listen.insecure_network}));
  ps::ShardNodeOptions options =
      ShardOptionsOf(job.loaded, job.model, identity, shard,
                     listen.advertise.empty() ? started.host->endpoint() : listen.advertise);
  options.store_id = store_id;
  SKY_RETURN_IF_ERROR(options.Validate());
  env::SegmentedLogOptions log_options{.folder = store_options.folder + "/log",
                                       .store_id = store_id,
                                       .begun = started.life->begun()};
  // What an image lets go of is enough until the next one.
  log_options.spares_max = options.image_log_bytes / log_options.segment_bytes + 2;
  SKY_ASSIGN_OR_RETURN(started.log, env::SegmentedLog::Open(*started.disk, log_options));
  const bool waits = job.loaded.job.cluster().durability() == job::POWER;
  SKY_RETURN_IF_ERROR(started.life->Begin(waits ? "" : boot));
  SKY_ASSIGN_OR_RETURN(auto node, ps::ShardNode::Open(std::move(options), *started.store,
                                                      *started.log, checkpoints_.get()));
  started.node = node.get();
  started.host->Start(std::move(node));
  shards_.push_back(std::move(started));
  return {};
}

// A log that ends well is whole whatever happens to its machine then. One of which that is not
// said costs work at most.
ServerRole::~ServerRole() {
  for (Shard& shard : shards_) {
    shard.host.reset();
    Status ended = shard.log->Sync();
    if (ended.ok()) ended = shard.life->End();
    if (!ended.ok()) LOG(WARNING) << "end a shard: " << ended;
  }
}

bool ServerRole::ended() {
  const auto has_ended = [](const Shard& shard) { return shard.host->ended(); };
  if (HaveEnded(shards_)) return true;
  if (std::ranges::none_of(shards_, has_ended)) return false;
  // They were told to go, but the job came to need the server before all had heard it.
  const Instant now = clock_.Now();
  if (!first_ended_at_) first_ended_at_ = now;
  return now - *first_ended_at_ > kGoTogether;
}

void ServerRole::RequestStop() {
  for (Shard& shard : shards_) shard.host->RequestStop();
}

Status ServerRole::status() const { return OfOwnState(FirstError(shards_)); }

std::shared_ptr<const worker::Dataset> MakeDataset(const OpenJob& job) {
  return std::make_shared<const worker::Dataset>(
      job.data, job.plan, [&job]() -> Result<worker::Dataset::SharedCatalogue> {
        LOG(INFO) << "reading what trainers need of the catalogue";
        SKY_ASSIGN_OR_RETURN(auto catalogue, CatalogueIfNeeded(job));
        LOG(INFO) << (catalogue ? catalogue->size() : 0) << " candidates read";
        return catalogue;
      });
}

Result<std::unique_ptr<WorkerRole>> WorkerRole::Start(
    const OpenJob& job, const RunIdentity& identity, uint32_t worker,
    std::shared_ptr<const worker::Dataset> dataset, ProcessRuntime& runtime) {
  std::unique_ptr<WorkerRole> role(new WorkerRole);
  role->dataset_ = std::move(dataset);
  const uint32_t count = ShapeOf(job.loaded.job).trainers_per_worker;
  for (uint32_t trainer = worker * count; trainer < (worker + 1) * count; ++trainer) {
    Trainer started;
    SKY_ASSIGN_OR_RETURN(started.host, NodeHost::Create(runtime, {}));
    auto node = std::make_unique<worker::TrainerNode>(
        TrainerOptionsOf(job.loaded, job.plan, identity, trainer), job.model, *role->dataset_);
    started.node = node.get();
    started.host->Start(std::move(node));
    role->trainers_.push_back(std::move(started));
  }
  return role;
}

bool WorkerRole::ended() const { return HaveEnded(trainers_); }

void WorkerRole::RequestStop() {
  for (Trainer& trainer : trainers_) trainer.host->RequestStop();
}

Status WorkerRole::status() const { return FirstError(trainers_); }

}  // namespace skybridge::launch
