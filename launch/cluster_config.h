// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "data/dataset_plan.h"
#include "launch/job_file.h"
#include "model/two_tower.h"
#include "ps/shard_node.h"
#include "scheduler/scheduler_options.h"
#include "worker/trainer_node.h"

// From a job to the options of its nodes. Pure functions: every process of a cluster computes the
// same ones from the same job.
namespace skybridge::launch {

// How many of what. Shard s lives in server s / shards_per_server, trainer t in worker
// t / trainers_per_worker.
struct ClusterShape {
  uint32_t servers = 1;
  uint32_t shards_per_server = 1;
  uint32_t workers = 1;
  uint32_t trainers_per_worker = 1;  // Enough for all ranks.
  uint32_t ranks = 1;

  uint32_t shards() const { return servers * shards_per_server; }
  uint32_t trainers() const { return workers * trainers_per_worker; }
};

ClusterShape ShapeOf(const job::Job& job);

// Threads for the tasks of one server process. While all shards send their parts of a checkpoint
// one is left for what they write; at durability POWER each shard's sync finds one.
size_t TaskThreadsOfServer(const job::Job& job);

// What the nodes of one run have in common, besides the job.
struct RunIdentity {
  JobId id;
  std::string version;  // Of the binary.
  std::string host;     // Of this process, for people.
  uint32_t pid = 0;
  uint64_t instance = 0;           // Of this process, and of no other.
  std::string scheduler_endpoint;  // For everyone but the scheduler.
};

// Of this process, in the run `id`.
RunIdentity IdentityOf(const JobId& id);

// Where a run puts what it makes; both absolute.
struct RunFolders {
  std::string export_folder;
  std::string temp_folder;
};

// The model of a job. Errors: kInvalidArgument.
Result<model::TwoTower> ModelOfJob(const job::Job& job);

// Positions of the tables without which the query tower cannot answer; ascending.
std::vector<uint32_t> QueryTables(const model::TwoTower& model);

scheduler::SchedulerNodeOptions SchedulerOptionsOf(const LoadedJob& job,
                                                   const data::DatasetPlan& plan,
                                                   const model::TwoTower& model,
                                                   const RunIdentity& identity,
                                                   const RunFolders& folders);

// `shard` counts all shards; `endpoint` is where trainers reach it.
ps::ShardNodeOptions ShardOptionsOf(const LoadedJob& job, const model::TwoTower& model,
                                    const RunIdentity& identity, uint32_t shard,
                                    const std::string& endpoint);

// `trainer` counts all trainers.
worker::TrainerNodeOptions TrainerOptionsOf(const LoadedJob& job, const data::DatasetPlan& plan,
                                            const RunIdentity& identity, uint32_t trainer);

// A job's identity as 32 hexadecimal digits, and back. Errors: kInvalidArgument.
std::string JobIdText(const JobId& id);
Result<JobId> ParseJobId(const std::string& text);

}  // namespace skybridge::launch
