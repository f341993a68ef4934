// SPDX-License-Identifier: Apache-2.0
#include "env/rocksdb_row_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/hash.h"
#include "common/rng.h"
#include "env/files.h"
#include "env/store_mark.h"
#include "tests/env/sync_watch.h"
#include "tests/support/memory_row_store.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

const std::vector<size_t> kRecordBytes = {24, 16, 4112};

class RocksDbRowStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = test->name();
    std::ranges::replace(name, '/', '_');  // Of a case with parameters.
    folder_ = testing::TempDir() + "/skybridge_rows_" + name;
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<std::unique_ptr<RocksDbRowStore>> Open(const std::string& owner = "job 1, shard 0") {
    return RocksDbRowStore::Open({.folder = folder_,
                                  .owner = owner,
                                  .new_store_id = ++store_ids_,
                                  .record_bytes = kRecordBytes,
                                  .verify = true});
  }

  std::string folder_;
  uint64_t store_ids_ = 41;
};

// Rows of one run, owned.
struct OwnedRun {
  TableId table;
  std::vector<RowKey> keys;
  std::string records;
};

RowKey KeyOf(TableId table, uint64_t id) { return {SlotOf(table, RowId(id)), RowId(id)}; }

OwnedRun RandomRun(Rng& rng, TableId table, size_t rows) {
  OwnedRun run{.table = table};
  for (size_t i = 0; i < rows; ++i) run.keys.push_back(KeyOf(table, rng.Below(300)));
  std::ranges::sort(run.keys);
  const auto again = std::ranges::unique(run.keys);
  run.keys.erase(again.begin(), again.end());
  const size_t bytes = run.keys.size() * kRecordBytes[Number(table)];
  while (run.records.size() < bytes) run.records.push_back(static_cast<char>(rng.Next()));
  return run;
}

std::vector<RowRun> Views(const std::vector<OwnedRun>& runs) {
  std::vector<RowRun> views;
  for (const OwnedRun& run : runs) views.push_back({run.table, run.keys, run.records});
  return views;
}

using Rows = std::vector<std::pair<RowKey, std::string>>;

Rows ScanAll(RowStore& store, TableId table, RowKey from, size_t rows_max) {
  Rows rows;
  const Status status = store.Scan(table, from, [&](RowKey key, std::string_view record) {
    rows.emplace_back(key, record);
    return rows.size() < rows_max;
  });
  EXPECT_TRUE(status.ok()) << status;
  return rows;
}

Rows ReadAll(RowStore& store, TableId table, const std::vector<RowKey>& keys) {
  const size_t bytes = kRecordBytes[Number(table)];
  std::vector<char> records(keys.size() * bytes);
  std::vector<uint8_t> found(keys.size(), 2);
  const Status status = store.Read(table, keys, records, found);
  EXPECT_TRUE(status.ok()) << status;
  Rows rows;
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_LE(found[i], 1);
    if (found[i]) rows.emplace_back(keys[i], std::string(records.data() + i * bytes, bytes));
  }
  return rows;
}

std::map<std::string, std::string> Content(StoreImage& image) {
  std::map<std::string, std::string> content;
  for (const ImageFile& file : image.files()) {
    std::string& bytes = content[file.name];
    const Status read = image.Read(file.name, [&](std::string_view piece) {
      bytes += piece;
      return Status();
    });
    EXPECT_TRUE(read.ok()) << read;
    EXPECT_EQ(bytes.size(), file.bytes) << file.name;
  }
  return content;
}

