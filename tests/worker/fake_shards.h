// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/table_spec.h"
#include "proto/wire.pb.h"
#include "tests/worker/test_cluster.h"
#include "worker/calls.h"
#include "worker/lease_work.h"
#include "worker/row_reader.h"

namespace skybridge::worker {

// Number j of a row as every fake shard holds it, in [-0.5, 0.5); and its count, from 1 to 5.
float ValueOf(uint32_t table, uint64_t id, size_t j);
uint32_t CountOf(uint32_t table, uint64_t id);
// All rows of `ids` as a pull brings them.
PulledRows RowsAt(const TableSpecs& specs, const TableIds& ids);

// A push as a shard saw it; rows by (table, id).
struct SeenPush {
  size_t shard = 0;
  wire::Push push;
  uint32_t map_version = 0;  // That its sender knew.
  std::map<std::pair<uint32_t, uint64_t>, std::vector<float>> gradients;
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> sightings;
};

// Shards that answer at once, keep nothing, and remember what they were asked.
class FakeShards {
 public:
  // The answer to one message, of shard `shard`.
  std::pair<wire::Header, std::string> Answer(size_t shard, const Envelope& message);

  // Set by tests: what the shards say of the past, by shard, and which requests they refuse.
  std::map<size_t, wire::RankReply> ranks;
  std::map<size_t, wire::LedgerReply> ledgers;
  std::map<size_t, uint64_t> stands;  // Where the rank is for them, as they say with a pull.
  std::function<Status(size_t shard, const wire::Header&)> refuse;
  // Rows of a scan, in the shard's order, given out `page` at a time.
  std::vector<uint64_t> scanned;
  size_t page = 2;

  // Seen so far, in order.
  std::vector<wire::Header> requests;  // All.
  std::vector<std::pair<size_t, wire::Pull>> pulls;
  std::vector<SeenPush> pushes;
  std::vector<std::pair<size_t, wire::RankDone>> leaves;

 private:
  std::string Rows(const wire::TablePart& part, const std::vector<uint64_t>& ids) const;
  void Pull(size_t shard, const Envelope& message, const wire::Pull& pull, wire::Header* reply,
            std::string* payload);
  void Push(size_t shard, const Envelope& message, const wire::Push& push);
  void Scan(const wire::Scan& scan, wire::Header* reply, std::string* payload) const;
};

// Does for one LeaseWork what node and loop do: carries messages to fake shards and back, and runs
// tasks.
class WorkRunner {
 public:
  explicit WorkRunner(uint32_t shard_count)
      : cluster(TestCluster(shard_count)), calls({}, cluster) {}

  // Begins `work` and carries on until it ended or nothing is under way.
  void Run(LeaseWork& work);
  // Carries effects until nothing is under way.
  void Carry(Effects effects, const std::function<void(const Answer&, Effects*)>& take_answer,
             const std::function<void(WorkTask&, Effects*)>& take_task);

  ClusterView cluster;
  FakeShards shards;
  Calls calls;
  // Called before the n-th message is delivered.
  std::function<void(size_t n, LeaseWork&, Effects*)> before = [](size_t, LeaseWork&, Effects*) {};
  bool tasks_first = true;  // Whether tasks end before messages that are under way arrive.
  size_t tasks = 0;         // Run so far.

 private:
  std::optional<worker::Answer> Deliver(const Envelope& message);
};

}  // namespace skybridge::worker
