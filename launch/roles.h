// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/object_store.h"
#include "common/status.h"
#include "env/disk.h"
#include "env/file_lock.h"
#include "env/log_life.h"
#include "env/redo_log.h"
#include "env/rocksdb_row_store.h"
#include "env/row_store.h"
#include "launch/cluster_config.h"
#include "launch/node_host.h"
#include "launch/open_job.h"
#include "ps/shard_node.h"
#include "worker/dataset.h"
#include "worker/trainer_node.h"

// The nodes of a server or worker process, running. Each outlives nothing that it is given.
namespace skybridge::launch {

// How the rows of a shard are opened; `folder` as ServerRole::Start takes it.
env::RocksDbRowStoreOptions ShardStoreOptions(const TableSpecs& tables, const JobId& job,
                                              uint32_t shard, const std::string& folder);

// Where the nodes of this process listen.
struct ListenOptions {
  std::string endpoint = "tcp://127.0.0.1:*";  // "*" or a name ending in "-" gets a number.
  // Where others reach the process instead, if there is a forwarder between. Empty: where it
  // listens. For one node alone.
  std::string advertise;
  bool insecure_network = false;
};

// The shards of one server process.
class ServerRole {
 public:
  // `folder`: for rows and logs; one below it for each shard. Shards of this job that died there
  // go on. `checkpoints`: folder for those of a job that names none; may be empty then.
  static Result<std::unique_ptr<ServerRole>> Start(const OpenJob& job, const RunIdentity& identity,
                                                   uint32_t server, const std::string& folder,
                                                   const std::string& checkpoints,
                                                   const ListenOptions& listen,
                                                   ProcessRuntime& runtime);
  // Ends the shards, and syncs their logs.
  ~ServerRole();
  // All shards have, or one has with an error; or well, but alone: only another process can fill
  // its place again. Some patience for the others begins with the call that first sees that.
  bool ended();
  void RequestStop();
  // The first error of a shard that has ended.
  Status status() const;

 private:
  struct Shard {
    env::FileLock lock;
    std::unique_ptr<env::RowStore> store;
    std::unique_ptr<env::Disk> disk;
    std::unique_ptr<env::RedoLog> log;
    std::optional<env::LogLife> life;
    const ps::ShardNode* node = nullptr;  // Owned by the host.
    std::unique_ptr<NodeHost> host;       // Last, so that it ends first.
  };
  explicit ServerRole(env::Clock& clock) : clock_(clock) {}
  Status StartShard(const OpenJob& job, const RunIdentity& identity, uint32_t shard,
                    const std::string& folder, const ListenOptions& listen,
                    ProcessRuntime& runtime);
  env::Clock& clock_;
  std::unique_ptr<ObjectStore> checkpoints_;  // Null: none.
  std::vector<Shard> shards_;
  std::optional<Instant> first_ended_at_;  // A shard.
};

// The trainers of one worker process.
class WorkerRole {
 public:
  // `job` outlives it.
  static Result<std::unique_ptr<WorkerRole>> Start(const OpenJob& job, const RunIdentity& identity,
                                                   uint32_t worker,
                                                   std::shared_ptr<const worker::Dataset> dataset,
                                                   ProcessRuntime& runtime);
  // All trainers have, or one has with an error.
  bool ended() const;
  void RequestStop();
  Status status() const;

 private:
  struct Trainer {
    const worker::TrainerNode* node = nullptr;  // Owned by the host.
    std::unique_ptr<NodeHost> host;
  };
  WorkerRole() = default;
  std::shared_ptr<const worker::Dataset> dataset_;
  std::vector<Trainer> trainers_;
};

// What trainers of one process share. Its catalogue is read, if trainers need one, when the first
// of them does: they have joined the job by then, however large it is. `job` outlives it.
std::shared_ptr<const worker::Dataset> MakeDataset(const OpenJob& job);

}  // namespace skybridge::launch
