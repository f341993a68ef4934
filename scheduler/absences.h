// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/status.h"
#include "common/time.h"
#include "scheduler/membership.h"

namespace skybridge::scheduler {

struct AbsencesOptions {
  uint32_t trainers = 1;                          // Places of trainers.
  Duration return_max = std::chrono::minutes(5);  // How long the job waits for a return.
  Duration line_every = std::chrono::seconds(5);  // Between two lines for people.
};

// Who of a running job is away, and whether the job can wait for it. It needs every shard, each
// with the rows that it had, and at least one trainer; a place that nobody will fill again is not
// waited for. Pure state machine; every input may be repeated.
class Absences {
 public:
  explicit Absences(AbsencesOptions options) : options_(options) {}

  // The job begins with this shard's rows in the store `store_id`. 0: it keeps none.
  void Begin(uint32_t shard, uint64_t store_id) {
    Forget(shard);
    stores_[shard] = store_id;
  }
  bool Knows(uint32_t shard) const { return stores_.contains(shard); }
  // The job has no such shard any more.
  void Forget(uint32_t shard);
  // The process in this place died or left; `how` is a line about it.
  void Gone(NodeKey place, const std::string& how, Instant now);
  // Another process has the place.
  void Back(const Registration& node);
  // Nobody will start a process in this place again; `how` it ended the last time.
  void GiveUp(NodeKey place, const Status& how) { given_up_.insert_or_assign(place, how); }
  // This process was stopped for `gap`, or starts again: then all patience begins anew.
  void Shift(Duration gap);
  void Resume(Instant now);

  // Errors, which end the job: kStateLost    a shard came back without its rows, or its disk
  //                                          has not what it should.
  //                            kUnavailable  a shard, or the last trainer, will not come back, or
  //                                          was away too long; names it.
  Status Check(Instant now) const;
  // Who is waited for: "waiting 12 s for shard 1 (server 1, host b, pid 7) exited: signal
  // 9". Empty: nobody.
  std::string Awaited(Instant now) const;
  // The same as a line, when one is due.
  std::optional<std::string> TakeLine(Instant now);

 private:
  struct Absence {
    Instant since;
    std::string how;
  };
  bool Needed(NodeKey place) const;
  size_t TrainersAway() const;

  const AbsencesOptions options_;
  std::map<uint32_t, uint64_t> stores_;  // By shard.
  std::map<NodeKey, Absence> away_;      // Ordered: lines name shards first.
  std::map<NodeKey, Status> given_up_;
  Status lost_;  // The first shard that came back with another store.
  std::optional<Instant> line_at_;
};

}  // namespace skybridge::scheduler
