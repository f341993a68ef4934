// SPDX-License-Identifier: Apache-2.0
#include "env/segmented_log.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "env/durable_record_log.h"
#include "env/posix_disk.h"
#include "tests/support/sim_disk.h"

namespace skybridge::env {
namespace {

constexpr uint64_t kRecordsAt = 1536;
constexpr uint64_t kSegment = kRecordsAt + 976;
constexpr size_t kRecordHeader = 25;
using Entries = std::vector<std::pair<uint8_t, std::string>>;  // Type and payload, from `first` on.

class SegmentedLogTest : public testing::Test {
 protected:
  Result<std::unique_ptr<SegmentedLog>> Open(Disk& disk, uint64_t store_id = 7) {
    return SegmentedLog::Open(
        disk, {.folder = "log", .store_id = store_id, .segment_bytes = kSegment, .page_bytes = 1});
  }
  std::unique_ptr<SegmentedLog> Opened(Disk& disk) {
    auto log = Open(disk);
    CHECK(log) << log.error();
    return *std::move(log);
  }
  static Result<uint64_t> Append(RedoLog& log, const std::string& text, uint8_t type = 3) {
    const std::string_view pieces[] = {std::string_view(text).substr(0, text.size() / 2), "",
                                       std::string_view(text).substr(text.size() / 2)};
    return log.Append(type, pieces);
  }
  static Entries ReadAll(RedoLog& log, uint64_t from = 0) {
    Entries entries;
    uint64_t lsn = std::max(from, log.first());
    const Status status = log.Read(lsn, [&](const RedoRecord& record) {
      EXPECT_EQ(record.lsn, lsn++);
      entries.emplace_back(record.type, record.payload);
      return Status();
    });
    EXPECT_TRUE(status.ok()) << status;
    return entries;
  }
  static std::string Text(uint64_t number, size_t bytes) {
    std::string text = std::to_string(number) + ":";
    while (text.size() < bytes) text.push_back(static_cast<char>('a' + number % 26));
    return text;
  }

