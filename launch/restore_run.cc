// SPDX-License-Identifier: Apache-2.0
#include "launch/restore_run.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include "env/files.h"
#include "launch/commands.h"
#include "launch/job_override.h"
#include "launch/local_run.h"
#include "launch/open_job.h"
#include "launch/run_report.h"
#include "launch/run_state.h"
#include "proto/checkpoint_store.h"

namespace skybridge::launch {
namespace {

// Reads every byte of it.
Status Verify(ObjectStore& store, uint32_t round, const std::vector<uint32_t>& rounds,
              const Say& say) {
  const Status sound = VerifiedManifest(store, round, say).status();
  if (sound.code() != StatusCode::kDataLoss) return sound;
  const auto before = std::ranges::lower_bound(rounds, round);
  return {StatusCode::kDataLoss,
          fmt::format("{}{}", sound.message(),
                      before == rounds.begin()
                          ? "; there is none before it"
                          : fmt::format("; the one before it is --round {}", *(before - 1)))};
}

}  // namespace

Status CheckMayRestore(const job::Job& made, const job::Job& wanted) {
  const auto fixed = [](job::Job job) {
    job.clear_name();
    job.clear_cluster();
    job.clear_export_();
    job.clear_index();
    job.clear_checkpoint();
    return job;
  };
  std::string difference;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  if (differencer.Compare(fixed(made), fixed(wanted))) return {};
  return {StatusCode::kInvalidArgument,
          fmt::format("{}: fixed by the checkpoint; cluster, checkpoint, export and index may "
                      "change",
                      difference.substr(0, difference.find('\n')))};
}

Result<RunFolder> RestoreRun(ObjectStore& store, const RestoreRequest& request, const Say& say) {
  SKY_ASSIGN_OR_RETURN(const std::vector<uint32_t> rounds, checkpoint::ListRounds(store));
  SKY_ASSIGN_OR_RETURN(const uint32_t round, checkpoint::ChooseRound(rounds, request.round));
  const auto read = checkpoint::ReadManifest(store, round);
  if (!read) {
    const Status why = Verify(store, round, rounds, say);
    return why.ok() ? read.error() : why;
  }
  const checkpoint::Manifest& manifest = *read;
  JobRequest job_request{.path = fmt::format("checkpoint {}", manifest.round()),
                         .base = manifest.base()};
  SKY_ASSIGN_OR_RETURN(const LoadedJob made,
                       JobFromText(manifest.job(), job_request, manifest.base()));
  job_request.set = request.set;
  SKY_ASSIGN_OR_RETURN(LoadedJob loaded, JobFromText(manifest.job(), job_request, manifest.base()));
  SKY_RETURN_IF_ERROR(CheckMayRestore(made.job, loaded.job));
  SKY_ASSIGN_OR_RETURN(const OpenJob job, OpenLoadedJob(std::move(loaded)));
  SKY_RETURN_IF_ERROR(CheckNoExport(job.loaded));
  SKY_ASSIGN_OR_RETURN(const OwnRunFolder own,
                       BeginRunFolder(request.run_folder, job.loaded.job.name()));
  const RunFolder& folder = own.folder;
  say(fmt::format("restore checkpoint {} into {}", manifest.round(), ShownPath(folder.path)));
  const auto make = [&]() -> Status {
    SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder.restoring_file(), ""));
    SKY_RETURN_IF_ERROR(Verify(store, round, rounds, say));
    SKY_RETURN_IF_ERROR(env::WriteFileDurably(folder.job_file(), JobText(job.loaded.job)));
    SKY_RETURN_IF_ERROR(RestoreState(store, manifest, 0, job, folder, folder, say));
    // Last: until then it is no run.
    SKY_RETURN_IF_ERROR(WriteRunState(folder, {.job = JobOf(manifest),
                                               .base = job.loaded.base,
                                               .version = BinaryVersion(),
                                               .table_hash = request.table_hash,
                                               .endpoint = "",
                                               .restored = true}));
    std::error_code ignored;
    std::filesystem::remove(folder.restoring_file(), ignored);
    PointLatest(folder);
    return {};
  };
  if (const Status status = make(); !status.ok()) {
    CleanRunFolder(folder);
    return status;
  }
  return folder;
}

}  // namespace skybridge::launch
