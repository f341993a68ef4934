// SPDX-License-Identifier: Apache-2.0
#include "ps/shard_state.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/hash.h"
#include "ps/push_filter.h"
#include "ps/row_update.h"

namespace skybridge::ps {
namespace {

// One record meets the state; `lsn` is its position.
struct Applier {
  ShardState& state;
  uint64_t lsn;

  Status operator()(PhaseOpened record) const {
    const PhaseRules& rules = record.rules;
    state.rules = rules;
    state.summary = {};
    state.ledger.Clear();
    state.gate = StalenessGate(rules.ranks, rules.staleness_max);
    state.commit.Open(rules.lockstep ? rules.ranks : 0);
    return Status();
  }

  Status operator()(PhaseClosed record) const {
    if (!state.rules || state.rules->phase != record.phase) {
      return Status(StatusCode::kDataLoss,
                    "close phase " + std::to_string(Number(record.phase)) + ", which is not open");
    }
    state.summary.closed = true;
    return Status();
  }

  Status operator()(RankFenced record) const {
    return state.commit.Query(record.rank, record.attempt).status();
  }
  Status operator()(StreamFenced record) const {
    return state.ledger.Query(record.stream, record.attempt).status();
  }
  Status operator()(StreamClosed record) const {
    return state.ledger.Close(record.stream, record.count);
  }
  Status operator()(GateMoved record) const {
    state.gate.Restore(std::move(record.ranks));
    return Status();
  }
  Status operator()(RankCertified record) const {
    if (!state.rules || !state.rules->lockstep) return state.gate.SetDone(record.rank, record.done);
    return state.commit.SetDone(record.rank, record.attempt, record.done);
  }

  Status operator()(ClockCommitted record) const {
    SKY_ASSIGN_OR_RETURN(const std::vector<PushRows> pushes, state.commit.Commit(record.clock));
    // Not when they come: whoever goes on from a cut gets again what waited there.
    state.summary.pushes += pushes.size();
    for (const PushRows& push : pushes) state.summary.examples += push.examples;
    return ApplyUpdate(state.rows, pushes,
                       {.lsn = lsn, .clock = static_cast<uint32_t>(record.clock)});
  }

  Status operator()(PushAccepted record) const {
    if (state.rules && state.rules->lockstep) {
      return state.commit.Accept(record.rank, record.attempt, record.sequence,
                                 std::move(record.push), lsn);
    }
    ++state.summary.pushes;
    const Status applied = OnArrival(record);
    state.in_flight.Give(record.push.bytes);
    return applied;
  }

  Status operator()(SlotsInDoubt record) const {
    state.doubt = record.doubt;
    state.incoming.clear();
    return Status();
  }
  Status operator()(SlotRows record) const {
    return state.rows.Put(record.table, record.ids, record.records, lsn);
  }
  Status operator()(SlotsInstalled record) const {
    if (!state.doubt) return Status(StatusCode::kDataLoss, "slots come of which nothing was said");
    if (!record.whole) {
      state.incoming = std::move(record.state.ledger);
      return Status();
    }
    const SlotDoubt doubt = *state.doubt;
    state.Restore(record.state);
    state.doubt = doubt;
    // Of other slots it says nothing.
    state.ledger.Forget({0, doubt.slots.begin});
    state.ledger.Forget({doubt.slots.end, kSlotCount});
    return Status();
  }
  Status operator()(SlotsSettled record) const {
    const std::optional<SlotDoubt> doubt = std::exchange(state.doubt, std::nullopt);
    const GroupedLedger::Snapshot incoming = std::exchange(state.incoming, {});
    if (doubt && !incoming.empty() && record.dropped.empty()) {
      SKY_RETURN_IF_ERROR(state.ledger.Install(doubt->slots, incoming));
    }
    for (const SlotRange& slots : record.dropped) {
      SKY_RETURN_IF_ERROR(state.rows.Drop(slots));
      state.ledger.Forget(slots);
    }
    return Status();
  }

  Status OnArrival(PushAccepted& record) const {
    SKY_ASSIGN_OR_RETURN(const std::vector<SlotRange> slots,
                         state.ledger.WhereNew(record.stream, record.sequence, record.attempt));
    if (slots.empty()) {
      return Status(StatusCode::kDataLoss,
                    "push " + std::to_string(record.sequence) + " of stream " +
                        std::to_string(Number(record.stream)) + " is in the log twice");
    }
    // A push that only other groups lacked was counted before.
    if (slots.front().begin == 0) state.summary.examples += record.push.rows.examples;
    KeepSlots(record.push.rows, slots);
    SKY_RETURN_IF_ERROR(ApplyUpdate(state.rows, std::span(&record.push.rows, 1), {.lsn = lsn}));
    state.ledger.Mark(record.stream, record.sequence, record.attempt);
    return Status();
  }
};

}  // namespace

ShardState::ShardState(TieredRowsOptions options, uint64_t in_flight_bytes_max,
                       env::RowStore& store, env::RedoLog& log)
    : in_flight(in_flight_bytes_max),
      rows(std::move(options), store, log),
      commit(in_flight),
      gate(0, std::nullopt) {}

Status ShardState::Apply(uint64_t lsn, ShardRecord record) {
  return std::visit(
      [&](auto&& one) {
        return Applier{*this, lsn}(std::forward<decltype(one)>(one));
      },
      std::move(record));
}

ShardImage ShardState::Image(uint64_t begin) const {
  return {.redo = std::min(begin, commit.oldest_pending().value_or(begin)),
          .begin = begin,
          .rules = rules,
          .summary = summary,
          .commit = commit.Take(),
          .ledger = ledger.Take(),
          .gate = gate.ranks(),
          .doubt = doubt,
          .incoming = incoming};
}

void ShardState::Restore(const ShardImage& image) {
  rules = image.rules;
  summary = image.summary;
  commit.Restore(image.commit);
  ledger.Restore(image.ledger);
  gate = StalenessGate(0, rules ? rules->staleness_max : std::nullopt);
  gate.Restore(image.gate);
  doubt = image.doubt;
  incoming = image.incoming;
}

}  // namespace skybridge::ps
