// SPDX-License-Identifier: Apache-2.0
#include "scheduler/phase_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/clock_schedule.h"

namespace skybridge::scheduler {

std::string PhaseName(PhaseKind kind) {
  switch (kind) {
    case PhaseKind::kPrepare: return "prepare";
    case PhaseKind::kTrain: return "train";
    case PhaseKind::kVectors: return "vectors";
    case PhaseKind::kEvaluate: return "evaluate";
    case PhaseKind::kExport: return "export";
    case PhaseKind::kIndex: return "index";
    case PhaseKind::kCommit: return "commit";
  }
  return "unknown phase";
}

// A point where training pauses: what is due there.
struct PhasePlan::Boundary {
  PhaseStep at;
  std::vector<uint32_t> due;
};

PhasePlan::PhasePlan(const SchedulerNodeOptions& options) : options_(options) {
  step_.phase = Phase(1);
}

std::vector<PhasePlan::Boundary> PhasePlan::Boundaries(const std::vector<uint64_t>& batches) const {
  const uint64_t per_epoch = std::accumulate(batches.begin(), batches.end(), uint64_t{0});
  const uint32_t epochs = options_.epochs;
  // Training position (clock, or epoch) of each epoch's end, and who is due at which position.
  std::vector<uint64_t> ends(epochs + 1);
  std::iota(ends.begin(), ends.end(), uint64_t{0});
  if (options_.lockstep()) {
    const ClockSchedule schedule(options_.seed, options_.ranks, epochs, batches);
    for (uint32_t e = 0; e < epochs; ++e) ends[e + 1] = ends[e] + schedule.clocks_per_epoch(e);
  }
  std::map<uint64_t, std::set<uint32_t>> due;
  due[ends.back()];
  for (uint32_t i = 0; i < options_.evaluations.size(); ++i) {
    const EvaluationOptions& evaluation = options_.evaluations[i];
    due[ends.back()].insert(i);
    const uint64_t every = evaluation.every_clocks;
    for (uint64_t c = every; every > 0 && options_.lockstep() && c < ends.back(); c += every) {
      due[c].insert(i);
    }
    const uint32_t stride = evaluation.every_epochs;
    for (uint64_t e = stride; stride > 0 && e < epochs; e += stride) due[ends[e]].insert(i);
  }
  std::vector<Boundary> boundaries;
  for (const auto& [position, who] : due) {
    Boundary boundary{.due = {who.begin(), who.end()}};
    const auto next = std::ranges::upper_bound(ends, position);
    const auto whole = static_cast<uint32_t>(next - ends.begin()) - 1;
    const bool inside = next != ends.end() && ends[whole] < position;
    boundary.at.epoch = whole;
    boundary.at.epoch_end = whole + (inside ? 1 : 0);
    boundary.at.step = per_epoch * whole;
    if (options_.lockstep()) {
      boundary.at.clock_end = boundary.at.step = position;
      const double length = inside ? static_cast<double>(ends[whole + 1] - ends[whole]) : 1;
      boundary.at.epoch += static_cast<double>(position - ends[whole]) / length;
    }
    boundaries.push_back(std::move(boundary));
  }
  return boundaries;
}

void PhasePlan::Prepared(const std::vector<uint64_t>& batches) {
  CHECK(step_.kind == PhaseKind::kPrepare);
  CHECK(ahead_.empty()) << "batches were given twice";
  PhaseStep from;
  for (const Boundary& boundary : Boundaries(batches)) {
    PhaseStep train = boundary.at;
    train.kind = PhaseKind::kTrain;
    train.clock_begin = from.clock_end;
    train.epoch_begin = static_cast<uint32_t>(from.epoch);
    if (train.step > from.step) ahead_.push_back(train);
    from = boundary.at;
    from.clock_begin = from.clock_end;
    from.epoch_begin = from.epoch_end;
    PlanEvaluations(from, boundary.due);
  }
  steps_total_ = from.step;
  if (options_.export_folder.empty()) return;
  from.folder = options_.export_folder;
  for (const PhaseKind kind : {PhaseKind::kExport, PhaseKind::kIndex, PhaseKind::kCommit}) {
    if (kind == PhaseKind::kIndex && !options_.build_index) continue;
    from.kind = kind;
    ahead_.push_back(from);
  }
}

void PhasePlan::PlanEvaluations(const PhaseStep& position, std::vector<uint32_t> due) {
  if (due.empty()) return;
  PhaseStep step = position;
  step.evaluations = std::move(due);
  step.folder = fmt::format("{}/vectors-{}", options_.temp_folder, position.step);
  step.kind = PhaseKind::kVectors;
  ahead_.push_back(step);
  step.kind = PhaseKind::kEvaluate;
  ahead_.push_back(std::move(step));
}

bool PhasePlan::trained() const {
  return std::ranges::none_of(ahead_,
                              [](const PhaseStep& step) { return step.kind < PhaseKind::kExport; });
}

bool PhasePlan::training_left() const {
  const auto trains = [](const PhaseStep& step) { return step.kind == PhaseKind::kTrain; };
  return trains(step_) || std::ranges::any_of(ahead_, trains);
}

Status PhasePlan::Resume(const std::vector<uint64_t>& batches, Phase phase, uint64_t clock) {
  Prepared(batches);
  while (step_.phase < phase && Advance()) {
  }
  const auto refuse = [&](const std::string& text) {
    return Status(StatusCode::kFailedPrecondition,
                  fmt::format("phase {}: {}", Number(phase), text));
  };
  if (step_.phase != phase) return refuse(fmt::format("this job has {}", Number(step_.phase)));
  if (step_.kind != PhaseKind::kTrain) return refuse("in this job it is " + PhaseName(step_.kind));
  if (clock < step_.clock_begin || clock > step_.clock_end) {
    return refuse(
        fmt::format("clock {} is outside of [{}, {}]", clock, step_.clock_begin, step_.clock_end));
  }
  step_.clock_begin = clock;
  return Status();
}

bool PhasePlan::StopTraining() {
  CHECK(step_.kind == PhaseKind::kEvaluate);
  if (!training_left()) return false;
  std::erase_if(ahead_, [](const PhaseStep& step) { return step.kind < PhaseKind::kExport; });
  for (PhaseStep& step : ahead_) {
    step.clock_begin = step.clock_end = step_.clock_end;
    step.epoch_begin = step.epoch_end = step_.epoch_end;
    step.step = step_.step;
    step.epoch = step_.epoch;
  }
  PhaseStep rest = step_;
  rest.evaluations.clear();
  for (uint32_t i = 0; i < options_.evaluations.size(); ++i) {
    if (std::ranges::count(step_.evaluations, i) == 0) rest.evaluations.push_back(i);
  }
  if (!rest.evaluations.empty()) ahead_.push_front(std::move(rest));
  return true;
}

bool PhasePlan::Advance() {
  if (ahead_.empty()) return false;
  const uint32_t number = Number(step_.phase) + 1;
  step_ = std::move(ahead_.front());
  ahead_.pop_front();
  step_.phase = Phase(number);
  return true;
}

}  // namespace skybridge::scheduler
