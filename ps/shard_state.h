// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "common/status.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "ps/clock_commit.h"
#include "ps/grouped_ledger.h"
#include "ps/memory_budget.h"
#include "ps/phase_rules.h"
#include "ps/shard_record.h"
#include "ps/staleness_gate.h"
#include "ps/tiered_rows.h"

namespace skybridge::ps {

// Everything of a shard that its log explains: the phase, who pushed what, and the rows. The parts
// are there for whoever decides; what was decided and kept in the log changes them through Apply
// alone, live and in replay, so both end in the same state. One thread.
//
// What parts note beside that (attempts, and in lockstep certificates that ride on pulls) is
// repeated by whoever needs it after a restart.
struct ShardState {
  ShardState(TieredRowsOptions options, uint64_t in_flight_bytes_max, env::RowStore& store,
             env::RedoLog& log);

  // Applies the record that the log has at `lsn`. The bytes of a push are taken from `in_flight`.
  // Errors: kDataLoss if it cannot follow what came before; those of the store. The state must not
  // be used afterwards.
  Status Apply(uint64_t lsn, ShardRecord record);

  // The state after all records below `begin`.
  ShardImage Image(uint64_t begin) const;
  // Takes up an image. Its pending pushes are missing until the log brought them: see
  // ClockCommit::Refill.
  void Restore(const ShardImage& image);

  MemoryBudget in_flight;
  TieredRows rows;
  std::optional<PhaseRules> rules;  // Of the last phase that began.
  PhaseSummary summary;
  ClockCommit commit;
  GroupedLedger ledger;
  StalenessGate gate;
  std::optional<SlotDoubt> doubt;  // A live move is open, or this shard has not heard of its end.
  // What was pushed to the slots in doubt, once all of them are here. Pushes under the map that is
  // about to end have no rows of theirs, so they must not count for them.
  GroupedLedger::Snapshot incoming;
};

}  // namespace skybridge::ps
