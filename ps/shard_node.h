// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/ids.h"
#include "common/node.h"
#include "common/object_store.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "ps/durable_replies.h"

namespace skybridge::ps {

struct ShardNodeOptions {
  // Who it is, where it listens, and who leads.
  JobId job;
  uint64_t job_hash = 0;           // xxh3 of the resolved job; must equal the scheduler's.
  uint32_t shard = 0;              // Number among all shards.
  uint32_t process = 0;            // Server process, for people.
  std::string host;                // For people.
  uint32_t pid = 0;                // Of its process.
  uint64_t instance = 0;           // Of its process, and of no other; not 0.
  std::string version;             // Of the binary.
  std::string endpoint;            // Where trainers reach this shard, as "tcp://127.0.0.1:4568".
  std::string scheduler_endpoint;  // Only messages whose peer is this one speak for the scheduler.
  uint64_t store_id = 0;           // Of the folder with its rows and log, for good.

  // What it keeps.
  TableSpecs tables;
  uint64_t seed = 0;                          // Of first values.
  uint64_t memory_bytes = uint64_t{1} << 30;  // Rows and their index; more rows go to disk.
  // Pushes not yet applied, parked pulls, and answers that wait for the log.
  uint64_t in_flight_bytes_max = 256ull << 20;
  uint64_t image_log_bytes = 1ull << 30;  // Of log that a restart may have to replay.
  uint64_t move_piece_bytes = 1 << 20;    // Of rows in a message, when slots move.
  Durability durability = Durability::kProcess;

  // How long it waits.
  Duration register_every = std::chrono::seconds(1);
  Duration start_timeout = std::chrono::seconds(300);        // Until the scheduler's first Welcome.
  Duration scheduler_outage_max = std::chrono::minutes(10);  // The scheduler's silence after it.
  Duration park_max = std::chrono::seconds(60);  // A pull is then refused: kUnavailable.
  Duration mute = std::chrono::seconds(60);      // For a peer after three malformed messages.

  // Errors: kInvalidArgument, naming the field, its value and what is allowed.
  Status Validate() const;
};

// Counters since the start.
struct ShardNodeStats {
  uint64_t garbage = 0;         // Messages that were no message or no request, or had wrong sizes.
  uint64_t muted = 0;           // Messages dropped unread, of muted peers.
  uint64_t corrupt = 0;         // Payload checksums that were wrong.
  uint64_t nondeterminism = 0;  // Repeated pushes with other bytes.
};

// One shard of the parameter server as a node: rows of some slots of every table.
//
// Registers with the scheduler until welcomed, sends heartbeats, takes phases from the scheduler
// and pulls and pushes from trainers (docs/protocol.md, sections 1, 3, 5, 6, 13). Every request
// may be repeated: the answer is the same and nothing changes twice. A request that is refused
// changes nothing. Pulls that must wait are parked and answered on commit.
//
// Ends when the scheduler says Stop, fences it, or falls silent, or when store or log fail; a node
// that cannot keep rows must not speak. A node that is opened on the store and log of one that died
// goes on where that one stood: nothing that was answered is lost, as far as `durability` says.
class ShardNode : public Node {
 public:
  // options.Validate() must be OK. `store` holds records of RecordBytes(options.tables)
  // (ps/row_record.h); store and log are both new or both of this shard's former life, and outlive
  // the node. objects: where checkpoints go, for the node and its tasks to use; null: its part of
  // every round fails.
  // Errors: kDataLoss  store and log do not fit together or are damaged; those of both.
  static Result<std::unique_ptr<ShardNode>> Open(ShardNodeOptions options, env::RowStore& store,
                                                 env::RedoLog& log, ObjectStore* objects = nullptr);
  ~ShardNode() override;

  Effects Handle(const Envelope& message, Instant now) override;
  Effects Tick(Instant now) override;
  // Starts tasks that send its part of a checkpoint, and that sync its log.
  Effects Finish(std::unique_ptr<Task> task, Instant now) override;
  bool finished() const override;

  // Why it finished; OK before, and after the Stop of a job that did not fail.
  const Status& exit_status() const;
  const ShardNodeStats& stats() const;
  // Lockstep: the last clock in the rows.
  uint64_t committed() const;
  // The slots that it serves, under which map, and whether it stands still because some of them are
  // about to move.
  struct Serving {
    MapVersion map{};
    SlotRange slots{0, 0};
    bool frozen = false;
  };
  Serving serving() const;

 private:
  class State;
  explicit ShardNode(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace skybridge::ps
