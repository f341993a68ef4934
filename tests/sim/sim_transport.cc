// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_transport.h"

#include <algorithm>

#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::sim {

Duration DrawDuration(Rng& rng, Duration min, Duration max) {
  CHECK_LE(min.count(), max.count());
  return min + Duration(rng.Below(static_cast<uint64_t>((max - min).count()) + 1));
}

SimTransport::SimTransport(uint64_t seed, LinkFaults faults) : seed_(seed), faults_(faults) {}

SimTransport::Link& SimTransport::At(const std::string& from, const std::string& to, Instant now) {
  const auto found = links_.find({from, to});
  if (found != links_.end()) return found->second;
  Link link{.rng = Rng(seed_, Purpose::kSimulation, HashBytes(from), HashBytes(to)),
            .replays = Rng(seed_, Purpose::kSimulation, HashBytes(from), HashBytes(to) + 1)};
  if (faults_.cuts_per_second > 0) DrawCut(link, now);
  return links_.emplace(std::pair(from, to), std::move(link)).first->second;
}

void SimTransport::DrawCut(Link& link, Instant from) const {
  const Duration wait(static_cast<int64_t>(2e9 / faults_.cuts_per_second));
  link.next_cut = from + faults_.cut_max + DrawDuration(link.rng, Duration{0}, wait);
  link.next_cut_end = link.next_cut + DrawDuration(link.rng, Duration{0}, faults_.cut_max);
}

bool SimTransport::IsCut(Link& link, Instant now) {
  for (const Interval& cut : link.cuts) {
    if (now >= cut.begin && now < cut.end) return true;
  }
  if (faults_.cuts_per_second <= 0) return false;
  while (now >= link.next_cut_end) {
    ++cuts_;
    DrawCut(link, link.next_cut_end);
  }
  return now >= link.next_cut;
}

std::vector<Instant> SimTransport::Arrivals(const std::string& from, const std::string& to,
                                            Instant now) {
  Link& link = At(from, to, now);
  ++sent_;
  if (IsCut(link, now) || link.rng.UniformDouble() < faults_.drop) {
    ++dropped_;
    return {};
  }
  std::vector<Instant> arrivals;
  const Instant prompt = now + DrawDuration(link.rng, faults_.delay_min, faults_.delay_max);
  if (link.rng.UniformDouble() < faults_.reorder) {
    arrivals.push_back(prompt + DrawDuration(link.rng, Duration{0}, faults_.late_max));
  } else {
    link.last = std::max(link.last, prompt);
    arrivals.push_back(link.last);
  }
  if (link.rng.UniformDouble() < faults_.duplicate) {
    ++duplicated_;
    arrivals.push_back(arrivals[0] + DrawDuration(link.rng, Duration{0}, faults_.late_max));
  }
  return arrivals;
}

std::optional<Instant> SimTransport::Replay(const std::string& from, const std::string& to,
                                            Instant now) {
  if (faults_.replay <= 0) return std::nullopt;
  Link& link = At(from, to, now);
  if (link.replays.UniformDouble() >= faults_.replay) return std::nullopt;
  ++replayed_;
  return now + DrawDuration(link.replays, Duration{0}, faults_.replay_max);
}

void SimTransport::CutOneWay(const std::string& from, const std::string& to, Instant begin,
                             Instant end) {
  At(from, to, begin).cuts.push_back({begin, end});
}

void SimTransport::Heal() {
  faults_ = {.delay_min = faults_.delay_min, .delay_max = faults_.delay_max};
  for (auto& [name, link] : links_) link.cuts.clear();
}

}  // namespace skybridge::sim
