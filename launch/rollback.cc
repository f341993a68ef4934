// SPDX-License-Identifier: Apache-2.0
#include "launch/rollback.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "env/files.h"
#include "launch/cluster_config.h"
#include "launch/scheduler_log.h"
#include "proto/checkpoint_store.h"
#include "proto/scheduler_log.pb.h"
#include "scheduler/log_begin.h"

namespace skybridge::launch {
namespace {

namespace fs = std::filesystem;

// The state while it is made, and once it is whole.
std::string MakingFolder(const RunFolder& folder) { return folder.path + "/rollback"; }
std::string WholeFolder(const RunFolder& folder) { return folder.path + "/rolled_back"; }

Status Translated(const std::error_code& error, const std::string& attempt) {
  if (!error) return {};
  return {StatusCode::kUnavailable, fmt::format("{}: {}", attempt, error.message())};
}

Status Remove(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return Translated(error, "delete " + path);
}

Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  return Translated(error, fmt::format("rename {} to {}", from, to));
}

// 0: the log, or its begin, is lost too.
uint32_t GenerationIn(const RunFolder& folder) {
  std::error_code ignored;
  if (!fs::exists(folder.scheduler_folder(), ignored)) return 0;
  const auto log = OpenSchedulerLog(folder.scheduler_folder());
  history::Entry entry;
  if (!log || log->records.empty() || !entry.ParseFromString(log->records[0].bytes)) return 0;
  return entry.has_job_created() ? scheduler::GenerationOf(entry.job_created()) : 0;
}

// What is wrong with one, whatever it is, need not be wrong with the one before. If none is sound,
// one that could not be read for now may still be: the newest of these is the error.
Result<checkpoint::Manifest> NewestSound(ObjectStore& store, const Say& say) {
  SKY_ASSIGN_OR_RETURN(std::vector<uint32_t> rounds, checkpoint::ListRounds(store));
  Status unread;
  for (; !rounds.empty(); rounds.pop_back()) {
    auto manifest = VerifiedManifest(store, rounds.back(), say);
    if (manifest || manifest.error().code() == StatusCode::kCancelled) return manifest;
    say(manifest.error().message());
    if (unread.ok() && MayGoBackLater(manifest.error())) unread = manifest.error();
  }
  const std::string none = "there is no sound checkpoint to go back to";
  if (unread.ok()) return Status(StatusCode::kNotFound, none);
  return unread.WithContext(none + ", and one could not be read");
}

}  // namespace

bool MayGoBackLater(const Status& error) {
  return error.code() == StatusCode::kResourceExhausted || error.code() == StatusCode::kUnavailable;
}

Result<uint32_t> RollBack(ObjectStore& store, const OpenJob& job, const JobId& id,
                          const RunFolder& folder, const Say& say) {
  SKY_ASSIGN_OR_RETURN(const checkpoint::Manifest manifest, NewestSound(store, say));
  if (JobOf(manifest) != id) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("checkpoint {} is of job {}, this is {}", manifest.round(),
                              JobIdText(JobOf(manifest)), JobIdText(id)));
  }
  const RunFolder making{MakingFolder(folder)};
  SKY_RETURN_IF_ERROR(Remove(making.path));
  SKY_RETURN_IF_ERROR(env::MakeFolders(making.path));
  SKY_RETURN_IF_ERROR(
      RestoreState(store, manifest, GenerationIn(folder), job, folder, making, say));
  SKY_RETURN_IF_ERROR(env::SyncFolder(making.path));
  SKY_RETURN_IF_ERROR(Rename(making.path, WholeFolder(folder)));
  SKY_RETURN_IF_ERROR(env::SyncFolder(folder.path));
  SKY_RETURN_IF_ERROR(TidyRollback(folder));
  return manifest.round();
}

Status TidyRollback(const RunFolder& folder) {
  SKY_RETURN_IF_ERROR(Remove(MakingFolder(folder)));
  const RunFolder whole{WholeFolder(folder)};
  std::error_code error;
  if (!fs::exists(whole.path, error)) return {};
  const std::pair<std::string, std::string> moves[] = {
      {whole.store_folder(), folder.store_folder()},
      {whole.scheduler_folder(), folder.scheduler_folder()}};
  for (const auto& [from, to] : moves) {
    if (!fs::exists(from, error)) continue;  // It is there already.
    SKY_RETURN_IF_ERROR(Remove(to));
    SKY_RETURN_IF_ERROR(Rename(from, to));
  }
  SKY_RETURN_IF_ERROR(Remove(folder.temp_folder()));
  SKY_RETURN_IF_ERROR(env::SyncFolder(folder.path));
  return Remove(whole.path);
}

Status RollbackLimit::Note(uint32_t round) {
  if (++times_[round] <= kSameMax) return {};
  return {StatusCode::kStateLost,
          fmt::format("went back to checkpoint {} {} times, and lost what came after it each time",
                      round, kSameMax)};
}

}  // namespace skybridge::launch
