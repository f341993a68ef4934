// SPDX-License-Identifier: Apache-2.0
#include "ps/parked_pulls.h"

#include <algorithm>
#include <utility>

namespace skybridge::ps {

ParkedPulls::~ParkedPulls() {
  for (const ParkedPull& parked : parked_) budget_.Give(BytesOf(parked));
}

uint64_t ParkedPulls::BytesOf(const ParkedPull& parked) {
  return sizeof(ParkedPull) + parked.peer.size() + parked.pull.bytes();
}

ParkedPull ParkedPulls::Take(std::list<ParkedPull>::iterator parked) {
  budget_.Give(BytesOf(*parked));
  ParkedPull taken = std::move(*parked);
  parked_.erase(parked);
  return taken;
}

Status ParkedPulls::Park(ParkedPull parked) {
  const auto same = std::ranges::find_if(parked_, [&parked](const ParkedPull& other) {
    return other.peer == parked.peer && other.request == parked.request;
  });
  if (same != parked_.end()) parked.since = Take(same).since;
  if (parked_.size() >= kMax || !budget_.TryTake(BytesOf(parked))) {
    return Status(StatusCode::kResourceExhausted,
                  "pull: " + std::to_string(parked_.size()) + " pulls wait already, with " +
                      std::to_string(budget_.used()) + " of " + std::to_string(budget_.limit()) +
                      " bytes in flight");
  }
  parked_.push_back(std::move(parked));
  return Status();
}

}  // namespace skybridge::ps
