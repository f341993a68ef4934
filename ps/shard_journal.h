// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/node.h"
#include "common/status.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "ps/image_piece.h"
#include "ps/shard_record.h"
#include "ps/shard_state.h"

namespace skybridge::ps {

struct ShardOptions {
  TieredRowsOptions rows;
  uint64_t in_flight_bytes_max = 256ull << 20;  // Pushes not yet applied, and parked pulls.
  uint64_t image_log_bytes = 1ull << 30;        // Of log since the last image: time for one.
};

// A shard's state and what its disk has of it (docs/protocol.md, S1-S8): every decision goes into
// the log before ShardState carries it out, images of the rows let go of the log that they no
// longer need, and a new life takes both up. What is to be decided is Shard's business. One thread.
//
// Errors of all calls that change something: kResourceExhausted if the log's disk is full; later
// may go well. Other errors of log and store stay in failure(): nothing must be used then.
class ShardJournal {
 public:
  // options.rows.Validate() must be OK; `store` and `log` outlive the journal.
  ShardJournal(ShardOptions options, env::RowStore& store, env::RedoLog& log);

  // Takes up the state that store and log have from a former life. Call first, once.
  // Errors: kDataLoss if they do not fit together or are damaged: this shard's rows are lost.
  Status Recover();

  // Keeps a decision, then carries it out. The record is taken unless it could not be kept.
  Status Keep(ShardRecord& record);
  template <typename Decision>
  Status Keep(Decision decision) {
    ShardRecord record = std::move(decision);
    return Keep(record);
  }
  // What was kept survives a power cut.
  Status Sync() { return Noted(log_.Sync()); }
  // Where the log goes on.
  uint64_t next_lsn() const { return log_.last() + 1; }
  // Decisions that were refused since the start because the log was full.
  uint64_t refused_by_log() const { return refused_by_log_; }

  // The next step of an image if one is due: rows go to the store, and the log that they no longer
  // need is released (S5). Call now and then; run what it returns, then give it to TakePiece. Null:
  // nothing is due, or a step is under way.
  std::unique_ptr<PieceTask> ContinueImage();
  // Takes back a step that ran; false: it is something else.
  bool TakePiece(const Task& task);
  // Makes an image due now, unless one is being written. It is in the store once images() is what
  // this returns.
  uint64_t WantImage();
  uint64_t images() const { return images_; }  // Written to their end since the start.
  // Given up since the start, because the disk had no room for them.
  uint64_t images_given_up() const { return images_given_up_; }
  // Where a replay on the store begins, as its last image has it.
  uint64_t image_redo() const { return image_redo_; }
  uint64_t image_log_bytes() const { return options_.image_log_bytes; }

  // Its parts may note what needs not be kept; what has to be goes through Keep.
  ShardState& state() { return state_; }
  const ShardState& state() const { return state_; }
  // The state as it stands now, without rows.
  ShardImage Image() const { return state_.Image(next_lsn()); }
  // The first error after which the shard is of no use.
  const Status& failure() const { return failure_.ok() ? state_.rows.failure() : failure_; }

 private:
  Status Replay(const env::RedoRecord& kept, uint64_t begin);
  Status Noted(Status status);
  void EndImage();
  void GiveUpImage(const Status& why);

  const ShardOptions options_;
  env::RowStore& store_;
  env::RedoLog& log_;
  ShardState state_;
  // An image that is being written.
  struct OpenImage {
    uint64_t redo = 0;
    std::string note;
    uint64_t log_bytes = 0;  // That it frees.
  };
  std::optional<OpenImage> image_;
  bool piece_under_way_ = false;
  bool image_wanted_ = false;
  uint64_t images_ = 0;
  uint64_t images_given_up_ = 0;
  uint64_t image_redo_ = 0;
  uint64_t log_bytes_ = 0;  // Appended since the last image began.
  uint64_t image_due_ = 0;  // At so many of them.
  uint64_t refused_by_log_ = 0;
  Status failure_;
};

}  // namespace skybridge::ps
