// SPDX-License-Identifier: Apache-2.0
#include "scheduler/job_state.h"

namespace skybridge::scheduler {
namespace {

void Put(const EvaluationPoint& point, checkpoint::Evaluation* out) {
  out->set_evaluation(point.evaluation);
  out->set_name(point.name);
  out->set_step(point.step);
  out->set_epoch(point.epoch);
  out->set_queries(point.queries);
  for (const MetricAtK& at : point.at) {
    checkpoint::Evaluation::At& entry = *out->add_at();
    entry.set_k(at.k);
    entry.set_recall(at.recall);
    entry.set_ndcg(at.ndcg);
    entry.set_mrr(at.mrr);
    entry.set_hit(at.hit);
  }
}

EvaluationPoint Take(const checkpoint::Evaluation& message) {
  EvaluationPoint point{.evaluation = message.evaluation(),
                        .name = message.name(),
                        .step = message.step(),
                        .epoch = message.epoch(),
                        .queries = message.queries()};
  for (const checkpoint::Evaluation::At& at : message.at()) {
    point.at.push_back({at.k(), at.recall(), at.ndcg(), at.mrr(), at.hit()});
  }
  return point;
}

}  // namespace

checkpoint::JobState ToProto(const JobState& state) {
  checkpoint::JobState out;
  out.set_phase(Number(state.phase));
  out.set_clock(state.clock);
  out.set_steps(state.steps);
  out.set_steps_total(state.steps_total);
  out.set_epoch(state.epoch);
  out.mutable_batches()->Add(state.facts.batches.begin(), state.facts.batches.end());
  out.set_training_pairs(state.facts.training_pairs);
  out.set_candidates(state.facts.candidates);
  out.set_examples_trained(state.result.examples_trained);
  out.set_pushes(state.result.pushes);
  out.set_duplicates(state.result.duplicates);
  out.set_leases_regranted(state.result.leases_regranted);
  for (const PhaseTime& time : state.result.phases) {
    checkpoint::PhaseTime& entry = *out.add_phase_time();
    entry.set_phase(Number(time.phase));
    entry.set_name(time.name);
    entry.set_seconds(time.seconds);
  }
  for (const EvaluationPoint& point : state.result.evaluations) Put(point, out.add_evaluation());
  for (const DoneLease& lease : state.done) {
    checkpoint::DoneLease& entry = *out.add_done();
    entry.set_unit(lease.unit);
    entry.set_count(lease.count);
  }
  return out;
}

JobState FromProto(const checkpoint::JobState& message) {
  JobState state{.phase = Phase(message.phase()),
                 .clock = message.clock(),
                 .steps = message.steps(),
                 .steps_total = message.steps_total(),
                 .epoch = message.epoch()};
  state.facts.batches.assign(message.batches().begin(), message.batches().end());
  state.facts.training_pairs = message.training_pairs();
  state.facts.candidates = message.candidates();
  state.result.examples_trained = message.examples_trained();
  state.result.pushes = message.pushes();
  state.result.duplicates = message.duplicates();
  state.result.leases_regranted = message.leases_regranted();
  for (const checkpoint::PhaseTime& time : message.phase_time()) {
    state.result.phases.push_back({Phase(time.phase()), time.name(), time.seconds()});
  }
  for (const checkpoint::Evaluation& point : message.evaluation()) {
    state.result.evaluations.push_back(Take(point));
  }
  for (const checkpoint::DoneLease& lease : message.done()) {
    state.done.push_back({lease.unit(), lease.count()});
  }
  return state;
}

}  // namespace skybridge::scheduler
