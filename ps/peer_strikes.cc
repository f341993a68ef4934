// SPDX-License-Identifier: Apache-2.0
#include "ps/peer_strikes.h"

#include <algorithm>

namespace skybridge::ps {

void PeerStrikes::Strike(const std::string& peer, Instant now) {
  if (!peers_.contains(peer) && peers_.size() >= options_.peers_max) {
    const auto by_last = [](const auto& a, const auto& b) { return a.second.last < b.second.last; };
    peers_.erase(std::ranges::min_element(peers_, by_last));
  }
  State& state = peers_[peer];
  if (now - state.last >= options_.mute) state.strikes = 0;
  ++state.strikes;
  state.last = now;
}

bool PeerStrikes::Muted(const std::string& peer, Instant now) const {
  const auto it = peers_.find(peer);
  if (it == peers_.end()) return false;
  return it->second.strikes >= options_.strikes_max && now - it->second.last < options_.mute;
}

}  // namespace skybridge::ps
