// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gflags/gflags.h>

#include "env/folder_object_store.h"
#include "launch/checkpoint_folder.h"
#include "launch/checkpoint_report.h"
#include "launch/commands.h"
#include "launch/exit_code.h"
#include "launch/join.h"
#include "launch/nearest_name.h"
#include "launch/restore_run.h"
#include "launch/run_report.h"
#include "proto/checkpoint_store.h"

DEFINE_uint32(round, 0,
              "For verify and restore: which checkpoint, as `list` numbers them. 0: the newest "
              "(verify: all).");
DEFINE_uint32(keep, 3, "For prune: the newest ones that stay.");
DECLARE_string(run_dir);
DECLARE_string(set);
DECLARE_bool(hash);

namespace skybridge::launch {
namespace {

void Say(const std::string& line) { fmt::print("{}\n", line); }

std::optional<uint32_t> WantedRound() {
  return FLAGS_round == 0 ? std::nullopt : std::optional<uint32_t>(FLAGS_round);
}

Status List(ObjectStore& store) { return ListCheckpoints(store, Say); }

Status Verify(ObjectStore& store) { return VerifyCheckpoints(store, WantedRound(), Say); }

Status PruneStore(ObjectStore& store) {
  checkpoint::SoundObjects sound;
  SKY_ASSIGN_OR_RETURN(const checkpoint::PruneReport report,
                       checkpoint::Prune(store, {.keep = FLAGS_keep}, sound));
  Say(fmt::format("deleted {} checkpoints{}{}, {} objects of {} bytes", report.rounds.size(),
                  report.rounds.empty() ? "" : ": ", Join(report.rounds, ", "), report.objects,
                  report.bytes));
  return {};
}

Status Restore(ObjectStore& store) {
  SKY_ASSIGN_OR_RETURN(const RunFolder folder, RestoreRun(store,
                                                          {.round = WantedRound(),
                                                           .run_folder = FLAGS_run_dir,
                                                           .set = Lines(FLAGS_set),
                                                           .table_hash = FLAGS_hash},
                                                          Say));
  Say(fmt::format("to go on: skybridge run --resume {}", ShownPath(folder.path)));
  return {};
}

struct Action {
  std::string_view name;
  Status (*run)(ObjectStore&);
  std::array<std::string_view, 4> flags;  // Those that it knows.
};
constexpr std::array kActions = {Action{"list", List, {}}, Action{"verify", Verify, {"round"}},
                                 Action{"prune", PruneStore, {"keep"}},
                                 Action{"restore", Restore, {"round", "run_dir", "set", "hash"}}};
constexpr std::array kFlags = {"round", "keep", "run_dir", "set", "hash"};

bool Given(const char* flag) { return !gflags::GetCommandLineFlagInfoOrDie(flag).is_default; }

Status CheckCheckpoint(const std::vector<std::string>& positionals) {
  const auto action = std::ranges::find(kActions, positionals[0], &Action::name);
  if (action == kActions.end()) {
    std::vector<std::string> names;
    for (const Action& known : kActions) names.emplace_back(known.name);
    return {StatusCode::kInvalidArgument,
            fmt::format("{}: no action of this command{}", positionals[0],
                        Suggestion(positionals[0], names))};
  }
  for (const char* flag : kFlags) {
    if (!Given(flag) || std::ranges::find(action->flags, flag) != action->flags.end()) continue;
    return {StatusCode::kInvalidArgument, fmt::format("{} knows no --{}", action->name, flag)};
  }
  if (FLAGS_keep == 0) return {StatusCode::kInvalidArgument, "--keep 0: at least one must stay"};
  return {};
}

Status Checkpoint(const std::vector<std::string>& positionals) {
  SKY_ASSIGN_OR_RETURN(const std::string folder, FindCheckpoints(positionals[1]));
  SKY_ASSIGN_OR_RETURN(const auto store, env::FolderObjectStore::Open(folder));
  return std::ranges::find(kActions, positionals[0], &Action::name)->run(*store);
}

}  // namespace

Command CheckpointCommand() {
  return {.name = "checkpoint",
          .summary = "List, verify, prune or restore the checkpoints of a job.",
          .arguments = "list|verify|prune|restore FOLDER",
          .details =
              "FOLDER is that of a run, or one with checkpoints, as `checkpoint.path` of the job "
              "names it. `verify` reads every byte. "
              "`restore` makes a new run folder from a checkpoint, which `skybridge run --resume` "
              "goes on with; --set cluster.servers=5 gives it another number of servers. `prune` "
              "deletes all but the newest, once the newest was verified. --round is for `verify` "
              "and `restore`, --keep for `prune`; --run_dir, --set and --hash are for `restore`.",
          .flags = {kFlags.begin(), kFlags.end()},
          .repeated = {"set"},
          .positionals_min = 2,
          .positionals_max = 2,
          .check = CheckCheckpoint,
          .run = Checkpoint};
}

}  // namespace skybridge::launch
