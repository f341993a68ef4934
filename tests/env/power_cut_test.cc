// SPDX-License-Identifier: Apache-2.0
// Random histories of a SegmentedLog on a disk that fails, under a process that dies and a machine
// that loses power, at any call: also while the log is opened again.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "env/durable_record_log.h"
#include "env/segmented_log.h"
#include "tests/support/sim_disk.h"

namespace skybridge::env {
namespace {

constexpr uint64_t kSegment = 1536 + 900;
const Status kDead(StatusCode::kUnavailable, "dead");

// A log through its lives, and what it promised.
class History {
 public:
  explicit History(uint64_t seed)
      : page_bytes_(seed % 2 == 1 ? 1 : 16u << (seed % 9)),
        beside_(seed % 3 == 0),
        rng_(seed, Purpose::kTest) {
    disk_.sector_bytes = 32u << rng_.Below(5);
  }

  void Run() {
    const uint64_t lives = 2 + rng_.Below(5);
    for (uint64_t life = 0; life < lives && !testing::Test::HasFatalFailure(); ++life) {
      if (rng_.Below(4) > 0) PlanFault();
      Live();
      End();
    }
    disk_.fault.reset();
    auto log = Open();
    ASSERT_TRUE(log) << log.error();
    Compare(**log);
  }
  uint64_t lost() const { return lost_; }
  uint64_t cuts() const { return cuts_; }

 private:
  void PlanFault() {
    const Status failures[] = {kDead, Status(StatusCode::kUnavailable, "input/output"),
                               Status(StatusCode::kResourceExhausted, "disk full")};
    const uint64_t kind = rng_.Below(3);
    disk_.fault = {.calls = disk_.calls + rng_.Below(60),
                   .failure = failures[kind],
                   .torn_bytes = rng_.Below(2) * rng_.Below(400),
                   .carried_out = rng_.Below(2) == 0,
                   .for_good = kind == 0};
  }

  Result<std::unique_ptr<SegmentedLog>> Open() {
    const uint64_t segment = kSegment + rng_.Below(3) * 350;
    return SegmentedLog::Open(disk_, {.folder = "log",
                                      .store_id = 7,
                                      .segment_bytes = segment,
                                      .spares_max = 1,
                                      .page_bytes = page_bytes_});
  }

  // What came back is what was appended, up to some point; nothing that was promised is missing.
  void Compare(SegmentedLog& log) {
    ASSERT_GE(log.last(), written_);
    if (refused_ && log.last() >= refused_->first) {  // Its last bytes may have lain there before.
      const auto seen = log.Read(refused_->first, [&](const RedoRecord& record) {
        if (record.lsn != refused_->first || record.payload != refused_->second) return Status();
        list_.resize(std::max<size_t>(list_.size(), record.lsn));
        list_[record.lsn - 1] = refused_->second;
        return Status();
      });
      ASSERT_TRUE(seen.ok() || disk_.fault) << seen;
    }
    refused_.reset();
    ASSERT_LE(log.last(), list_.size());
    released_ = std::min(released_, log.last() + 1);
    ASSERT_LE(log.first(), released_);
    uint64_t lsn = log.first();
    const Status read = log.Read(lsn, [&](const RedoRecord& record) {
      EXPECT_EQ(record.lsn, lsn);
      EXPECT_EQ(record.payload, list_[lsn - 1]);
      ++lsn;
      return Status();
    });
    ASSERT_TRUE(read.ok() || disk_.fault) << read;
    ASSERT_TRUE(!read.ok() || lsn == log.last() + 1) << lsn;
    lost_ += list_.size() - log.last();
    list_.resize(log.last());
    promised_ = written_ = list_.size();  // An opened log is synced.
    ASSERT_EQ(log.synced(), log.last());
  }

  void Live() {
    auto log = Open();
    // Only a fault excuses.
    ASSERT_TRUE(log || disk_.fault) << log.error();
    if (!log) return;
    Compare(**log);
    const uint64_t events = rng_.Below(80);
    for (uint64_t event = 0; event < events && !testing::Test::HasFatalFailure(); ++event) {
      if (!Happens(**log)) break;
    }
    sync_.reset();
  }