// The real store, the fake that simulations use, and a plain map tell the same story.
TEST_F(RocksDbRowStoreTest, RandomHistoriesAgreeWithTheFakeAndWithAMap) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    fs::remove_all(folder_);
    auto real = Open();
    ASSERT_TRUE(real.has_value()) << real.error();
    support::MemoryRowStore fake(kRecordBytes);
    std::map<std::pair<TableId, RowKey>, std::string> naive;
    for (int event = 0; event < 60; ++event) {
      const auto table = TableId(static_cast<uint32_t>(rng.Below(3)));
      const RowKey from = KeyOf(table, rng.Below(300));
      if (rng.Below(12) == 0) {
        const auto begin = static_cast<uint32_t>(rng.Below(kSlotCount));
        const SlotRange slots{begin,
                              begin + static_cast<uint32_t>(rng.Below(kSlotCount - begin + 1))};
        const std::string value = std::to_string(event);
        const StoreNote notes[] = {{"dropped", value}};
        std::erase_if(naive, [&](const auto& row) {
          const uint32_t slot = Number(row.first.second.slot);
          return slot >= slots.begin && slot < slots.end;
        });
        ASSERT_TRUE((*real)->Drop(slots, notes).ok());
        ASSERT_TRUE(fake.Drop(slots, notes).ok());
        ASSERT_EQ(*(*real)->Note("dropped"), value);
        ASSERT_EQ(*fake.Note("dropped"), value);
        if (rng.Below(2) == 0) {
          real->reset();
          real = Open();
          ASSERT_TRUE(real.has_value()) << real.error();
        }
      } else if (rng.Below(3) == 0) {
        std::vector<OwnedRun> runs;
        for (uint32_t t = 0; t < 3; ++t) {
          if (rng.Below(2) == 0) runs.push_back(RandomRun(rng, TableId(t), 1 + rng.Below(40)));
        }
        for (const OwnedRun& run : runs) {
          const size_t bytes = kRecordBytes[Number(run.table)];
          for (size_t i = 0; i < run.keys.size(); ++i) {
            naive[{run.table, run.keys[i]}] = run.records.substr(i * bytes, bytes);
          }
        }
        ASSERT_TRUE((*real)->Ingest(Views(runs), {}).ok());
        ASSERT_TRUE(fake.Ingest(Views(runs), {}).ok());
      } else if (rng.Below(2) == 0) {
        const OwnedRun wanted = RandomRun(rng, table, 1 + rng.Below(280));
        Rows expected;
        for (const RowKey& key : wanted.keys) {
          if (const auto it = naive.find({table, key}); it != naive.end()) {
            expected.emplace_back(key, it->second);
          }
        }
        ASSERT_EQ(ReadAll(**real, table, wanted.keys), expected);
        ASSERT_EQ(ReadAll(fake, table, wanted.keys), expected);
      } else {
        const size_t rows_max = 1 + rng.Below(100);
        Rows expected;
        for (auto it = naive.lower_bound({table, from});
             it != naive.end() && it->first.first == table && expected.size() < rows_max; ++it) {
          expected.emplace_back(it->first.second, it->second);
        }
        ASSERT_EQ(ScanAll(**real, table, from, rows_max), expected);
        ASSERT_EQ(ScanAll(fake, table, from, rows_max), expected);
      }
    }
  }
}

TEST_F(RocksDbRowStoreTest, ReadsMoreRowsThanOneMultiGetTakes) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  OwnedRun run{.table = TableId(1)};
  for (uint64_t id = 0; id < 1000; ++id) run.keys.push_back(KeyOf(TableId(1), id));
  std::ranges::sort(run.keys);
  run.records.assign(1000 * 16, 'x');
  const std::vector<OwnedRun> runs = {run};
  ASSERT_TRUE((*store)->Ingest(Views(runs), {}).ok());
  EXPECT_EQ(ReadAll(**store, TableId(1), run.keys).size(), 1000u);
}

TEST_F(RocksDbRowStoreTest, WhatWasIngestedIsThereAgain) {
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9)};
  {
    auto store = Open();
    ASSERT_TRUE(store.has_value()) << store.error();
    EXPECT_EQ((*store)->store_id(), 42u);
    EXPECT_EQ(*(*store)->Note("image"), "");
    const std::vector<StoreNote> notes = {{"image", std::string_view("a\0b", 3)}, {"end", "7"}};
    ASSERT_TRUE((*store)->Ingest(Views(runs), notes).ok());
    ASSERT_TRUE((*store)->Ingest({}, std::vector<StoreNote>{{"end", "8"}}).ok());
  }
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  EXPECT_EQ((*store)->store_id(), 42u);
  EXPECT_EQ(ScanAll(**store, TableId(0), {}, 100).size(), runs[0].keys.size());
  EXPECT_EQ(*(*store)->Note("image"), std::string("a\0b", 3));
  EXPECT_EQ(*(*store)->Note("end"), "8");
}

