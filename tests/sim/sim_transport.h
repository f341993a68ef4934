// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/rng.h"
#include "common/time.h"

namespace skybridge::sim {

// How bad every directed link of a simulated network is. Probabilities are per message.
struct LinkFaults {
  double drop = 0;
  double duplicate = 0;
  double reorder = 0;          // May be overtaken, and overtake.
  Duration delay_min{0};       // Of every message, uniform ...
  Duration delay_max{0};       // ... up to here.
  Duration late_max{0};        // Added, uniform, to what is reordered or a duplicate.
  double replay = 0;           // It comes once more: a request to whoever listens there then ...
  Duration replay_max{0};      // ... within this.
  double cuts_per_second = 0;  // A link goes dead in this direction ...
  Duration cut_max{0};         // ... for up to this long, never twice within as long.
};

// The fate of each message between named nodes: how often it arrives, and when.
//
// Without `reorder` a link delivers in the order of sending. Each link draws from a stream of its
// own, keyed by (seed, from, to), so traffic on one link does not change the fate of another's.
class SimTransport {
 public:
  SimTransport(uint64_t seed, LinkFaults faults);

  // When a message sent at `now` arrives: no time (lost), one, or two (doubled). `now` must not go
  // back on a link.
  std::vector<Instant> Arrivals(const std::string& from, const std::string& to, Instant now);

  // When a message just sent arrives once more, long after its time; mostly never. Arrivals of the
  // link do not depend on it.
  std::optional<Instant> Replay(const std::string& from, const std::string& to, Instant now);

  // Loses everything sent from `from` to `to` in [begin, end).
  void CutOneWay(const std::string& from, const std::string& to, Instant begin, Instant end);

  // From now on messages are delayed, but neither lost nor doubled nor reordered; cuts end.
  void Heal();

  uint64_t sent() const { return sent_; }
  uint64_t dropped() const { return dropped_; }
  uint64_t duplicated() const { return duplicated_; }
  uint64_t replayed() const { return replayed_; }
  uint64_t cuts() const { return cuts_; }  // Begun at random.

 private:
  struct Interval {
    Instant begin;
    Instant end;
  };
  struct Link {
    Rng rng;
    Rng replays;
    Instant last;          // Latest in-order arrival.
    Instant next_cut;      // When the next random cut begins, and ...
    Instant next_cut_end;  // ... ends.
    std::vector<Interval> cuts;
  };

  Link& At(const std::string& from, const std::string& to, Instant now);
  void DrawCut(Link& link, Instant from) const;
  bool IsCut(Link& link, Instant now);

  const uint64_t seed_;
  LinkFaults faults_;
  std::map<std::pair<std::string, std::string>, Link> links_;
  uint64_t sent_ = 0;
  uint64_t dropped_ = 0;
  uint64_t duplicated_ = 0;
  uint64_t replayed_ = 0;
  uint64_t cuts_ = 0;
};

// Uniform in [min, max].
Duration DrawDuration(Rng& rng, Duration min, Duration max);

}  // namespace skybridge::sim
