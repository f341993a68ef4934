// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/time.h"

namespace skybridge::ps {

struct PeerStrikesOptions {
  uint32_t strikes_max = 3;                  // The last one mutes.
  Duration mute = std::chrono::seconds(60);  // From the last strike on; strikes expire likewise.
  size_t peers_max = 1024;                   // Remembered; the one that struck longest ago goes.
};

// Peers that send malformed messages are not listened to for a while (docs/protocol.md, section
// 13). Pure state.
class PeerStrikes {
 public:
  explicit PeerStrikes(PeerStrikesOptions options) : options_(options) {}

  void Strike(const std::string& peer, Instant now);
  bool Muted(const std::string& peer, Instant now) const;
  size_t peers() const { return peers_.size(); }

 private:
  struct State {
    uint32_t strikes = 0;
    Instant last;
  };

  const PeerStrikesOptions options_;
  std::map<std::string, State> peers_;
};

}  // namespace skybridge::ps