// Promise: rows that are gone are said to be, not begun anew.
TEST_F(RocksDbRowStoreTest, AStoreThatIsGoneFromItsFolderIsRefused) {
  for (const std::string lost : {"db", "db/CURRENT"}) {
    fs::remove_all(folder_);
    ASSERT_TRUE(Open().has_value());
    ASSERT_TRUE(Open().has_value());
    ASSERT_GT(fs::remove_all(folder_ + "/" + lost), 0u);
    for (int start = 0; start < 2; ++start) {  // The first one makes nothing that hides it.
      const auto refused = Open();
      ASSERT_FALSE(refused.has_value()) << lost;
      EXPECT_EQ(refused.error().code(), StatusCode::kDataLoss) << refused.error();
      EXPECT_NE(refused.error().message().find(folder_ + "/db"), std::string::npos);
    }
  }
}

// Promise: a disk that says nothing has lost nothing; another start may find the rows.
TEST_F(RocksDbRowStoreTest, AStoreThatCannotBeLookedForIsNotLost) {
  for (const std::string unseen : {"SKYBRIDGE_ROWS", "db/CURRENT"}) {
    fs::remove_all(folder_);
    ASSERT_TRUE(Open().has_value());
    fs::rename(folder_ + "/" + unseen, folder_ + "-kept");
    fs::create_symlink(folder_ + "/" + unseen, folder_ + "/" + unseen);  // ELOOP
    EXPECT_EQ(Open().status().code(), StatusCode::kUnavailable) << Open().status();
    fs::rename(folder_ + "-kept", folder_ + "/" + unseen);
    EXPECT_TRUE(Open().has_value());
  }
}

// Promise: a start may be killed at any moment, and is repeated.
TEST_F(RocksDbRowStoreTest, AStartThatWasKilledBeforeThereWasADatabaseIsRepeated) {
  ASSERT_TRUE(StoreMark(folder_).Take("job 1, shard 0", 7).has_value());
  const auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  EXPECT_EQ((*store)->store_id(), 7u);
}

TEST_F(RocksDbRowStoreTest, ANewStoreIsThereAfterAPowerCut) {
  const SyncWatch watch;
  auto store = Open();
  ASSERT_TRUE(store) << store.error();
  const std::vector<std::string> synced = watch.synced();
  const std::string folder = fs::canonical(folder_).string();
  EXPECT_NE(std::ranges::find(synced, fs::path(folder).parent_path().string()), synced.end());
  // What is in db/, then its name.
  const auto last = [&](const std::string& path) {
    return synced.rend() - std::find(synced.rbegin(), synced.rend(), path);
  };
  EXPECT_GT(last(folder + "/db"), 0);
  EXPECT_GT(last(folder), last(folder + "/db"));
}

TEST_F(RocksDbRowStoreTest, RowsOfAnotherOwnerAreRefusedAndStay) {
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9)};
  {
    auto store = Open();
    ASSERT_TRUE(store.has_value()) << store.error();
    ASSERT_TRUE((*store)->Ingest(Views(runs), {}).ok());
  }
  const auto other = Open("job 2, shard 0");
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code(), StatusCode::kFailedPrecondition);
  for (const char* named : {"job 2, shard 0", "job 1, shard 0"}) {
    EXPECT_NE(other.error().message().find(named), std::string::npos) << other.error();
  }
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  EXPECT_EQ(ScanAll(**store, TableId(0), {}, 100).size(), runs[0].keys.size());
}

TEST_F(RocksDbRowStoreTest, AFolderInUseIsRefusedAndItsRowsStay) {
  auto first = Open();
  ASSERT_TRUE(first.has_value()) << first.error();
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9)};
  ASSERT_TRUE((*first)->Ingest(Views(runs), {}).ok());
  const auto second = Open();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), StatusCode::kFailedPrecondition) << second.error();
  EXPECT_EQ(ScanAll(**first, TableId(0), {}, 100).size(), runs[0].keys.size());
}

TEST_F(RocksDbRowStoreTest, AnIngestThatCannotBeWrittenSaysWhereAndChangesNothing) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  fs::remove_all(folder_ + "/runs");
  std::ofstream(folder_ + "/runs") << "in the way";
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9), RandomRun(rng, TableId(1), 9)};
  const Status status = (*store)->Ingest(Views(runs), {});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_NE(status.message().find(folder_ + "/runs"), std::string::npos) << status;
  EXPECT_EQ(ScanAll(**store, TableId(0), {}, 100), Rows());
}

