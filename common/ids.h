// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

namespace skybridge {

// Strong names for the numbers of docs/protocol.md. Cast with static_cast at the wire.
enum class Term : uint32_t {};         // +1 at each scheduler start.
enum class Generation : uint32_t {};   // +1 at each rollback; nothing crosses it.
enum class MapVersion : uint32_t {};   // Of the shard map; 0: none yet.
enum class Incarnation : uint64_t {};  // One start of one process; 0: not given yet.
enum class Rank : uint16_t {};         // A logical trainer, 0 .. R-1.
enum class Attempt : uint16_t {};      // +1 per grant of the same lease.
enum class Slot : uint16_t {};         // A fixed share of the id space.
enum class ShardId : uint32_t {};
enum class TableId : uint32_t {};  // Position in the model's list of tables.
enum class RowId : uint64_t {};
enum class StreamId : uint64_t {};  // Lockstep: the rank. Otherwise: epoch << 32 | partition.
enum class Phase : uint32_t {};     // From 1, in the order the job runs them.

template <typename Strong>
constexpr auto Number(Strong value) {
  return static_cast<std::underlying_type_t<Strong>>(value);
}

// A job's identity, drawn once when it is created.
struct JobId {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const JobId&) const = default;
};

// Names one push for good, so that a repeat is recognised, also one from a successor of the
// sender: a pure function of the data position (no sender, no attempt, no time in it).
struct PushName {
  Generation generation{};
  Phase phase{};
  StreamId stream{};
  uint64_t sequence = 0;  // Lockstep: the clock, from 1. Otherwise: batch in the partition, from 0.
  auto operator<=>(const PushName&) const = default;
};

// Pieces that one push may come in, each a message.
inline constexpr uint32_t kChunksMax = 16;

}  // namespace skybridge
