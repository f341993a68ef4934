// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/shard_map.h"
#include "common/status.h"
#include "common/table_spec.h"
#include "ps/chunk_assembler.h"
#include "ps/clock_commit.h"
#include "ps/grouped_ledger.h"
#include "ps/phase_rules.h"
#include "ps/staleness_gate.h"

namespace skybridge::ps {

// What a shard keeps in its redo log: one record for each decision that changed its state. A state
// is a pure function of the records up to it; repeats and refusals leave none.

struct PhaseOpened {
  PhaseRules rules;
};
struct PhaseClosed {
  Phase phase{};
};
struct RankFenced {
  Rank rank{};
  Attempt attempt{};  // Lower ones are fenced.
};
struct StreamFenced {
  StreamId stream{};
  Attempt attempt{};
};
struct StreamClosed {
  StreamId stream{};
  uint64_t count = 0;
};
struct GateMoved {
  std::vector<StalenessGate::State> ranks;  // As they stand then, by rank.
};
struct RankCertified {
  Rank rank{};
  Attempt attempt{};
  uint64_t done = 0;
};
struct ClockCommitted {
  uint64_t clock = 0;
};
// A whole push: kept for its clock in lockstep, else applied.
struct PushAccepted {
  StreamId stream{};
  uint64_t sequence = 0;
  Rank rank{};
  Attempt attempt{};
  AssembledPush push;
};

// Slots that a live move takes to or from this shard: the map after `map` says whose they are.
struct SlotDoubt {
  MapVersion map{};
  SlotRange slots{0, 0};
  bool operator==(const SlotDoubt&) const = default;
};
struct SlotsInDoubt {
  SlotDoubt doubt;
};
// Rows of slots in doubt, as they are on the shard that has them.
struct SlotRows {
  TableId table{};
  std::vector<RowId> ids;     // [n] distinct
  std::vector<char> records;  // [n, bytes of the table's records]
};
// The doubt is over.
struct SlotsSettled {
  std::vector<SlotRange> dropped;  // Of the slots in doubt: those that are not this shard's.
};

// The state of a shard at one position of its log, but for its rows and the bytes of pushes that
// wait for their clock.
struct ShardImage {
  static constexpr std::string_view kNoteName = "image";  // Under which a store has it.

  uint64_t redo = 1;   // Replay reads from here; below `begin` it takes pending pushes alone ...
  uint64_t begin = 1;  // ... and from here on everything.
  std::optional<PhaseRules> rules;
  PhaseSummary summary;  // Without `committed`.
  ClockCommit::Snapshot commit;
  GroupedLedger::Snapshot ledger = {{}};
  std::vector<StalenessGate::State> gate;
  std::optional<SlotDoubt> doubt;
  GroupedLedger::Snapshot incoming;  // Of the slots in doubt; empty: not known.
  bool operator==(const ShardImage&) const = default;
};

// All rows of the slots in doubt are here, with what was pushed to them.
struct SlotsInstalled {
  bool whole = false;  // The shard had no part in the job: it takes up all of `state`.
  ShardImage state;    // Of the shard that has the slots.
};

using ShardRecord = std::variant<PhaseOpened, PhaseClosed, RankFenced, StreamFenced, StreamClosed,
                                 GateMoved, RankCertified, ClockCommitted, PushAccepted,
                                 SlotsInDoubt, SlotRows, SlotsInstalled, SlotsSettled>;

// A record as the log takes it: its type, and pieces that lie in `head` and in the record itself,
// which must both outlive them.
struct EncodedRecord {
  uint8_t type = 0;
  std::string head;
  std::vector<std::string_view> tail;

  std::vector<std::string_view> pieces() const;
  uint64_t bytes() const;
};
EncodedRecord Encode(const ShardRecord& record);
// Errors: kDataLoss for anything that Encode does not make.
Result<ShardRecord> DecodeRecord(uint8_t type, std::string_view payload, const TableSpecs& tables);

std::string EncodeImage(const ShardImage& image);
Result<ShardImage> DecodeImage(std::string_view bytes);

}  // namespace skybridge::ps