TEST_F(RocksDbRowStoreTest, RunsAreMovedNotCopied) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9), RandomRun(rng, TableId(2), 9)};
  ASSERT_TRUE((*store)->Ingest(Views(runs), {}).ok());
  EXPECT_TRUE(fs::is_empty(folder_ + "/runs"));
}

TEST_F(RocksDbRowStoreTest, ATableThatDoesNotExistIsRefused) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  const auto visit = [](RowKey, std::string_view) { return true; };
  EXPECT_EQ((*store)->Scan(TableId(3), {}, visit).code(), StatusCode::kInvalidArgument);
}

// ---------------------------------------------------------------- images

// The real store and the fake: opened from an image, they are what they were when they were frozen.
class FrozenStoreTest : public RocksDbRowStoreTest, public testing::WithParamInterface<bool> {
 protected:
  std::unique_ptr<RowStore> Make() {
    if (GetParam()) return std::make_unique<support::MemoryRowStore>(kRecordBytes);
    auto store = Open();
    CHECK(store) << store.error();
    return *std::move(store);
  }
  std::unique_ptr<RowStore> From(const std::map<std::string, std::string>& files) {
    if (GetParam()) {
      auto store = std::make_unique<support::MemoryRowStore>(kRecordBytes);
      CHECK(store->Load(files));
      return store;
    }
    const std::string folder = folder_ + "_copy" + std::to_string(copies_++);
    fs::remove_all(folder);
    fs::create_directories(folder + "/db");
    for (const auto& [name, bytes] : files) {
      std::ofstream(folder + "/db/" + name, std::ios::binary) << bytes;
    }
    auto store = RocksDbRowStore::Adopt(
        {.folder = folder, .owner = "copy", .record_bytes = kRecordBytes, .verify = true});
    CHECK(store) << store.error();
    return *std::move(store);
  }
  void TearDown() override {
    for (int copy = 0; copy < copies_; ++copy) {
      fs::remove_all(folder_ + "_copy" + std::to_string(copy));
    }
    RocksDbRowStoreTest::TearDown();
  }
  int copies_ = 0;
};

TEST_P(FrozenStoreTest, AnImageIsTheStoreAsItWasWhileTheStoreGoesOn) {
  Rng rng(3, Purpose::kTest);
  const auto store = Make();
  std::vector<OwnedRun> runs;
  for (uint32_t t = 0; t < 3; ++t) runs.push_back(RandomRun(rng, TableId(t), 60));
  ASSERT_TRUE(store->Ingest(Views(runs), std::vector<StoreNote>{{"image", "a"}}).ok());
  std::vector<Rows> before;
  for (uint32_t t = 0; t < 3; ++t) before.push_back(ScanAll(*store, TableId(t), {}, 1000));

  auto image = store->Freeze();
  ASSERT_TRUE(image.has_value()) << image.error();
  const std::vector<OwnedRun> later = {RandomRun(rng, TableId(0), 60)};
  ASSERT_TRUE(store->Ingest(Views(later), std::vector<StoreNote>{{"image", "b"}}).ok());

  const auto copy = From(Content(**image));
  for (uint32_t t = 0; t < 3; ++t) EXPECT_EQ(ScanAll(*copy, TableId(t), {}, 1000), before[t]);
  EXPECT_EQ(*copy->Note("image"), "a");
  EXPECT_NE(ScanAll(*store, TableId(0), {}, 1000), before[0]);
  EXPECT_EQ(*store->Note("image"), "b");
}