  support::SimDisk disk_;
};

TEST_F(SegmentedLogTest, WhatWasAppendedIsThereAgain) {
  {
    auto log = Opened(disk_);
    EXPECT_EQ(log->last(), 0u);
    EXPECT_EQ(log->first(), 1u);
    EXPECT_EQ(ReadAll(*log), Entries());
    EXPECT_EQ(*Append(*log, "one", 1), 1u);
    EXPECT_EQ(*Append(*log, "", 2), 2u);
    EXPECT_EQ(log->synced(), 0u);
    ASSERT_TRUE(log->Sync().ok());
    EXPECT_EQ(log->synced(), 2u);
  }
  auto log = Opened(disk_);
  EXPECT_EQ(ReadAll(*log), (Entries{{1, "one"}, {2, ""}}));
  EXPECT_EQ(ReadAll(*log, 2), (Entries{{2, ""}}));
  EXPECT_EQ(*Append(*log, "three"), 3u);
  EXPECT_EQ(Opened(disk_)->last(), 3u);
}

TEST_F(SegmentedLogTest, ARecordThatNoSegmentHoldsIsRefused) {
  auto log = Opened(disk_);
  EXPECT_EQ(Append(*log, std::string(kSegment, 'x')).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(*Append(*log, "fits"), 1u);
}

TEST_F(SegmentedLogTest, TheLogOfAnotherStoreIsRefusedByName) {
  Opened(disk_);
  const auto other = Open(disk_, 8);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(other.error().message().find("0000000000000007, not 0000000000000008"),
            std::string::npos)
      << other.error();
}

// A part of a page would have to be read before it can be written, if it is not in memory.
TEST_F(SegmentedLogTest, WritesEndWithTheirPage) {
  constexpr uint64_t kPage = 4096;
  auto log = *SegmentedLog::Open(
      disk_, {.folder = "log", .segment_bytes = 3 * kPage + 100, .page_bytes = kPage});
  const auto& file = disk_.files.begin()->second;
  const std::vector<size_t> sizes = {1, 100, 4000, 0, 2000, 4000, 0};
  for (const size_t bytes : sizes) {
    ASSERT_TRUE(Append(*log, std::string(bytes, 'x')));
    const auto& write = file.unsynced.back();
    const uint64_t end = write.offset + write.bytes.size();
    ASSERT_TRUE(end % kPage == 0 || end == file.now.size()) << end;
    ASSERT_LT(write.bytes.size(), bytes + kRecordHeader + kPage);
  }
  ASSERT_EQ(disk_.files.size(), 1u);
  Entries expected;
  for (const size_t bytes : sizes) expected.emplace_back(3, std::string(bytes, 'x'));
  EXPECT_EQ(ReadAll(*log), expected);
}

// Against a plain list, on both disks: appends, syncs, releases and restarts in any order.
void CompareWithList(Disk& disk, const std::string& folder, uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed=" << seed);
  Rng rng(seed, Purpose::kTest);
  const SegmentedLogOptions options{
      .folder = folder, .store_id = 1, .segment_bytes = kSegment, .page_bytes = 1u << (seed % 13)};
  auto log = *SegmentedLog::Open(disk, options);
  Entries list;
  uint64_t released = 1;
  for (int event = 0; event < 400; ++event) {
    const uint64_t what = rng.Below(20);
    if (what < 14) {
      const auto type = static_cast<uint8_t>(rng.Below(256));
      std::string text(rng.Below(300), '\0');
      for (char& c : text) c = static_cast<char>(rng.Next());
      const std::string_view pieces[] = {text};
      ASSERT_EQ(*log->Append(type, pieces), list.size() + 1);
      list.emplace_back(type, text);
    } else if (what < 16) {
      ASSERT_TRUE(log->Sync().ok());
      ASSERT_EQ(log->synced(), list.size());
    } else if (what < 18) {
      released += rng.Below(list.size() + 2 - released);
      ASSERT_TRUE(log->Release(released).ok());
    } else {
      log = *SegmentedLog::Open(disk, options);
    }
    ASSERT_EQ(log->last(), list.size());
    ASSERT_LE(log->first(), released);
  }
  Entries read;
  ASSERT_TRUE(log->Read(released,
                        [&](const RedoRecord& record) {
                          read.emplace_back(record.type, record.payload);
                          return Status();
                        })
                  .ok());
  EXPECT_TRUE(std::ranges::equal(read, std::span(list).subspan(released - 1)));
}

TEST_F(SegmentedLogTest, RandomHistoriesAgreeWithAList) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    support::SimDisk disk;
    CompareWithList(disk, "log", seed);
    EXPECT_LT(disk.files.size(), 40u);  // Segments are used again.
  }
  PosixDisk real;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const std::string folder = testing::TempDir() + "/skybridge_segmented_log";
    std::filesystem::remove_all(folder);
    CompareWithList(real, folder, seed);
    std::filesystem::remove_all(folder);
  }
}

// ---------------------------------------------------------------- tails

