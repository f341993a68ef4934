// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "launch/cluster_config.h"
#include "launch/commands.h"
#include "launch/job_flags.h"
#include "launch/memory_need.h"
#include "launch/open_job.h"
#include "launch/progress_line.h"
#include "launch/sample.h"

DEFINE_bool(resolved, true, "Also print the job with all its defaults.");

namespace skybridge::launch {
namespace {

void PrintFiles(const std::string& what, const std::vector<data::PlannedFile>& files) {
  uint64_t bytes = 0;
  for (const data::PlannedFile& file : files) bytes += file.bytes;
  fmt::print("  {:<20} {} files, {}B{}\n", what, files.size(),
             ShortCount(static_cast<double>(bytes)),
             files.empty() ? "" : ": " + files.front().name + (files.size() > 1 ? ", ..." : ""));
}

void PrintData(const OpenJob& job) {
  fmt::print("data: {} training partitions, {} candidate partitions\n", job.plan.train.size(),
             job.plan.candidates.size());
  for (size_t i = 0; i < job.plan.train_files.size(); ++i) {
    PrintFiles(fmt::format("train[{}]", i), job.plan.train_files[i]);
  }
  if (!job.plan.candidate_files.empty()) PrintFiles("candidates", job.plan.candidate_files);
  for (size_t i = 0; i < job.plan.evaluation_files.size(); ++i) {
    PrintFiles("evaluation " + job.data.evaluations[i].name, job.plan.evaluation_files[i]);
  }
}

void PrintSample(const Sample& sample) {
  fmt::print("sample: {} records, {} pairs, {} held out, {} skipped, {} candidates\n",
             sample.records, sample.pairs, sample.held_out, sample.skipped, sample.candidates);
  for (const std::string& row : sample.rows) fmt::print("  {}\n", row);
}

void PrintTables(const OpenJob& job, const Sample& sample) {
  fmt::print("tables: {:<24} {:>6} {:>12} {:>14} {:>14}\n", "", "dim", "bytes a row",
             "rows in sample", "rows at most");
  for (const TableEstimate& table : sample.tables) {
    fmt::print("  {:<30} {:>6} {:>12} {:>14} {:>14}\n", table.name, table.dim, table.row_bytes,
               table.rows_least, table.rows_most);
  }
  const ClusterShape shape = ShapeOf(job.loaded.job);
  const auto each = [&shape](uint64_t bytes) {
    return ShortCount(static_cast<double>(bytes) / shape.servers);
  };
  fmt::print("rows: {}B to {}B on each of {} servers; what does not fit goes to disk\n",
             each(sample.bytes_least()), each(sample.bytes_most()), shape.servers);
}

std::string Bytes(uint64_t bytes) { return ShortCount(static_cast<double>(bytes)) + "B"; }

// What servers take at most.
void PrintMemory(const job::Job& job, const PushSize& push) {
  const MemoryNeed need = MemoryNeedOf(job, push);
  fmt::print(
      "memory of a server: {} at most: {} for rows, {} for pushes that wait, {} for messages "
      "on their way, {} besides\n",
      Bytes(need.total()), Bytes(need.rows), Bytes(need.pushes), Bytes(need.messages),
      Bytes(need.besides));
  const uint64_t room = job.cluster().push_memory_bytes();
  const uint64_t together = BytesTogether(job, push.bytes_most);
  fmt::print("pushes: {} to a shard at most in {} batches; {} of {} for those of {} trainers\n",
             Bytes(push.bytes_most), push.batches, Bytes(together), Bytes(room),
             job.consistency().trainers());
  if (together > room) {
    fmt::print(
        "warning: if those of all trainers are as large at one clock, there is no room for "
        "them and the job ends: raise cluster.push_memory_bytes to {}\n",
        together);
  }
}

Status Check(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, LoadJobByFlags(positionals[0]));
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenLoadedJob(std::move(loaded)));
  SKY_ASSIGN_OR_RETURN(const Sample sample, TakeSample(job));
  SKY_RETURN_IF_ERROR(CheckHasBatches(job, sample.push));
  fmt::print("job {}, hash {:016x}\n", job.loaded.job.name(), job.loaded.hash);
  PrintData(job);
  PrintSample(sample);
  PrintTables(job, sample);
  SKY_RETURN_IF_ERROR(CheckRoomForPushes(job.loaded.job, sample.push));
  PrintMemory(job.loaded.job, sample.push);
  if (FLAGS_resolved) fmt::print("resolved job:\n{}", JobText(job.loaded.job));
  return {};
}

}  // namespace

Command CheckCommand() {
  return {.name = "check",
          .summary = "Check a job file against its data, and say what it will need.",
          .arguments = "JOB",
          .details = "Reads the job and the first part of each of its sources. Trains nothing.",
          .flags = JobFlagsAnd({"resolved"}),
          .repeated = {"set"},
          .positionals_min = 1,
          .positionals_max = 1,
          .run = Check};
}

}  // namespace skybridge::launch
