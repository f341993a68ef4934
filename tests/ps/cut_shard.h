// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "ps/fragment_fetch.h"
#include "ps/restore.h"
#include "ps/row_record.h"
#include "ps/shard_round.h"
#include "tests/support/memory_object_store.h"
#include "tests/support/memory_redo_log.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::ps {

// One shard's part of a checkpoint.
struct CutFragment {
  checkpoint::Fragment fragment;
  ShardOptions options;
  support::MemoryObjectStore* objects;

  static Result<std::unique_ptr<env::RowStore>> MakeStore(const TableSpecs& tables,
                                                          const std::vector<StoreFile>& files) {
    std::map<std::string, std::string> content;
    for (const StoreFile& file : files) {
      std::string& bytes = content[file.name];
      SKY_RETURN_IF_ERROR(file.read([&](std::string_view piece) {
        bytes += piece;
        return Status();
      }));
    }
    auto store = std::make_unique<support::MemoryRowStore>(RecordBytes(tables));
    if (!store->Load(content)) return Status(StatusCode::kDataLoss, "the files are no store");
    return std::unique_ptr<env::RowStore>(std::move(store));
  }
  Result<std::unique_ptr<FragmentSource>> Open() const {
    return OpenFragment(fragment, options, *objects, [&](const std::vector<StoreFile>& files) {
      return MakeStore(options.rows.tables, files);
    });
  }
  SlotRange slots() const { return {fragment.slot_begin(), fragment.slot_end()}; }
};

// A shard and its disk, with its part in checkpoint rounds.
class CutShard {
 public:
  CutShard(uint32_t shard_index, SlotRange slots, ShardOptions given,
           support::MemoryObjectStore& object_store)
      : index(shard_index),
        own{MapVersion(1), slots},
        options(std::move(given)),
        store(RecordBytes(options.rows.tables)),
        objects_(object_store),
        store_id_(object_store.entries.size() << 8 | shard_index) {}

  // The process begins, or another takes up what is on disk.
  void Start() {
    round.reset();
    shard = std::make_unique<Shard>(options, store, log);
    const Status recovered = shard->journal().Recover();
    ASSERT_TRUE(recovered.ok()) << recovered;
    EXPECT_TRUE(shard->TakeMap(own).ok());
    round = std::make_unique<ShardRound>(ShardRoundOptions{.shard = index,
                                                           .store_id = store_id_,
                                                           .seed = options.rows.seed,
                                                           .tables = options.rows.tables},
                                         *shard, store, log, &objects_);
  }

  // A piece of what it does beside answering: images, and what a round sends.
  void Advance() {
    if (auto piece = shard->journal().ContinueImage()) tasks_.push_back(std::move(piece));
    for (auto& task : round->Advance()) tasks_.push_back(std::move(task));
    if (tasks_.empty()) return;
    std::unique_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    task->Run();
    if (!shard->journal().TakePiece(*task)) {
      round->Finish(std::move(task));
    } else {
      EXPECT_TRUE(shard->journal().Sync().ok());
    }
  }

  // What it answered when it was asked for its part of a round.
  CutFragment Part(const RoundAnswer& answer) const {
    CHECK(answer.fragment.has_value()) << answer.failure;
    const std::string& key = answer.fragment->object.key;
    checkpoint::Fragment fragment;
    CHECK(fragment.ParseFromString(objects_.entries.at(key).bytes)) << key;
    return {std::move(fragment), options, &objects_};
  }

  // A round with this shard alone, in two steps.
  void Prepare(uint32_t number) {
    while (round->Prepare(number).state != RoundAnswer::State::kPrepared) Advance();
  }
  CutFragment Cut(uint32_t number, Phase phase) {
    EXPECT_EQ(round->Cut(number, phase, 0).state, RoundAnswer::State::kCut);
    RoundAnswer answer = round->Collect(number);
    for (; answer.state == RoundAnswer::State::kCut; answer = round->Collect(number)) Advance();
    const CutFragment part = Part(answer);
    EXPECT_EQ(round->End(number, true).state, RoundAnswer::State::kEnded);
    return part;
  }

  const uint32_t index;
  const OwnSlots own;
  const ShardOptions options;
  support::MemoryRowStore store;
  support::MemoryRedoLog log;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<ShardRound> round;

 private:
  support::MemoryObjectStore& objects_;
  const uint64_t store_id_;
  std::deque<std::unique_ptr<Task>> tasks_;
};

using CutShards = std::vector<std::unique_ptr<CutShard>>;

inline CutShards NewShards(uint32_t count, const ShardOptions& options,
                           support::MemoryObjectStore& objects) {
  CutShards shards;
  for (uint32_t s = 0; s < count; ++s) {
    shards.push_back(std::make_unique<CutShard>(s, EvenSlots(s, count), options, objects));
  }
  return shards;
}

inline std::vector<RestoreSource> SourcesOf(const std::vector<CutFragment>& fragments) {
  std::vector<RestoreSource> sources;
  for (const CutFragment& cut : fragments) {
    sources.push_back({.name = "fragment " + std::to_string(sources.size()),
                       .slots = cut.slots(),
                       .open = [&cut] { return cut.Open(); }});
  }
  return sources;
}

// Fills the stores of shards that have not begun.
inline Status RestoreInto(const CutShards& shards, const std::vector<CutFragment>& fragments,
                          uint64_t run_bytes) {
  std::vector<RestoreTarget> targets;
  for (const auto& shard : shards) {
    targets.push_back({.name = "shard " + std::to_string(targets.size()),
                       .slots = shard->own.slots,
                       .store = &shard->store});
  }
  return RestoreShards(
      {.build = {.tables = shards.front()->options.rows.tables, .run_bytes = run_bytes},
       .progress = {}},
      SourcesOf(fragments), targets);
}

// The rows of all shards, without log positions.
using AllRows = std::map<std::pair<TableId, RowId>, std::string>;

inline AllRows RowsOf(const CutShards& shards) {
  AllRows rows;
  for (const auto& shard : shards) {
    for (uint32_t t = 0; t < shard->options.rows.tables.size(); ++t) {
      const RowLayout& layout = shard->shard->rows().layout(TableId(t));
      const auto visit = [&](RowId id, std::string_view record) {
        std::string copy(record);
        layout.header(copy.data()).lsn = 0;
        EXPECT_TRUE(rows.emplace(std::pair(TableId(t), id), copy).second) << "on two shards";
      };
      EXPECT_TRUE(shard->shard->rows().ForEach(TableId(t), visit).ok());
    }
  }
  return rows;
}

// The rows of `all` in `slots`.
inline PushRows Share(const PushRows& all, SlotRange slots) {
  PushRows share{.rate = all.rate};
  for (const PushPart& part : all.parts) {
    PushPart& mine = share.parts.emplace_back(PushPart{.table = part.table});
    const size_t dim = part.gradients.size() / part.ids.size();
    for (size_t i = 0; i < part.ids.size(); ++i) {
      const uint32_t slot = Number(SlotOf(part.table, part.ids[i]));
      if (slot < slots.begin || slot >= slots.end) continue;
      mine.ids.push_back(part.ids[i]);
      mine.sightings.push_back(part.sightings[i]);
      for (size_t d = 0; d < dim; ++d) mine.gradients.push_back(part.gradients[i * dim + d]);
    }
  }
  return share;
}

}  // namespace skybridge::ps
