// SPDX-License-Identifier: Apache-2.0
#include "scheduler/absences.h"

#include <algorithm>

#include <fmt/format.h>

namespace skybridge::scheduler {

void Absences::Gone(NodeKey place, const std::string& how, Instant now) {
  away_.insert_or_assign(place, Absence{now, how});
}

void Absences::Back(const Registration& node) {
  away_.erase(node.key);
  given_up_.erase(node.key);
  if (node.key.role != Role::kShard) return;
  const auto had = stores_.find(node.key.index);
  if (had == stores_.end() || (had->second != 0 && had->second == node.store_id)) return;
  if (!lost_.ok()) return;
  lost_ = Status(
      StatusCode::kStateLost,
      fmt::format("{} came back on host {} with store {:016x}, the job began with store {:016x}: "
                  "its rows are lost, so the job ends",
                  NodeName(node.key), node.host, node.store_id, had->second));
}

void Absences::Forget(uint32_t shard) {
  const NodeKey place{Role::kShard, shard};
  stores_.erase(shard);
  away_.erase(place);
  given_up_.erase(place);
}

void Absences::Shift(Duration gap) {
  for (auto& [place, absence] : away_) absence.since = absence.since + gap;
}

void Absences::Resume(Instant now) {
  for (auto& [place, absence] : away_) absence.since = now;
}

size_t Absences::TrainersAway() const {
  return static_cast<size_t>(std::ranges::count_if(
      away_, [](const auto& entry) { return entry.first.role == Role::kTrainer; }));
}

bool Absences::Needed(NodeKey place) const {
  return place.role == Role::kShard || TrainersAway() == options_.trainers;
}

Status Absences::Check(Instant now) const {
  if (!lost_.ok()) return lost_;
  Duration trainers_away = Duration::max();  // Since the last one went.
  size_t trainers_given_up = 0;
  const Absence* last = nullptr;
  for (const auto& [place, absence] : away_) {
    const Duration gone = now - absence.since;
    if (place.role == Role::kTrainer) {
      trainers_given_up += given_up_.count(place);
      if (gone <= trainers_away) last = &absence;
      trainers_away = std::min(trainers_away, gone);
      continue;
    }
    if (const auto given_up = given_up_.find(place); given_up != given_up_.end()) {
      const Status& end = given_up->second;
      const bool lost = end.code() == StatusCode::kStateLost;
      const bool known = absence.how.find(end.message()) != std::string::npos;
      return Status(lost ? StatusCode::kStateLost : StatusCode::kUnavailable,
                    fmt::format("{}{}; nobody will start it again, so the job ends", absence.how,
                                known ? "" : ", then: " + end.message()));
    }
    if (gone > options_.return_max) {
      return Status(StatusCode::kUnavailable, fmt::format("{}; it did not come back for {:.0f} s, "
                                                          "so the job ends",
                                                          absence.how, ToSeconds(gone)));
    }
  }
  if (TrainersAway() < options_.trainers) return Status();
  if (trainers_given_up == options_.trainers) {
    return Status(StatusCode::kUnavailable, last->how + "; no trainer is left, so the job ends");
  }
  if (trainers_away <= options_.return_max) return Status();
  return Status(StatusCode::kUnavailable,
                fmt::format("{}; no trainer is left and none came back for {:.0f} s, so the job "
                            "ends",
                            last->how, ToSeconds(trainers_away)));
}

std::string Absences::Awaited(Instant now) const {
  std::string list;
  for (const auto& [place, absence] : away_) {
    if (!Needed(place)) continue;
    list += fmt::format("{}{:.0f} s for {}", list.empty() ? "waiting " : "; ",
                        ToSeconds(now - absence.since), absence.how);
  }
  return list;
}

std::optional<std::string> Absences::TakeLine(Instant now) {
  const std::string awaited = Awaited(now);
  if (awaited.empty()) {
    line_at_.reset();
    return std::nullopt;
  }
  if (!line_at_) line_at_ = now + options_.line_every;
  if (now < *line_at_) return std::nullopt;
  line_at_ = now + options_.line_every;
  return awaited;
}

}  // namespace skybridge::scheduler