  // False once the log must not be used any more.
  bool Happens(SegmentedLog& log) {
    const uint64_t what = rng_.Below(beside_ ? 28 : 24);
    if (what < 16) return Append(log);
    if (what < 18) return beside_ || After(log.Sync(), log);
    if (what < (beside_ ? 22 : 20)) {
      if (sync_) return true;
      sync_ = log.StartSync();
      ran_ = rng_.Below(2) == 0;  // Or it runs late.
      if (ran_) sync_->Run();
      return true;
    }
    if (what < (beside_ ? 26 : 22)) {
      if (!sync_) return true;
      if (!ran_) sync_->Run();
      const Status finished = log.FinishSync(*sync_);
      sync_.reset();
      return After(finished, log);
    }
    released_ += rng_.Below(log.last() + 2 - released_);
    return After(log.Release(released_), log);
  }

  bool Append(SegmentedLog& log) {
    std::string text(rng_.Below(10) == 0 ? 0 : rng_.Below(300), '\0');
    for (char& c : text) c = static_cast<char>(rng_.Below(4));
    const std::string_view pieces[] = {text};
    const uint64_t expected = log.last() + 1;
    const auto lsn = log.Append(1, pieces);
    if (lsn) {
      EXPECT_EQ(*lsn, expected);
    }
    if (!lsn && lsn.error().code() == StatusCode::kResourceExhausted) {
      refused_ = {expected, text};
      return true;
    }
    if (lsn) refused_.reset();
    list_.push_back(text);  // If it failed, it may be there or not.
    if (lsn) written_ = list_.size();
    return After(lsn.status(), log);
  }

  bool After(const Status& status, const SegmentedLog& log) {
    promised_ = std::max(promised_, log.synced());
    return status.ok() || status.code() == StatusCode::kResourceExhausted;
  }

  void End() {
    if (rng_.Below(3) > 0) {
      disk_.CutPower(rng_);
      written_ = promised_;
      ++cuts_;
    } else {
      disk_.fault.reset();  // The death of a process loses nothing.
    }
  }

  const uint64_t page_bytes_;
  const bool beside_;  // All syncs run beside the owner.
  Rng rng_;
  support::SimDisk disk_;
  std::vector<std::string> list_;
  uint64_t promised_ = 0;  // What a power cut must leave.
  uint64_t released_ = 1;
  std::optional<std::pair<uint64_t, std::string>> refused_;
  uint64_t written_ = 0;  // What is there if only processes died since.
  std::unique_ptr<RedoSync> sync_;
  bool ran_ = false;
  uint64_t lost_ = 0;
  uint64_t cuts_ = 0;
};

TEST(PowerCutTest, WhatWasSyncedIsThereAndTheRestIsAPrefix) {
  uint64_t lost = 0;
  uint64_t cuts = 0;
  for (uint64_t seed = 0; seed < 30000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    History history(seed);
    history.Run();
    if (HasFatalFailure()) return;
    lost += history.lost();
    cuts += history.cuts();
  }
  EXPECT_GT(cuts, 60000u);
  EXPECT_GT(lost, 60000u);  // It does bite.
}

// What a node's loop had on disk before it spoke, as the scheduler's does.
TEST(PowerCutTest, WhatANodePersistedBeforeItSpokeIsThere) {
  uint64_t lost = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    support::SimDisk disk;
    const SegmentedLogOptions options{.folder = "log", .segment_bytes = kSegment};
    std::vector<Record> wanted;
    size_t spoken = 0;  // Records of which messages have left.
    {
      auto log = SegmentedLog::Open(disk, options);
      ASSERT_TRUE(log) << log.error();
      DurableRecordLog records(**log);
      disk.fault = {.calls = disk.calls + rng.Below(80),
                    .failure = kDead,
                    .torn_bytes = rng.Below(200),
                    .carried_out = rng.Below(2) == 0,
                    .for_good = true};
      for (bool alive = true; alive;) {
        std::vector<Record> batch(1 + rng.Below(3));
        for (Record& record : batch) record.bytes.assign(1 + rng.Below(200), 'x');
        wanted.insert(wanted.end(), batch.begin(), batch.end());
        alive = records.Write(batch).ok();
        if (alive) spoken = wanted.size();
      }
    }
    disk.CutPower(rng);
    auto log = SegmentedLog::Open(disk, options);
    ASSERT_TRUE(log) << log.error();
    const auto there = ReadRecords(**log);
    ASSERT_TRUE(there) << there.error();
    ASSERT_GE(there->size(), spoken);
    ASSERT_LE(there->size(), wanted.size());
    for (size_t i = 0; i < there->size(); ++i) ASSERT_EQ((*there)[i].bytes, wanted[i].bytes);
    lost += wanted.size() - there->size();
  }
  EXPECT_GT(lost, 1000u);
}

}  // namespace
}  // namespace skybridge::env