TEST_P(FrozenStoreTest, EachImageIsTheStoreAsItWasWhateverCameBetween) {
  Rng rng(7, Purpose::kTest);
  const auto store = Make();
  for (int step = 0; step < 30; ++step) {
    std::vector<OwnedRun> runs;
    for (uint32_t t = 0; t < 3; ++t) {
      if (rng.Below(2) == 0) runs.push_back(RandomRun(rng, TableId(t), 1 + rng.Below(60)));
    }
    const std::string note = std::to_string(step);
    const std::vector<StoreNote> notes = {{"step", note}};
    ASSERT_TRUE(store->Ingest(Views(runs), notes).ok());
    if (rng.Below(4) == 0) {
      const auto from = static_cast<uint32_t>(rng.Below(kSlotCount));
      const auto slots = static_cast<uint32_t>(rng.Below(kSlotCount - from));
      ASSERT_TRUE(store->Drop({from, from + slots / 4}, {}).ok());
    }
    if (rng.Below(3) != 0) continue;
    auto image = store->Freeze();
    ASSERT_TRUE(image.has_value()) << image.error();
    const auto copy = From(Content(**image));
    for (uint32_t t = 0; t < 3; ++t) {
      EXPECT_EQ(ScanAll(*copy, TableId(t), {}, 1000), ScanAll(*store, TableId(t), {}, 1000))
          << "table " << t << ", step " << step;
    }
    EXPECT_EQ(*copy->Note("step"), note);
  }
}

TEST_P(FrozenStoreTest, LastingFilesOfALaterImageHaveTheSameBytes) {
  Rng rng(4, Purpose::kTest);
  const auto store = Make();
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 60),
                                      RandomRun(rng, TableId(2), 60)};
  ASSERT_TRUE(store->Ingest(Views(runs), {}).ok());
  auto first = *store->Freeze();
  const std::vector<OwnedRun> later = {RandomRun(rng, TableId(0), 60)};
  ASSERT_TRUE(store->Ingest(Views(later), std::vector<StoreNote>{{"image", "b"}}).ok());
  auto second = *store->Freeze();

  std::map<std::string, std::string> old = Content(*first);
  std::map<std::string, std::string> now = Content(*second);
  uint64_t same = 0;
  for (const ImageFile& file : second->files()) {
    if (!file.lasting || !old.contains(file.name)) continue;
    EXPECT_EQ(old[file.name], now[file.name]) << file.name;
    same += file.bytes;
  }
  EXPECT_GE(same, runs[1].records.size());
}

TEST_P(FrozenStoreTest, AnImageOutlivesItsStore) {
  Rng rng(5, Purpose::kTest);
  auto store = Make();
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(1), 60)};
  ASSERT_TRUE(store->Ingest(Views(runs), {}).ok());
  auto image = *store->Freeze();
  store.reset();
  EXPECT_EQ(ScanAll(*From(Content(*image)), TableId(1), {}, 1000).size(), runs[0].keys.size());
}

TEST_P(FrozenStoreTest, AFileThatIsNotInTheImageIsNotFound) {
  const auto store = Make();
  auto image = *store->Freeze();
  const auto sink = [](std::string_view) { return Status(); };
  EXPECT_EQ(image->Read("thesis.txt", sink).code(), StatusCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(RealAndFake, FrozenStoreTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "Memory" : "RocksDb"; });

TEST_F(RocksDbRowStoreTest, AnImageIsLinkedNotCopiedAndGoesWithStoreAndLastUse) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9)};
  ASSERT_TRUE((*store)->Ingest(Views(runs), {}).ok());
  {
    auto image = *(*store)->Freeze();
    uint64_t linked = 0;
    for (const ImageFile& file : image->files()) {
      if (!file.lasting) continue;
      EXPECT_EQ(fs::hard_link_count(folder_ + "/images/0/" + file.name), 2u) << file.name;
      ++linked;
    }
    EXPECT_EQ(linked, 1u);
    store->reset();
    EXPECT_FALSE(fs::is_empty(folder_ + "/images"));
  }
  EXPECT_TRUE(fs::is_empty(folder_ + "/images"));
}

// However often RocksDB has merged them meanwhile: eight overlapping files are more than it leaves.
TEST_F(RocksDbRowStoreTest, AnImageAddsToTheOneBeforeOnlyWhatWasIngestedBetween) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  Rng rng(1, Purpose::kTest);
  std::set<std::string> known;
  for (int round = 0; round < 8; ++round) {
    const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(2), 200)};
    ASSERT_TRUE((*store)->Ingest(Views(runs), std::vector<StoreNote>{{"image", "a"}}).ok());
    const auto image = *(*store)->Freeze();
    uint64_t added = 0;
    for (const ImageFile& file : image->files()) {
      if (file.lasting && known.insert(file.name).second) added += file.bytes;
    }
    EXPECT_GT(added, runs[0].records.size());
    EXPECT_LT(added, runs[0].records.size() + 30000) << round;  // Keys, indexes, notes.
  }
}

