// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/table_spec.h"
#include "common/time.h"
#include "proto/wire.pb.h"
#include "ps/parked_pulls.h"
#include "ps/shard.h"

namespace skybridge::ps {

// What becomes of one request.
struct Served {
  std::string peer;
  uint64_t request = 0;
  uint64_t sender = 0;     // Incarnation.
  Status status;           // An error: the request was refused.
  bool malformed = false;  // And its sender should have known.
  wire::Header reply;      // Without a body: the request waits.
  std::string payload;
};

// Serves what trainers ask of a shard, once it is known to be meant for it: translates, and keeps
// pulls that must wait. Requests may be repeated.
class TrainerAdapter {
 public:
  // `shard` outlives this. park_max: a pull that waited longer is refused with kUnavailable.
  TrainerAdapter(const TableSpecs& tables, Duration park_max, Shard& shard);

  Served Serve(const std::string& peer, const wire::Header& header, std::string_view payload,
               Instant now);
  // Pulls that may be served by now, or that waited too long, in the order they came.
  std::vector<Served> ServeParked(Instant now);
  // The shard has other slots now: what waits was asked under a map that is over.
  std::vector<Served> RefuseParked();

 private:
  Status Pull(const wire::Header& header, std::string_view payload, Instant now, Served* out);
  Status AnswerPull(const PullRequest& pull, Served* out);
  Status Push(const wire::Header& header, std::string_view payload, Served* out);
  Status RankDone(const wire::RankDone& message, Served* out);
  Status QueryRank(const wire::RankQuery& message, Served* out);
  Status QueryStream(const wire::LedgerQuery& message, Served* out);
  Status Scan(const wire::Scan& message, Served* out);

  const TableSpecs tables_;
  const Duration park_max_;
  Shard& shard_;
  ParkedPulls parked_;
};

}  // namespace skybridge::ps
