// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/envelope.h"

namespace skybridge::scheduler {
namespace {

using testing::ElementsAre;

TEST(SchedulerCodecTest, LeasesSurviveTheWayThereAndBack) {
  for (const LeaseKind kind :
       {LeaseKind::kPreparePartition, LeaseKind::kTrainRank, LeaseKind::kTrainPartition,
        LeaseKind::kExportPartition, LeaseKind::kExportTable, LeaseKind::kEvaluatePartition,
        LeaseKind::kBuildIndex, LeaseKind::kExportCommit}) {
    const LeaseId lease{Phase(3), kind, UnitOf(7, 9)};
    EXPECT_EQ(FromWire(ToWire(lease)), lease) << LeaseName(lease);
    EXPECT_TRUE(wire::LeaseKind_IsValid(ToWire(lease).kind()));
  }
}

TEST(SchedulerCodecTest, NumbersThatDoNotFitMatchNothing) {
  wire::Lease lease;
  lease.set_kind(static_cast<wire::LeaseKind>(257));
  EXPECT_EQ(FromWire(lease).kind, LeaseKind{}) << "must not become 257 - 256";
  EXPECT_EQ(Number(FromWire(lease, 65537, Incarnation(1)).attempt), 65535u);
  wire::Register joining;
  joining.set_role(wire::ROLE_UNKNOWN);
  EXPECT_FALSE(FromWire(joining).has_value());
}

TEST(SchedulerCodecTest, RegistrationCarriesEveryField) {
  wire::Register joining;
  joining.set_role(wire::SHARD);
  joining.set_index(1);
  joining.set_process(2);
  joining.set_host("h");
  joining.set_pid(3);
  joining.set_instance(6);
  joining.set_version("v");
  joining.set_job_hash(4);
  joining.set_dataset_hash(5);
  joining.set_endpoint("tcp://h:1");
  const Registration got = *FromWire(joining);
  EXPECT_EQ(got.key, (NodeKey{Role::kShard, 1}));
  EXPECT_EQ(got.process, 2u);
  EXPECT_EQ(got.host, "h");
  EXPECT_EQ(got.pid, 3u);
  EXPECT_EQ(got.instance, 6u);
  EXPECT_EQ(got.version, "v");
  EXPECT_EQ(got.job_hash, 4u);
  EXPECT_EQ(got.dataset_hash, 5u);
  EXPECT_EQ(got.endpoint, "tcp://h:1");
}

TEST(SchedulerCodecTest, OutcomeCarriesPartsMetricsAndProgress) {
  wire::LeaseDone done;
  done.set_count(1);
  done.set_examples(2);
  done.set_report("{}");
  wire::PartFile& file = *done.add_part();
  file.set_name("n");
  file.set_bytes(3);
  file.set_xxh64(4);
  file.set_rows(5);
  file.set_partition(6);
  file.set_kind("ids");
  file.set_table("t");
  done.mutable_metrics()->set_queries(7);
  wire::MetricAtK& at = *done.mutable_metrics()->add_at();
  at.set_k(8);
  at.set_recall(1);
  at.set_ndcg(2);
  at.set_mrr(3);
  at.set_hit(4);
  done.mutable_progress()->set_examples(9);
  done.mutable_progress()->set_loss_sum(10);
  done.mutable_progress()->set_done(11);
  done.mutable_progress()->set_total(12);
  const LeaseOutcome got = FromWire(done);
  EXPECT_EQ(got.count, 1u);
  EXPECT_EQ(got.examples, 2u);
  EXPECT_EQ(got.report, "{}");
  EXPECT_THAT(got.parts, ElementsAre(PartFile{"n", 3, 4, 5, 6, "ids", "t"}));
  EXPECT_EQ(got.metrics.queries, 7u);
  EXPECT_THAT(got.metrics.at, ElementsAre(MetricAtK{8, 1, 2, 3, 4}));
  EXPECT_EQ(got.progress.examples, 9u);
  EXPECT_EQ(got.progress.loss_sum, 10);
  EXPECT_EQ(got.progress.done, 11u);
  EXPECT_EQ(got.progress.total, 12u);
}

TEST(SchedulerCodecTest, GrantCarriesTheWholeSpec) {
  const Granted granted{{Phase(2), LeaseKind::kExportCommit, 0}, Attempt(3), Incarnation(1)};
  const PartFile part{"n", 3, 4, 5, 6, "ids", "t"};
  wire::Grant grant =
      ToWire(granted, {.export_spec = ExportSpec{"f", 1, true, {part}, 2, 0.5, 9}}).grant();
  EXPECT_EQ(grant.attempt(), 3u);
  EXPECT_FALSE(grant.has_train());
  EXPECT_EQ(grant.export_().folder(), "f");
  EXPECT_EQ(grant.export_().expect_committed(), 1u);
  EXPECT_TRUE(grant.export_().vectors_only());
  EXPECT_EQ(grant.export_().step(), 2u);
  EXPECT_EQ(grant.export_().index_recall(), 0.5);
  EXPECT_EQ(grant.export_().candidates_total(), 9u);
  ASSERT_EQ(grant.export_().part_size(), 1);
  EXPECT_EQ(grant.export_().part(0).xxh64(), 4u);
  EXPECT_EQ(grant.export_().part(0).table(), "t");

  grant = ToWire(granted, {.evaluate = EvaluateSpec{"f", {part}, 1, 2, 3}}).grant();
  EXPECT_EQ(grant.evaluate().folder(), "f");
  EXPECT_EQ(grant.evaluate().part(0).name(), "n");
  EXPECT_EQ(grant.evaluate().evaluation(), 1u);
  EXPECT_EQ(grant.evaluate().expect_committed(), 2u);
  EXPECT_EQ(grant.evaluate().candidates_total(), 3u);

  grant = ToWire(granted, {.train = TrainSpec{1, 2, 3, 4, {5, 6}, 7, 8, 9, 10, 11, 12}}).grant();
  EXPECT_EQ(grant.train().rank(), 1u);
  EXPECT_EQ(grant.train().clock_begin(), 2u);
  EXPECT_EQ(grant.train().clock_end(), 3u);
  EXPECT_EQ(grant.train().clocks_total(), 4u);
  EXPECT_THAT(grant.train().batches(), ElementsAre(5, 6));
  EXPECT_EQ(grant.train().examples_total(), 7u);
  EXPECT_EQ(grant.train().candidates_total(), 8u);
  EXPECT_EQ(grant.train().epoch(), 9u);
  EXPECT_EQ(grant.train().partition(), 10u);
  EXPECT_EQ(grant.train().partition_batches(), 11u);
  EXPECT_EQ(grant.train().epochs(), 12u);
}

TEST(SchedulerCodecTest, ShardQuestionsCarryTheirFields) {
  const PhaseRules rules{Phase(4), true, 2, 3, 5, true};
  wire::Header header = ToWire(ShardCall{0, 77, {.rules = rules}});
  EXPECT_EQ(header.request(), 77u);
  EXPECT_EQ(header.open_phase().phase(), 4u);
  EXPECT_TRUE(header.open_phase().lockstep());
  EXPECT_EQ(header.open_phase().staleness(), 2);
  EXPECT_EQ(header.open_phase().ranks(), 3u);
  EXPECT_EQ(header.open_phase().clock_begin(), 5u);
  EXPECT_TRUE(header.open_phase().read_only());
  using Kind = ShardRequest::Kind;
  header = ToWire(ShardCall{0, 1, {.kind = Kind::kClosePhase, .rules = rules, .clock_end = 6}});
  EXPECT_EQ(header.close_phase().phase(), 4u);
  EXPECT_EQ(header.close_phase().clock_end(), 6u);
  header = ToWire(
      ShardCall{0, 1, {.kind = Kind::kCloseStream, .rules = rules, .stream = 8, .count = 9}});
  EXPECT_EQ(header.close_stream().phase(), 4u);
  EXPECT_EQ(header.close_stream().stream(), 8u);
  EXPECT_EQ(header.close_stream().count(), 9u);
  header =
      ToWire(ShardCall{0, 1, {.kind = Kind::kRetireRank, .rules = rules, .rank = 2, .changes = 3}});
  EXPECT_EQ(header.retire_rank().phase(), 4u);
  EXPECT_EQ(header.retire_rank().rank(), 2u);
  EXPECT_EQ(header.retire_rank().changes(), 3u);
  EXPECT_TRUE(ToWire(ShardCall{0, 1, {.kind = Kind::kTableHash}}).has_table_hash());
}

TEST(SchedulerCodecTest, QuestionsOfARoundCarryTheirFields) {
  using Kind = ShardRequest::Kind;
  const auto wire = [](Kind kind) {
    return ToWire(ShardCall{.request = 9,
                            .what = {.kind = kind,
                                     .rules = {.phase = Phase(4)},
                                     .round = 5,
                                     .clock = 6,
                                     .committed = true}});
  };
  EXPECT_EQ(wire(Kind::kPrepareRound).prepare_round().round(), 5u);
  EXPECT_EQ(wire(Kind::kPrepareRound).request(), 9u);
  EXPECT_EQ(wire(Kind::kCutRound).cut_round().round(), 5u);
  EXPECT_EQ(wire(Kind::kCutRound).cut_round().phase(), 4u);
  EXPECT_EQ(wire(Kind::kCutRound).cut_round().clock(), 6u);
  EXPECT_EQ(wire(Kind::kCollectRound).collect_round().round(), 5u);
  EXPECT_EQ(wire(Kind::kEndRound).end_round().round(), 5u);
  EXPECT_TRUE(wire(Kind::kEndRound).end_round().committed());
}

TEST(SchedulerCodecTest, LargestGrantThatOptionsAllowFitsAFrame) {
  ExportSpec spec{.folder = std::string(200, 'f')};
  for (uint64_t i = 0; i < kPartsMax; ++i) {
    spec.parts.push_back({"parts/part-00000.a10.table_rows.npy." + std::to_string(i), ~uint64_t{0},
                          ~uint64_t{0}, ~uint64_t{0}, ~uint32_t{0}, "table_rows",
                          "a table with a long name, of 50 letters or a few more"});
  }
  const Granted granted{{Phase(2), LeaseKind::kExportCommit, 0}, Attempt(3), Incarnation(1)};
  EXPECT_LT(ToWire(granted, {.export_spec = spec}).ByteSizeLong(), wire::kHeaderBytesMax);
}

}  // namespace
}  // namespace skybridge::scheduler