TEST_F(RocksDbRowStoreTest, WhatImagesShareGoesBeforeAnythingElseLacksRoom) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  ASSERT_TRUE((*store)->Freeze().has_value());
  EXPECT_FALSE(fs::is_empty(folder_ + "/images"));
  // More rows than the disk has room for; nobody gets to read them.
  const uint64_t bytes = *FreeBytes(folder_) + (uint64_t{1} << 30);
  void* nothing =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(nothing, MAP_FAILED);
  const std::vector<RowRun> runs = {{TableId(0), {}, {static_cast<const char*>(nothing), bytes}}};
  EXPECT_EQ((*store)->Ingest(runs, {}).code(), StatusCode::kResourceExhausted);
  munmap(nothing, bytes);
  EXPECT_TRUE(fs::is_empty(folder_ + "/images"));
  EXPECT_TRUE((*store)->Freeze().has_value());
}

TEST_F(RocksDbRowStoreTest, FilesOfAnImageBecomeAStoreOnceAndOnlyWhole) {
  const auto adopt = [this](const std::string& folder) {
    return RocksDbRowStore::Adopt(
        {.folder = folder, .owner = "copy", .new_store_id = 7, .record_bytes = kRecordBytes});
  };
  const std::string copy = folder_ + "/copy";
  {
    auto store = Open();
    ASSERT_TRUE(store.has_value()) << store.error();
    Rng rng(1, Purpose::kTest);
    const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9)};
    ASSERT_TRUE((*store)->Ingest(Views(runs), {}).ok());
    auto image = *(*store)->Freeze();
    fs::create_directories(copy);
    fs::copy(folder_ + "/images/0", copy + "/db");
  }
  EXPECT_EQ(adopt(folder_).status().code(), StatusCode::kFailedPrecondition);
  for (const auto& file : fs::directory_iterator(copy + "/db")) {
    const std::string name = file.path().filename().string();
    if (name.starts_with("OPTIONS") || name.ends_with(".log")) continue;  // It can do without.
    const std::string partial = folder_ + "/partial_" + name;
    fs::create_directories(partial);
    fs::copy(copy + "/db", partial + "/db");
    fs::remove(partial + "/db/" + name);
    const auto refused = adopt(partial);
    ASSERT_FALSE(refused.has_value()) << name;
    EXPECT_NE(refused.error().message().find(partial), std::string::npos) << refused.error();
  }
  const auto store = adopt(copy);
  ASSERT_TRUE(store.has_value()) << store.error();
  EXPECT_EQ((*store)->store_id(), 7u);
  EXPECT_GT(ScanAll(**store, TableId(0), {}, 1000).size(), 0u);
}

TEST_F(RocksDbRowStoreTest, ImagesOfAFormerLifeAreDeletedWhenItIsOpened) {
  ASSERT_TRUE(Open().has_value());
  fs::create_directories(folder_ + "/images/0");
  fs::create_directories(folder_ + "/images/1.tmp");
  std::ofstream(folder_ + "/images/0/000012.sst") << "left behind";
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  EXPECT_TRUE(fs::is_empty(folder_ + "/images"));
  EXPECT_TRUE((*store)->Freeze().has_value());
}

TEST_F(RocksDbRowStoreTest, AFreezeThatFailsSaysWhereAndLeavesTheStore) {
  auto store = Open();
  ASSERT_TRUE(store.has_value()) << store.error();
  fs::remove_all(folder_ + "/images");
  std::ofstream(folder_ + "/images") << "in the way";
  const auto image = (*store)->Freeze();
  ASSERT_FALSE(image.has_value());
  EXPECT_NE(image.error().message().find(folder_ + "/images"), std::string::npos) << image.error();
  Rng rng(1, Purpose::kTest);
  const std::vector<OwnedRun> runs = {RandomRun(rng, TableId(0), 9)};
  EXPECT_TRUE((*store)->Ingest(Views(runs), {}).ok());
}

}  // namespace
}  // namespace skybridge::env
