// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/campaign.h"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace skybridge::sim {
namespace {

constexpr int kPollMs = 200;

void Add(const RunStats& stats, RunStats& sum) {
  sum.events += stats.events;
  sum.seconds += stats.seconds;
  sum.crashes += stats.crashes;
  sum.dropped += stats.dropped;
  sum.replayed += stats.replayed;
  sum.cuts += stats.cuts;
  sum.spilled += stats.spilled;
  sum.log_full += stats.log_full;
  sum.checkpoints += stats.checkpoints;
  sum.restores += stats.restores;
  sum.moves += stats.moves;
}

using Processes = std::vector<std::unique_ptr<SeedProcess>>;

Processes Start(const CampaignOptions& options) {
  const size_t jobs = std::min<size_t>(options.jobs, options.swarms.size());
  std::vector<std::vector<Swarm>> shares(jobs);
  for (size_t i = 0; i < options.swarms.size(); ++i) {
    shares[i % jobs].push_back(options.swarms[i]);
  }
  Processes processes;
  for (size_t i = 0; i < jobs; ++i) {
    processes.push_back(std::make_unique<SeedProcess>(std::move(shares[i]),
                                                      options.folder + "/" + std::to_string(i)));
  }
  return processes;
}

void Wait(const Processes& processes) {
  std::vector<pollfd> waiting;
  for (const auto& process : processes) {
    waiting.push_back({.fd = process->fd(), .events = POLLIN, .revents = 0});
  }
  poll(waiting.data(), waiting.size(), kPollMs);
}

}  // namespace

CampaignResult RunCampaign(const CampaignOptions& options, const std::function<bool()>& go_on,
                           const std::function<void(const SeedReport&)>& done) {
  CampaignResult result;
  Processes processes = Start(options);
  while (!processes.empty() && !result.failure) {
    if (!go_on()) {
      result.interrupted = true;
      break;
    }
    Wait(processes);
    for (const auto& process : processes) {
      for (const SeedReport& report : process->Read()) {
        if (report.outcome.violation) {
          if (!result.failure || report.seed < result.failure->seed) result.failure = report;
          continue;
        }
        ++result.runs;
        Add(report.outcome.stats, result.sum);
        done(report);
      }
    }
    std::erase_if(processes, [](const auto& process) { return process->over(); });
  }
  return result;
}

bool FailsAlike(const Swarm& swarm, const Violation& failure, const std::string& folder,
                const std::function<bool()>& go_on) {
  const CampaignResult result =
      RunCampaign({.swarms = {swarm}, .folder = folder}, go_on, [](const SeedReport&) {});
  if (!result.failure) return false;
  const Violation& seen = *result.failure->outcome.violation;
  // A crash is the same if it happens in the same place.
  const auto place = [](const Violation& v) { return v.what.substr(0, v.what.find(']')); };
  return seen.invariant == failure.invariant &&
         (seen.invariant != "crash" || place(seen) == place(failure));
}

}  // namespace skybridge::sim