Entries ReadTail(LogTail& tail, uint64_t from) {
  Entries entries;
  const Status status = tail.Read([&](const RedoRecord& record) {
    EXPECT_EQ(record.lsn, from++);
    entries.emplace_back(record.type, record.payload);
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status;
  return entries;
}

TEST_F(SegmentedLogTest, ATailHasItsRecordsAloneAndCanBeReadAgain) {
  auto log = Opened(disk_);
  Entries list;
  for (uint64_t i = 1; i <= 40; ++i) {
    list.emplace_back(3, Text(i, 100));
    ASSERT_TRUE(Append(*log, list.back().second));
  }
  for (const auto& [from, to] : std::vector<std::pair<uint64_t, uint64_t>>{
           {1, 40}, {1, 1}, {7, 23}, {40, 40}, {41, 40}, {12, 11}, {9, 40}}) {
    SCOPED_TRACE(testing::Message() << from << " to " << to);
    auto tail = log->Tail(from, to);
    ASSERT_TRUE(tail.has_value()) << tail.error();
    const Entries expected(list.begin() + static_cast<ptrdiff_t>(from) - 1,
                           list.begin() + static_cast<ptrdiff_t>(to));
    EXPECT_EQ(ReadTail(**tail, from), expected);
    ASSERT_TRUE(Append(*log, "more"));
    EXPECT_EQ(ReadTail(**tail, from), expected);
  }
  EXPECT_EQ(log->Tail(1, log->last() + 1).status().code(), StatusCode::kOutOfRange);
  const Status stop(StatusCode::kCancelled, "enough");
  EXPECT_EQ((*log->Tail(1, 9))->Read([&](const RedoRecord&) { return stop; }), stop);
}

TEST_F(SegmentedLogTest, ReleaseSparesWhatATailNeedsUntilItIsGone) {
  auto log = Opened(disk_);
  for (uint64_t i = 1; i <= 40; ++i) ASSERT_TRUE(Append(*log, Text(i, 100)));
  auto early = *log->Tail(5, 4);
  auto late = *log->Tail(20, 30);
  ASSERT_TRUE(log->Release(41).ok());
  EXPECT_LE(log->first(), 5u);
  for (uint64_t i = 41; i <= 200; ++i) ASSERT_TRUE(Append(*log, Text(i, 100)));
  EXPECT_EQ(ReadTail(**log->Tail(5, 200), 5).size(), 196u);
  early.reset();
  ASSERT_TRUE(log->Release(41).ok());
  EXPECT_GT(log->first(), 5u);
  EXPECT_LE(log->first(), 20u);
  EXPECT_EQ(ReadTail(*late, 20).size(), 11u);
  // What it kept is used again without another Release.
  late.reset();
  for (uint64_t i = 201; i <= 220; ++i) ASSERT_TRUE(Append(*log, Text(i, 100)));
  EXPECT_GT(log->first(), 30u);
  EXPECT_EQ(log->Tail(5, 10).status().code(), StatusCode::kDataLoss);
}

TEST_F(SegmentedLogTest, DamageInATailIsFound) {
  auto log = Opened(disk_);
  for (uint64_t i = 1; i <= 40; ++i) ASSERT_TRUE(Append(*log, Text(i, 100)));
  auto tail = *log->Tail(1, 40);
  for (auto& [path, content] : disk_.files) {
    const size_t at = content.now.find("20:");
    if (at != std::string::npos) content.now[at] = 'x';
  }
  std::vector<uint64_t> seen;
  const Status status = tail->Read([&](const RedoRecord& record) {
    seen.push_back(record.lsn);
    return Status();
  });
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find("record 20 "), std::string::npos) << status;
  EXPECT_EQ(seen.size(), 19u);
}

// ---------------------------------------------------------------- deaths and damage

class TornLogTest : public SegmentedLogTest {
 protected:
  // Records of many sizes over a few segments, some of them used for the second time.
  TornLogTest() {
    auto log = Opened(disk_);
    for (uint64_t i = 1; i <= 30; ++i) {
      list_.emplace_back(static_cast<uint8_t>(i), Text(i, i * 37 % 190));
      CHECK(Append(*log, list_.back().second, list_.back().first));
      if (i == 20) CHECK(log->Release(18).ok());
    }
  }
  // Reads what there is: part of the list, never anything else.
  void ExpectPrefix(RedoLog& log, uint64_t at_least) {
    ASSERT_GE(log.last(), at_least);
    ASSERT_LE(log.last(), list_.size());
    const Entries read = ReadAll(log);
    const auto begin = list_.begin() + static_cast<ptrdiff_t>(log.first() - 1);
    ASSERT_TRUE(std::equal(read.begin(), read.end(), begin)) << "from " << log.first();
    ASSERT_EQ(read.size(), log.last() + 1 - log.first());
  }
  Entries list_;
};

// S6: the process died while it wrote the last records; nothing after the tear is there.
TEST_F(TornLogTest, ALogTornAtAnyByteIsReadUpToTheTearAndGoesOn) {
  // Where the last segment's records lie: what the last 3 appends wrote.
  const support::SimDisk whole = disk_;
  uint64_t cuts = 0;
  for (const auto& [path, content] : whole.files) {
    const std::string marker = list_.back().second;
    const size_t last = content.now.find(marker);
    if (last == content.now.npos) continue;
    size_t begin = last - kRecordHeader;
    for (const size_t record : {28, 27}) {
      const size_t at = content.now.find(list_[record].second);
      if (at != content.now.npos) begin = at - kRecordHeader;
    }
    for (size_t cut = begin; cut < last + marker.size(); ++cut, ++cuts) {
      for (const char left : {'\0', 'z'}) {
        support::SimDisk disk = whole;
        std::string& torn = disk.files[path].now;
        std::fill(torn.begin() + static_cast<ptrdiff_t>(cut),
                  torn.begin() + static_cast<ptrdiff_t>(last + marker.size()), left);
        auto log = Opened(disk);
        ExpectPrefix(*log, 27);
        const uint64_t kept = log->last();
        ASSERT_LT(kept, list_.size());
        // Goes on, and what was torn does not come back.
        ASSERT_EQ(*Append(*log, "anew", 9), kept + 1);
        log = Opened(disk);
        ASSERT_EQ(log->last(), kept + 1);
        ASSERT_EQ(ReadAll(*log, kept + 1), (Entries{{9, "anew"}}));
      }
    }
  }
  EXPECT_GT(cuts, 150u);
}

// Never a wrong record, never one left out in the middle, and never a synced one missing unsaid.
TEST_F(TornLogTest, AnyFlippedBitIsRefusedOrHarmlessOrShortensWhatWasNotSynced) {
  uint64_t synced = 0;
  {
    auto log = Opened(disk_);
    for (const char* text : {"not", "synced", "yet"}) {
      list_.emplace_back(3, text);
      ASSERT_TRUE(Append(*log, text));
      if (synced > 0) continue;
      ASSERT_TRUE(log->Sync().ok());
      synced = log->synced();
    }
  }
  ASSERT_EQ(synced, list_.size() - 2);
  const support::SimDisk whole = disk_;
  uint64_t refused = 0;
  uint64_t shortened = 0;
  for (const auto& [path, content] : whole.files) {
    for (size_t bit = 0; bit < content.now.size() * 8; ++bit) {
      if (bit / 8 < kRecordsAt && bit / 8 % 512 > 64) continue;  // Between head and records.
      support::SimDisk disk = whole;
      char& byte = disk.files[path].now[bit / 8];
      byte = static_cast<char>(byte ^ (1 << bit % 8));
      auto log = Open(disk);
      Status status = log.status();
      if (log) status = (*log)->Read((*log)->first(), [](const RedoRecord&) { return Status(); });
      if (!status.ok()) {
        ++refused;
        const bool known = status.code() == StatusCode::kDataLoss ||
                           status.code() == StatusCode::kFailedPrecondition;
        ASSERT_TRUE(known) << status;
        ASSERT_NE(status.message().find("log"), std::string::npos) << status;
        continue;
      }
      shortened += (*log)->last() < list_.size();
      ExpectPrefix(**log, synced);
      if (HasFatalFailure()) FAIL() << path << ", bit " << bit;
    }
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(shortened, 100u);
}

// S6: of two records that were not synced a power cut took the first.
TEST_F(SegmentedLogTest, WhatLiesBehindAGapThatWasNotSyncedNeverComesBack) {
  {
    auto log = Opened(disk_);
    ASSERT_TRUE(Append(*log, "one"));
    ASSERT_TRUE(log->Sync().ok());
    ASSERT_TRUE(Append(*log, "lost"));
    ASSERT_TRUE(Append(*log, "left"));
  }
  std::string& bytes = disk_.files.begin()->second.now;
  bytes.replace(bytes.find("lost"), 4, 4, '\0');
  {
    auto log = Opened(disk_);
    EXPECT_EQ(ReadAll(*log), (Entries{{3, "one"}}));
    EXPECT_EQ(*Append(*log, "anew"), 2u);  // As long as what it replaces: then comes "left".
    EXPECT_EQ(log->last(), 2u);
  }
  EXPECT_EQ(ReadAll(*Opened(disk_)), (Entries{{3, "one"}, {3, "anew"}}));
}

TEST_F(SegmentedLogTest, DamageInWhatWasSyncedIsRefusedByPlace) {
  {
    auto log = Opened(disk_);
    for (const char* text : {"one", "two", "three"}) ASSERT_TRUE(Append(*log, text));
    ASSERT_TRUE(log->Sync().ok());
  }
  std::string& bytes = disk_.files.begin()->second.now;
  bytes[bytes.find("three")] = 'T';  // The very last record.
  const auto log = Open(disk_);
  ASSERT_EQ(log.status().code(), StatusCode::kDataLoss);
  EXPECT_NE(log.error().message().find("damaged at byte 1592"), std::string::npos) << log.error();
}

TEST_F(TornLogTest, ASegmentThatIsNeededAndMissingIsRefused) {
  const support::SimDisk whole = disk_;
  int heads = 0;
  int oldest = 0;
  for (const auto& [path, content] : whole.files) {
    support::SimDisk disk = whole;
    disk.files[path].now.replace(0, 8, 8, '\0');
    heads += Open(disk).status().code() == StatusCode::kDataLoss;
    disk = whole;
    disk.files.erase(path);
    oldest += Open(disk).status().code() == StatusCode::kDataLoss;
  }
  EXPECT_GE(heads, 2);
  EXPECT_EQ(oldest, 1);
}

// Promise: a log that had begun is not begun anew in silence, whatever is left of it.
TEST_F(SegmentedLogTest, ALogThatIsGoneIsRefusedIfItHadBegun) {
  const auto open = [this](bool begun) {
    return SegmentedLog::Open(disk_, {.folder = "log", .segment_bytes = kSegment, .begun = begun})
        .status();
  };
  EXPECT_EQ(open(true).code(), StatusCode::kDataLoss);
  ASSERT_TRUE(open(false).ok());
  EXPECT_TRUE(open(true).ok()) << "it is there, without records";
  const auto names = *disk_.List("log");
  ASSERT_EQ(names.size(), 1u);
  const std::string nothing(kSegment, '\0');
  const std::string_view pieces[] = {nothing};
  ASSERT_TRUE((*disk_.Open("log/" + names[0]))->WriteAt(0, pieces).ok());
  EXPECT_EQ(open(true).code(), StatusCode::kDataLoss) << "its head, marks and records are gone";
}

TEST_F(SegmentedLogTest, SegmentsOfAnotherSizeAreWrittenOnlyToTheirEnd) {
  for (uint64_t i = 1; i <= 40; ++i) {
    const uint64_t segment = kSegment + (i % 3) * 400;
    auto log =
        *SegmentedLog::Open(disk_, {.folder = "log", .store_id = 7, .segment_bytes = segment});
    ASSERT_EQ(*Append(*log, Text(i, segment - kRecordsAt - kRecordHeader - 100)), i);
    ASSERT_EQ(ReadAll(*log).back().second[0], std::to_string(i)[0]);
    ASSERT_TRUE(log->Release(i < 10 ? 1 : i - 8).ok());
    EXPECT_LT(disk_.files.size(), 14u);
  }
}

TEST_F(SegmentedLogTest, AStartedSyncCoversWhatWasAppendedBefore) {
  auto log = Opened(disk_);
  ASSERT_TRUE(Append(*log, "one"));
  const auto sync = log->StartSync();
  ASSERT_TRUE(Append(*log, "two"));
  sync->Run();
  EXPECT_EQ(log->synced(), 0u);
  ASSERT_TRUE(log->FinishSync(*sync).ok());
  EXPECT_EQ(log->synced(), 1u);
  // Its segment may be over when it ends.
  const auto late = log->StartSync();
  for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(Append(*log, Text(i, 200)));
  late->Run();
  ASSERT_TRUE(log->FinishSync(*late).ok());
  EXPECT_GE(log->synced(), 17u);
  EXPECT_LT(log->synced(), 22u);
  const auto failing = log->StartSync();
  disk_.fault = {.calls = disk_.calls, .failure = Status(StatusCode::kUnavailable, "input/output")};
  failing->Run();
  EXPECT_EQ(log->FinishSync(*failing).code(), StatusCode::kUnavailable);
  EXPECT_EQ(Append(*log, "three").status().code(), StatusCode::kUnavailable);
}

// A log whose next segment is ready: the last is full, with four records of 200 bytes, of which the
// last one, 16, is not synced.
class ReadyLogTest : public SegmentedLogTest {
 protected:
  ReadyLogTest() {
    log_ = Opened(disk_);
    while (log_->last() < 13) Add();
    CHECK(log_->Release(9).ok());
    for (int i = 0; i < 3; ++i) {  // The first two write and sync that it was released.
      const auto sync = log_->StartSync();
      Add();
      sync->Run();
      CHECK(log_->FinishSync(*sync).ok());
    }
    CHECK_EQ(log_->synced() + 1, log_->last());
  }
  void Add() { CHECK(Append(*log_, Text(log_->last() + 1, 200))); }
  // What a power cut leaves of a record that was not synced.
  void Lose(uint64_t number) {
    for (auto& [path, content] : disk_.files) {
      const size_t at = content.now.find(Text(number, 200));
      if (at != content.now.npos) content.now.replace(at, 200, 200, '\0');
    }
  }

  std::unique_ptr<SegmentedLog> log_;
};

TEST_F(ReadyLogTest, TheNextSegmentIsBegunWithoutAWaitForTheDisk) {
  const uint64_t calls = disk_.calls;
  Add();
  EXPECT_EQ(disk_.calls - calls, 1u) << "more than the record's write";
  EXPECT_EQ(log_->synced() + 2, log_->last());
  ASSERT_TRUE(log_->Sync().ok());
  log_ = Opened(disk_);
  EXPECT_EQ(log_->last(), 17u);
  EXPECT_EQ(ReadAll(*log_).back().second, Text(17, 200));
}

TEST_F(ReadyLogTest, ASegmentBehindAGapIsDeletedForGood) {
  const size_t files = disk_.files.size();
  Add();
  Lose(16);
  for (int life = 0; life < 2; ++life) {
    log_ = Opened(disk_);
    EXPECT_EQ(log_->last(), 15u);
    EXPECT_EQ(disk_.files.size(), files - 1);
  }
  ASSERT_EQ(*Append(*log_, "anew"), 16u);
  log_ = Opened(disk_);
  EXPECT_EQ(ReadAll(*log_, 16), (Entries{{3, "anew"}}));
}

TEST_F(ReadyLogTest, DamageBeforeAGapIsRefusedAndNothingIsDeleted) {
  Add();
  Lose(15);
  const size_t files = disk_.files.size();
  const Status refused = Open(disk_).status();
  EXPECT_EQ(refused.code(), StatusCode::kDataLoss) << refused;
  EXPECT_NE(refused.message().find("record 15 "), std::string::npos) << refused;
  EXPECT_EQ(disk_.files.size(), files);
}

TEST_F(ReadyLogTest, WhatEarlierLivesMadeReadyIsNoBurden) {
  for (int life = 0; life < 20; ++life) {
    log_ = Opened(disk_);
    for (int i = 0; i < 9; ++i) {
      Add();
      ASSERT_TRUE(log_->Release(log_->last() - 2).ok());
      const auto sync = log_->StartSync();
      sync->Run();
      ASSERT_TRUE(log_->FinishSync(*sync).ok());
    }
    EXPECT_LE(disk_.files.size(), 3u);
  }
}

// Death at any call to the disk, with any part of a write done: what was appended is there, the
// record in the making is there or not.
TEST_F(SegmentedLogTest, DeathAtAnyCallLosesNothingThatWasAppended) {
  for (uint64_t calls = 0;; ++calls) {
    for (const uint64_t torn : {0u, 1u, 30u, 10000u}) {
      support::SimDisk disk;
      disk.fault = {.calls = calls,
                    .failure = Status(StatusCode::kUnavailable, "dead"),
                    .torn_bytes = torn,
                    .for_good = true};
      Entries list;
      Entries tried;
      const auto live = [&] {
        auto log = Open(disk);
        if (!log) return;
        for (uint64_t i = 1; i <= 24; ++i) {
          tried = list;
          tried.emplace_back(3, Text(i, 150));
          if (!Append(**log, tried.back().second)) return;
          list = tried;
          if (i % 7 == 0 && !(*log)->Sync().ok()) return;
          if (i == 16 && !(*log)->Release(14).ok()) return;
        }
        tried.clear();
      };
      live();
      const bool survived = disk.calls <= calls;
      disk.fault.reset();
      auto log = Open(disk);
      ASSERT_TRUE(log.has_value()) << log.error() << " after " << calls << " calls";
      const Entries read = ReadAll(**log);
      const uint64_t first = (*log)->first();
      for (Entries* whole : {&list, &tried}) {
        const size_t gone = std::min<size_t>(whole->size(), first - 1);
        whole->erase(whole->begin(), whole->begin() + static_cast<ptrdiff_t>(gone));
      }
      ASSERT_TRUE(read == list || read == tried) << calls << " calls, torn " << torn;
      ASSERT_EQ(*Append(**log, "on"), first + read.size());
      if (survived && torn == 10000) return;
    }
  }
}

// S8: a full disk refuses, and the log goes on when there is room.
TEST_F(SegmentedLogTest, AFullDiskRefusesOneAppendAndKeepsTheRest) {
  for (uint64_t calls = 3; calls < 40; ++calls) {
    support::SimDisk disk;
    auto log = Opened(disk);
    disk.fault = {.calls = calls,
                  .failure = Status(StatusCode::kResourceExhausted, "disk full"),
                  .torn_bytes = 17};
    Entries list;
    int refused = 0;
    for (uint64_t i = 1; i <= 20; ++i) {
      const auto lsn = Append(*log, Text(i, 150));
      if (lsn) {
        list.emplace_back(3, Text(i, 150));
        ASSERT_EQ(*lsn, list.size());
      } else if (lsn.error().code() == StatusCode::kResourceExhausted) {
        ++refused;
      } else {
        EXPECT_EQ(lsn.error().code(), StatusCode::kUnavailable);  // The fault met a sync.
      }
      if (i == 9) (void)log->Release(8);  // Spares for the next segments; may meet the fault too.
    }
    EXPECT_LE(refused, 1) << calls;  // There was room again at once.
    disk.fault.reset();
    auto again = Opened(disk);
    list.erase(list.begin(), list.begin() + static_cast<ptrdiff_t>(again->first() - 1));
    ASSERT_EQ(ReadAll(*again), list) << calls;
  }
}

TEST_F(SegmentedLogTest, AFailedSyncIsNeverTriedAgain) {
  auto log = Opened(disk_);
  ASSERT_TRUE(Append(*log, "one").has_value());
  disk_.fault = {.calls = disk_.calls, .failure = Status(StatusCode::kUnavailable, "input/output")};
  EXPECT_EQ(log->Sync().code(), StatusCode::kUnavailable);
  EXPECT_EQ(log->Sync().code(), StatusCode::kUnavailable);
  EXPECT_EQ(log->synced(), 0u);
  EXPECT_EQ(Append(*log, "two").status().code(), StatusCode::kUnavailable);
}

TEST_F(SegmentedLogTest, RecordsOfANodeComeBackAndAreSafe) {
  auto log = Opened(disk_);
  DurableRecordLog records(*log);
  const std::vector<Record> written = {{"one"}, {""}, {"three"}};
  ASSERT_TRUE(records.Write(written).ok());
  EXPECT_EQ(log->synced(), 3u);
  const auto read = ReadRecords(*Opened(disk_));
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ((*read)[2].bytes, "three");
}

}  // namespace
}  // namespace skybridge::env
