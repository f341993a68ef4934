// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

namespace skybridge::scheduler {

// Ends training once `metric`@`k` has not improved for `patience` evaluations in a row.
struct EarlyStop {
  std::string metric;  // recall, ndcg, mrr or hit. Empty: never.
  uint32_t k = 0;
  uint32_t patience = 2;
};

// One evaluation of the job. Besides the times given here each one runs when training is over.
struct EvaluationOptions {
  std::string name = "test";
  uint32_t partitions = 0;    // Of its queries.
  uint32_t every_epochs = 0;  // 0: not by epochs.
  uint64_t every_clocks = 0;  // Lockstep only. 0: not by clocks.
  EarlyStop early_stop;
};

struct SchedulerTimings {
  Duration heartbeat = std::chrono::seconds(1);      // What nodes are told to keep.
  Duration suspect_after = std::chrono::seconds(5);  // Silence of a node that is worth a line.
  Duration dead_after = std::chrono::seconds(15);    // Silence that ends a node.
  Duration replace_after = std::chrono::seconds(2);  // Silence after which another may register.
  Duration pause_min = std::chrono::seconds(3);      // Gap between ticks that moves all deadlines.
  Duration start_timeout = std::chrono::seconds(300);
  Duration waiting_line = std::chrono::seconds(5);   // Between two lines of the start barrier.
  Duration repeat = std::chrono::milliseconds(500);  // Unanswered messages go out again.
  Duration poll = std::chrono::milliseconds(20);     // A shard that is not closed is asked again.
  Duration settle = std::chrono::seconds(1);  // Nobody came or went: fewer trainers have all ranks.
  Duration settle_max = std::chrono::seconds(5);      // The same, although they come and go.
  Duration return_backoff = std::chrono::seconds(1);  // A returned lease waits; doubles each time.
  Duration stop_wait = std::chrono::seconds(5);       // For nodes to leave at the end.
  Duration node_return_max =
      std::chrono::minutes(5);  // For a shard, or the last trainer, to return.
  Duration restart_grace = std::chrono::seconds(15);     // After a restart nobody dies before this.
  Duration round_poll = std::chrono::milliseconds(200);  // A checkpoint round looks again.
  Duration round_max = std::chrono::minutes(15);         // After that a round is aborted.
  Duration round_backoff = std::chrono::seconds(60);     // After an aborted one; doubles each time.
  Duration move_max = std::chrono::minutes(10);          // After that a live move is given up.
  Duration move_freeze_max = std::chrono::seconds(30);   // While its shard stands still.
  Duration move_backoff = std::chrono::seconds(5);  // After one that failed; doubles each time.
};

struct SchedulerNodeOptions {
  JobId job;
  uint64_t job_hash = 0;
  uint64_t dataset_hash = 0;
  std::string version;  // Of the binary; every node must have the same.
  uint64_t seed = 1;

  uint32_t servers = 1;  // Processes at the start: server = shard / (shards / servers).
  uint32_t shards = 1;
  uint32_t workers = 1;   // Processes, for people: worker = trainer / (trainers / workers).
  uint32_t trainers = 1;  // Expected at the start.
  uint32_t ranks = 1;
  int32_t staleness = 0;  // 0: lockstep. -1: no bound.
  uint32_t epochs = 1;

  uint32_t training_partitions = 0;
  uint32_t candidate_partitions = 0;
  std::vector<EvaluationOptions> evaluations;
  std::vector<uint32_t> export_tables;  // Positions of the tables that the query tower reads.
  std::string export_folder;            // Absolute. Empty: the job ends with its evaluations.
  std::string temp_folder;              // Absolute; vectors of evaluations lie below it.
  bool build_index = true;
  bool table_hash = false;  // Ask the shards for table hashes when training is over.

  uint32_t leases_per_node = 2;  // Besides ranks, which are spread evenly.
  uint32_t returns_max = 5;      // A lease returned more often than this ends the job.

  Duration checkpoint_every{0};  // While training. 0: never.
  uint32_t checkpoint_keep = 3;  // Newest checkpoints that stay.
  // For the manifest: the resolved job as Protobuf text, and the absolute folder that its relative
  // paths start from.
  std::string job_text;
  std::string job_base;

  SchedulerTimings timings;

  bool lockstep() const { return staleness == 0; }
  // Files that the parts of the export will have at most.
  uint64_t parts_expected() const;
  // Streams of pushes that a shard will keep at most, until the phase ends.
  uint64_t streams_expected() const;
  // Errors: kInvalidArgument names the field and its value.
  Status Validate() const;
};

// The shards that a job can have.
inline constexpr uint32_t kShardsMax = 1024;

// A shard gives the streams of its phase away with its slots, in one message.
inline constexpr uint64_t kStreamsMax = 200'000;

// The lists of part files in one message must fit its frame.
inline constexpr uint64_t kPartsMax = 1500;

}  // namespace skybridge::scheduler
