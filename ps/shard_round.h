// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/node.h"
#include "common/object_store.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "ps/shard.h"
#include "ps/upload_round.h"

namespace skybridge::ps {

struct ShardRoundOptions {
  uint32_t shard = 0;
  uint64_t store_id = 0;  // In the names of objects: files of two stores may have one name.
  uint64_t seed = 0;
  TableSpecs tables;
};

// A shard's part of a checkpoint that is in the object store.
struct UploadedFragment {
  uint32_t shard = 0;
  SlotRange slots{0, 0};
  ObjectInfo object;
  uint64_t new_bytes = 0;
};

// As wire.RoundReply.
struct RoundAnswer {
  enum class State {
    kNoRound,
    kPreparing,
    kPrepared,
    kCut,
    kTooLate,
    kUploaded,
    kFailed,
    kEnded,
  };
  uint32_t round = 0;
  State state = State::kNoRound;
  uint64_t committed = 0;
  Status failure;                            // kFailed.
  std::optional<UploadedFragment> fragment;  // kUploaded.
};

// What a shard does in a checkpoint round (docs/protocol.md, Checkpoints): an image, a frozen
// store, a cut, and tasks that send both. In memory alone: a shard that starts again has no round.
//
// Nothing here waits or copies rows, and no error of it is one of the shard: the round has failed
// then. Every question may be repeated, and is answered as before unless the round has gone on. A
// higher number ends the round before it. One thread.
class ShardRound {
 public:
  // All outlive it, and the tasks that it hands out. objects: null: every round fails.
  ShardRound(ShardRoundOptions options, Shard& shard, env::RowStore& store, env::RedoLog& log,
             ObjectStore* objects);

  // kPreparing until the store is frozen.
  RoundAnswer Prepare(uint32_t round);
  // clock: lockstep: cuts right after its commit, which may be to come; a later one moves the cut.
  // 0: cuts here, the first time. kPreparing if it came too early.
  RoundAnswer Cut(uint32_t round, Phase phase, uint64_t clock);
  // kPrepared: it waits for its cut.
  RoundAnswer Collect(uint32_t round);
  // Whatever it is asked, the round is over.
  RoundAnswer End(uint32_t round, bool committed);

  // Goes on as far as it can: call after whatever may have moved the shard. Tasks to start.
  std::vector<std::unique_ptr<Task>> Advance();
  // Takes back a task that ran.
  void Finish(std::unique_ptr<Task> task);

 private:
  // Where this shard's part ends.
  struct CutPoint {
    uint64_t id = 0;  // Told apart from one that was moved.
    uint64_t lsn = 0;
    uint64_t committed = 0;
    SlotRange slots{0, 0};
  };
  RoundAnswer Answer(uint32_t round, RoundAnswer::State state) const;
  // The answer if it is not this round, or has failed.
  std::optional<RoundAnswer> Refusal(uint32_t round) const;
  void Begin(uint32_t round);
  void Drop();
  std::unique_ptr<Task> BeginFreeze();
  void TakeImage(FreezeTask& task);
  Status TakeCut();
  void ForgetCut();
  void Fail(const Status& status, const std::string& attempt);
  std::unique_ptr<Task> NextUpload();
  checkpoint::Fragment MakeFragment() const;
  void TakeFiles(FileUpload& upload);
  void TakeFragment(CutUpload& upload);

  const ShardRoundOptions options_;
  Shard& shard_;
  ShardJournal& journal_;
  env::RowStore& store_;
  env::RedoLog& log_;
  ObjectStore* const objects_;
  const std::string folder_;

  // Of the round.
  uint32_t round_ = 0;  // The highest number there was.
  bool open_ = false;   // It is not over.
  Status failure_;
  uint64_t image_wanted_ = 0;  // Frozen once the shard has written so many.
  uint64_t given_up_ = 0;      // Images that were given up before.
  bool freezing_ = false;      // A task is at it, maybe for the round before.
  bool frozen_ = false;        // `image_` is there, or with the task that sends it.
  std::unique_ptr<env::StoreImage> image_;
  std::unique_ptr<env::LogTail> hold_;  // Keeps the log from redo_ on.
  uint64_t redo_ = 0;
  uint64_t refused_by_log_ = 0;  // Before hold_ was there.
  size_t next_file_ = 0;         // To be sent.
  size_t files_ = 0;
  uint64_t new_bytes_ = 0;    // Of files.
  uint64_t asked_clock_ = 0;  // Lockstep: where to cut.
  bool waits_for_clock_ = false;
  std::optional<CutPoint> cut_;
  std::unique_ptr<env::LogTail> tail_;  // Up to the cut, until its task takes it.
  std::optional<UploadedFragment> fragment_;

  // Beyond it.
  SentObjects sent_;         // Files of the last frozen store that are in the object store.
  SentObjects round_files_;  // All files of this round's.
  uint64_t cuts_ = 0;
  bool running_ = false;  // A task that sends; one at a time.
  std::vector<std::unique_ptr<Task>> cleanups_;
};

}  // namespace skybridge::ps
