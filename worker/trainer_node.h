// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/node.h"
#include "common/scheduler_link.h"
#include "common/status.h"
#include "model/two_tower.h"
#include "proto/wire.pb.h"
#include "worker/build_index.h"
#include "worker/calls.h"
#include "worker/cluster_view.h"
#include "worker/commit_export.h"
#include "worker/dataset.h"
#include "worker/lease_work.h"
#include "worker/step_source.h"

namespace skybridge::worker {

struct TrainerNodeOptions {
  std::string scheduler_endpoint;
  uint32_t index = 0;    // Of all trainers.
  uint32_t process = 0;  // Worker process, for people.
  std::string host;
  uint32_t pid = 0;
  uint64_t instance = 0;  // Of its process, and of no other; not 0.
  std::string version;
  JobId job_id;
  uint64_t job_hash = 0;
  uint64_t dataset_hash = 0;
  uint64_t seed = 0;
  uint32_t ranks = 1;
  Duration register_every = std::chrono::seconds(1);
  Duration repeat_every = std::chrono::seconds(1);     // Of LeaseDone, LeaseReturned and Leave.
  Duration start_timeout = std::chrono::seconds(300);  // For the scheduler's first word.
  Duration scheduler_outage_max = std::chrono::minutes(10);
  uint64_t partition_cache_bytes = 256 << 20;
  // Of the export and the evaluations.
  ExportIdentity identity;
  IndexOptions index_options;
  int index_threads = 1;
  std::vector<std::vector<uint32_t>> cutoffs;  // K values of each evaluation.
  CallOptions calls;
};

// A trainer: joins the cluster, works on the leases it is granted, and says what came of them.
//
// Each lease is one LeaseWork; this class only carries messages between scheduler, shards, tasks
// and works, and keeps the lease alive through heartbeats. A repeated grant changes nothing. A
// lease that another attempt has taken over is dropped without a word. It works on while the
// scheduler is away, and obeys the highest term that it has heard of (docs/protocol.md, R2).
class TrainerNode : public Node {
 public:
  // `model` and `dataset` must outlive the node; they may be shared by nodes of several threads.
  TrainerNode(TrainerNodeOptions options, const model::TwoTower& model, const Dataset& dataset);

  Effects Handle(const Envelope& message, Instant now) override;
  Effects Tick(Instant now) override;
  Effects Finish(std::unique_ptr<Task> task, Instant now) override;
  bool finished() const override { return finished_; }

  // Why it ended: OK after the scheduler's Stop. kUnavailable: the scheduler fell silent. kFenced:
  // the scheduler took this node for dead.
  const Status& exit_status() const { return exit_status_; }

 private:
  using LeaseKey = std::tuple<uint32_t, int, uint64_t>;  // Phase, kind, unit.
  struct Held {
    uint64_t owner;  // Its number among all works of this node.
    wire::Lease lease;
    uint32_t attempt;
    std::unique_ptr<LeaseWork> work;  // Null once it ended.
    wire::Header farewell;            // LeaseDone or LeaseReturned, until it is answered.
    Instant farewell_at;
  };

  void HandleScheduler(const wire::Header& header, Instant now, Effects* out);
  void HandleWelcome(const wire::Welcome& welcome, Instant now);
  void HandleError(const wire::Header& header);
  void HandleMap(const wire::ClusterMap& map, Instant now, Effects* out);
  void FollowSlots(Instant now, Effects* out);
  void HandleGrant(const wire::Grant& grant, Instant now, Effects* out);
  void HandleShard(wire::Header header, std::string payload, Instant now, Effects* out);
  std::unique_ptr<LeaseWork> MakeWork(const wire::Grant& grant, uint64_t owner);
  std::unique_ptr<LeaseWork> MakeTraining(const wire::Grant& grant, uint64_t owner);
  std::unique_ptr<LeaseWork> MakeExport(const wire::Grant& grant, uint64_t owner);
  Held* FindOwner(uint64_t owner);
  void Settle(Instant now, Effects* out);
  void SayFarewell(Held& held, Instant now, Effects* out);
  void SendToScheduler(wire::Header header, Effects* out);
  void SendRegister(Effects* out);
  void SendHeartbeat(Effects* out);
  void SayOverdue(Instant now);
  void Exit(Status status);

  const TrainerNodeOptions options_;
  const model::TwoTower& model_;
  const Dataset& dataset_;
  ClusterView cluster_;
  Calls calls_;
  PartitionCache cache_;
  std::map<LeaseKey, Held> held_;
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> rank_clocks_;  // By phase and rank.
  uint64_t next_owner_ = 1;
  SchedulerLink link_;
  Instant overdue_line_at_;
  bool finished_ = false;
  Status exit_status_;
};

}  // namespace skybridge::worker
