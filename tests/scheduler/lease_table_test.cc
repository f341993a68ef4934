// SPDX-License-Identifier: Apache-2.0
#include "scheduler/lease_table.h"

#include <chrono>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "common/rng.h"
#include "tests/support/transcript.h"

namespace skybridge::scheduler {
namespace {

using std::chrono::seconds;

constexpr Instant kStart;

LeaseId Lease(uint64_t unit) { return {Phase(1), LeaseKind::kExportPartition, unit}; }

std::vector<LeaseId> Leases(uint64_t count) {
  std::vector<LeaseId> leases;
  for (uint64_t unit = 0; unit < count; ++unit) leases.push_back(Lease(unit));
  return leases;
}

std::string Describe(const std::vector<Granted>& grants) {
  std::string said;
  for (const Granted& grant : grants) {
    said += "unit " + std::to_string(grant.lease.unit) + " attempt " +
            std::to_string(Number(grant.attempt)) + " node " + std::to_string(Number(grant.node)) +
            "\n";
  }
  return said;
}

std::string Play(LeaseTable& table, const TranscriptCommand& command) {
  const Instant now = kStart + seconds(command.Number("t"));
  const LeaseId lease = Lease(command.Number("unit"));
  const auto attempt = Attempt(static_cast<uint16_t>(command.Number("attempt")));
  if (command.name == "begin") {
    table.Begin(Leases(command.Number("leases")));
    return "";
  }
  if (command.name == "grant") {
    std::vector<Incarnation> nodes;
    std::istringstream list(command.Text("nodes"));
    for (std::string node; std::getline(list, node, ',');) {
      nodes.push_back(Incarnation(std::stoull(node)));
    }
    const auto per_node = static_cast<uint32_t>(command.Number("per_node"));
    return Describe(table.Grant(nodes, {.per_node = per_node}, now));
  }
  if (command.name == "release") {
    return Describe(table.Release(Incarnation(command.Number("node"))));
  }
  if (command.name == "return") {
    const Status why(static_cast<StatusCode>(command.Number("code")), "disk full");
    const Status status = table.Return(lease, attempt, why, now);
    return status.ok() ? "" : status.ToString() + "\n";
  }
  const auto report = table.Done(lease, attempt);
  if (!report) return report.error().ToString() + "\n";
  switch (*report) {
    case LeaseTable::Report::kFirst: return "first\n";
    case LeaseTable::Report::kRepeat: return "repeat\n";
    case LeaseTable::Report::kAlreadyDone: return "already done\n";
  }
  return "?\n";
}

TEST(LeaseTableTest, LeasesMoveUnderHigherAttempts) {
  LeaseTable table({});
  PlayTranscript("lease_table_moves.txt",
                 [&](const TranscriptCommand& command) { return Play(table, command); });
}

TEST(LeaseTableTest, GivesUpOnALeaseThatAlwaysComesBack) {
  LeaseTable table({.returns_max = 2, .return_backoff = seconds(1)});
  table.Begin(Leases(1));
  const std::vector<Incarnation> nodes = {Incarnation(1)};
  Instant now;
  const Status why(StatusCode::kUnavailable, "no route");
  for (uint16_t attempt = 1; attempt <= 2; ++attempt) {
    now = now + seconds(100);
    ASSERT_EQ(table.Grant(nodes, {}, now).size(), 1u);
    ASSERT_TRUE(table.Return(Lease(0), Attempt(attempt), why, now).ok());
  }
  now = now + seconds(100);
  ASSERT_EQ(table.Grant(nodes, {}, now).size(), 1u);
  EXPECT_EQ(
      table.Return(Lease(0), Attempt(3), why, now),
      Status(StatusCode::kUnavailable, "export partition 0, given up after 3 returns: no route"));
}

TEST(LeaseTableTest, WhatWasGivenUpIsTriedAgainOnceTheJobGoesOn) {
  LeaseTable table({.returns_max = 1, .return_backoff = seconds(1)});
  table.Begin(Leases(3));
  const std::vector<Incarnation> nodes = {Incarnation(1)};
  Instant now;
  ASSERT_EQ(table.Grant(nodes, {.per_node = 3}, now).size(), 3u);
  const Status full(StatusCode::kResourceExhausted, "no room");
  ASSERT_TRUE(table.Return(Lease(0), Attempt(1), full, now).ok());
  now = now + seconds(2);
  ASSERT_EQ(table.Grant(nodes, {.per_node = 3}, now).size(), 1u);
  ASSERT_FALSE(table.Return(Lease(0), Attempt(2), full, now).ok());
  ASSERT_FALSE(table.Return(Lease(1), Attempt(1), {StatusCode::kDataLoss, "odd"}, now).ok());
  EXPECT_TRUE(table.Grant(nodes, {.per_node = 3}, now).empty());
  table.Reopen();
  const std::vector<Granted> again = {{Lease(0), Attempt(3), Incarnation(1)},
                                      {Lease(1), Attempt(2), Incarnation(1)}};
  EXPECT_EQ(table.Grant(nodes, {.per_node = 3}, now), again);
  EXPECT_TRUE(table.Holds(Lease(2), Attempt(1)));
  EXPECT_TRUE(table.Return(Lease(0), Attempt(3), full, now).ok()) << "it begins to count again";
}

TEST(LeaseTableTest, LimitsHoldPerNodeAndInAll) {
  LeaseTable table({});
  table.Begin(Leases(9));
  const std::vector<Incarnation> nodes = {Incarnation(1), Incarnation(2)};
  EXPECT_EQ(table.Grant(nodes, {.per_node = 2, .total = 3}, kStart).size(), 3u);
  EXPECT_EQ(table.Grant(nodes, {.per_node = 2, .total = 3}, kStart).size(), 0u);
  EXPECT_EQ(table.Grant(nodes, {.per_node = 2}, kStart).size(), 1u);
  EXPECT_EQ(table.Grant({}, {.per_node = 2}, kStart).size(), 0u);
}

TEST(LeaseTableTest, NewPhaseForgetsTheLeasesOfTheOld) {
  LeaseTable table({});
  table.Begin(Leases(1));
  const std::vector<Incarnation> nodes = {Incarnation(1)};
  ASSERT_EQ(table.Grant(nodes, {}, kStart).size(), 1u);
  ASSERT_EQ(*table.Done(Lease(0), Attempt(1)), LeaseTable::Report::kFirst);
  EXPECT_TRUE(table.all_done());
  table.Begin({{Phase(2), LeaseKind::kBuildIndex, 0}});
  EXPECT_FALSE(table.all_done());
  EXPECT_EQ(table.Done(Lease(0), Attempt(1)).error().code(), StatusCode::kNotFound);
}

// Random histories against the promises: every lease is first-done exactly once, attempts of a
// lease only rise, no node holds more than its share, and the phase always comes to its end.
TEST(LeaseTableTest, RandomHistoriesFinishEachLeaseOnce) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Rng rng(seed, Purpose::kTest);
    LeaseTable table({.returns_max = 1000000, .return_backoff = seconds(1)});
    const uint64_t count = 1 + rng.Below(20);
    table.Begin(Leases(count));
    std::map<uint64_t, int> firsts;
    std::map<uint64_t, uint16_t> attempts;
    std::vector<Granted> history;
    Instant now;
    for (int event = 0; event < 20000 && !table.all_done(); ++event) {
      now = now + seconds(rng.Below(100));
      std::vector<Incarnation> nodes;
      for (uint64_t node = 1; node <= 3; ++node) {
        if (rng.Below(2) == 0) nodes.push_back(Incarnation(node));
      }
      for (const Granted& grant : table.Grant(nodes, {.per_node = 2}, now)) {
        EXPECT_GT(Number(grant.attempt), attempts[grant.lease.unit]);
        attempts[grant.lease.unit] = Number(grant.attempt);
        history.push_back(grant);
      }
      std::map<Incarnation, int> held;
      for (const Granted& grant : table.granted()) ++held[grant.node];
      for (const auto& [node, leases] : held) EXPECT_LE(leases, 2);
      if (history.empty()) continue;
      const Granted& any = history[rng.Below(history.size())];
      switch (rng.Below(4)) {
        case 0: table.Release(any.node); break;
        case 1:
          EXPECT_TRUE(
              table.Return(any.lease, any.attempt, {StatusCode::kUnavailable, "x"}, now).ok());
          break;
        default:
          if (*table.Done(any.lease, any.attempt) == LeaseTable::Report::kFirst) {
            ++firsts[any.lease.unit];
          }
      }
    }
    EXPECT_TRUE(table.all_done());
    EXPECT_EQ(firsts.size(), count);
    for (const auto& [unit, times] : firsts) EXPECT_EQ(times, 1) << "unit " << unit;
  }
}

TEST(LeaseTableTest, WhatAnEarlierLifeDidIsNotGranted) {
  const LeaseId a{Phase(2), LeaseKind::kTrainPartition, 0};
  const LeaseId b{Phase(2), LeaseKind::kTrainPartition, 1};
  LeaseTable table({});
  table.Begin({a, b});
  EXPECT_TRUE(table.MarkDone(a).ok());
  EXPECT_EQ(table.MarkDone(a).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(table.MarkDone({Phase(3), LeaseKind::kTrainPartition, 0}).code(),
            StatusCode::kNotFound);
  EXPECT_EQ(table.done(), 1u);
  const std::vector<Incarnation> nodes = {Incarnation(1)};
  const std::vector<Granted> granted = table.Grant(nodes, {.per_node = 5}, Instant{});
  ASSERT_EQ(granted.size(), 1u);
  EXPECT_EQ(granted[0].lease, b);
  EXPECT_EQ(table.Done(a, Attempt(1)).error().code(), StatusCode::kOutOfRange);
  EXPECT_TRUE(table.Done(b, Attempt(1)));
  EXPECT_TRUE(table.all_done());
}

}  // namespace
}  // namespace skybridge::scheduler
