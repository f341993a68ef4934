// SPDX-License-Identifier: Apache-2.0
#include "launch/restore_state.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/shard_map.h"
#include "env/files.h"
#include "env/rocksdb_row_store.h"
#include "launch/cluster_config.h"
#include "launch/commands.h"
#include "launch/local_run.h"
#include "launch/progress_line.h"
#include "launch/roles.h"
#include "launch/scheduler_log.h"
#include "ps/fragment_fetch.h"
#include "ps/restore.h"
#include "ps/row_record.h"
#include "scheduler/earlier_life.h"
#include "scheduler/log_begin.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRowsPerLine = 5'000'000;

// ---------------------------------------------------------------- shards

Status FetchFile(const ps::StoreFile& file, const std::string& path) {
  const auto no_room = [&] {
    return Status(StatusCode::kResourceExhausted, "write " + path + ": no room?");
  };
  std::ofstream out(path, std::ios::binary);
  SKY_RETURN_IF_ERROR(file.read([&](std::string_view piece) {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return out.good() ? Status() : no_room();
  }));
  out.close();
  return out ? Status() : no_room();
}

// Makes a store of files, in a folder that it empties first.
Result<std::unique_ptr<env::RowStore>> FetchStore(const std::vector<ps::StoreFile>& files,
                                                  const TableSpecs& tables,
                                                  const std::string& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  uint64_t bytes = 0;
  for (const ps::StoreFile& file : files) bytes += file.bytes;
  SKY_RETURN_IF_ERROR(env::MakeFolders(folder + "/db"));
  SKY_RETURN_IF_ERROR(env::CheckFreeSpace(folder, bytes));
  for (const ps::StoreFile& file : files) {
    SKY_RETURN_IF_ERROR(FetchFile(file, folder + "/db/" + file.name));
  }
  SKY_ASSIGN_OR_RETURN(
      auto store,
      env::RocksDbRowStore::Adopt(
          {.folder = folder, .owner = "a fragment", .record_bytes = ps::RecordBytes(tables)}));
  return std::unique_ptr<env::RowStore>(std::move(store));
}

Status RestoreStores(ObjectStore& store, const checkpoint::Manifest& manifest, const OpenJob& job,
                     const RunFolder& folder, const Say& say) {
  SKY_ASSIGN_OR_RETURN(const std::vector<checkpoint::Fragment> fragments,
                       checkpoint::ReadFragments(store, manifest));
  const std::string scratch = folder.temp_folder() + "/restore";
  const TableSpecs& tables = job.model.tables();
  const std::vector<ps::RestoreSource> sources = ps::SourcesOf(
      fragments,
      {.rows = {.tables = tables, .memory_bytes = job.loaded.job.cluster().shard_memory_bytes()}},
      store,
      [&](const std::vector<ps::StoreFile>& files) { return FetchStore(files, tables, scratch); });
  const uint32_t shards = ShapeOf(job.loaded.job).shards();
  std::vector<std::unique_ptr<env::RocksDbRowStore>> stores;
  std::vector<ps::RestoreTarget> targets;
  for (uint32_t shard = 0; shard < shards; ++shard) {
    SKY_ASSIGN_OR_RETURN(auto opened, env::RocksDbRowStore::Open(ShardStoreOptions(
                                          tables, JobOf(manifest), shard, folder.store_folder())));
    targets.push_back({.name = fmt::format("shard {}", shard),
                       .slots = EvenSlots(shard, shards),
                       .store = opened.get()});
    stores.push_back(std::move(opened));
  }
  ps::RestoreProgress last;
  const auto note = [&](const ps::RestoreProgress& progress) {
    if (progress.rows / kRowsPerLine > last.rows / kRowsPerLine) {
      say(fmt::format("{} rows", ShortCount(static_cast<double>(progress.rows))));
    }
    last = progress;
  };
  const Status restored =
      ps::RestoreShards({.build = {.tables = tables}, .progress = note}, sources, targets);
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
  if (restored.ok()) {
    say(fmt::format("{} rows of {} shards dealt to {}", ShortCount(static_cast<double>(last.rows)),
                    fragments.size(), shards));
  }
  return restored;
}

// ---------------------------------------------------------------- scheduler

Status RestoreScheduler(ObjectStore& store, const checkpoint::Manifest& manifest,
                        uint32_t generation, const OpenJob& job, const RunFolder& run,
                        const std::string& folder) {
  const RunIdentity identity = IdentityOf(JobOf(manifest));
  const scheduler::SchedulerNodeOptions options = SchedulerOptionsOf(
      job.loaded, job.plan, job.model, identity,
      {.export_folder = ExportFolderOf(job.loaded, run), .temp_folder = run.temp_folder()});
  SKY_ASSIGN_OR_RETURN(const scheduler::EarlierLife earlier,
                       scheduler::FindEarlierLife(store, manifest, generation));
  SKY_ASSIGN_OR_RETURN(const std::vector<Record> records,
                       scheduler::RestoredLog(options, manifest.state(), earlier));
  return BeginSchedulerLog(folder, records);
}

Status CheckSameWorld(const checkpoint::Manifest& manifest, const OpenJob& job) {
  if (manifest.version() != BinaryVersion()) {
    return {StatusCode::kFailedPrecondition,
            fmt::format("checkpoint {}: version {} made it, this is {}", manifest.round(),
                        manifest.version(), BinaryVersion())};
  }
  if (manifest.dataset_hash() != job.plan.hash()) {
    return {StatusCode::kFailedPrecondition,
            fmt::format("checkpoint {}: the training files have changed since (plan {:016x} != "
                        "{:016x})",
                        manifest.round(), job.plan.hash(), manifest.dataset_hash())};
  }
  return {};
}

}  // namespace

checkpoint::ReadProgress EachGigabyte(const Say& say) {
  return [say, said = uint64_t{0}](uint64_t read, uint64_t all) mutable {
    if (read >> 30 == said) return;
    said = read >> 30;
    say(fmt::format("read {} of {} bytes", ShortCount(static_cast<double>(read)),
                    ShortCount(static_cast<double>(all))));
  };
}

Result<checkpoint::Manifest> VerifiedManifest(ObjectStore& store, uint32_t round, const Say& say) {
  const auto verify = [&]() -> Result<checkpoint::Manifest> {
    SKY_ASSIGN_OR_RETURN(checkpoint::Manifest manifest, checkpoint::ReadManifest(store, round));
    checkpoint::SoundObjects sound;
    SKY_ASSIGN_OR_RETURN(
        const checkpoint::Objects objects,
        checkpoint::VerifyCheckpoint(store, manifest, sound, {}, EachGigabyte(say)));
    say(fmt::format("checkpoint {} is sound: {} bytes in {} objects", round,
                    ShortCount(static_cast<double>(checkpoint::BytesOf(objects))), objects.size()));
    return manifest;
  };
  auto manifest = verify();
  if (!manifest) return manifest.error().WithContext(fmt::format("checkpoint {}", round));
  return manifest;
}

JobId JobOf(const checkpoint::Manifest& manifest) {
  return {.high = manifest.job_high(), .low = manifest.job_low()};
}

Status RestoreState(ObjectStore& store, const checkpoint::Manifest& manifest, uint32_t generation,
                    const OpenJob& job, const RunFolder& run, const RunFolder& into,
                    const Say& say) {
  SKY_RETURN_IF_ERROR(CheckSameWorld(manifest, job));
  SKY_RETURN_IF_ERROR(RestoreStores(store, manifest, job, into, say));
  return RestoreScheduler(store, manifest, generation, job, run, into.scheduler_folder());
}

}  // namespace skybridge::launch
