// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/status.h"
#include "scheduler/membership.h"

// What the supervisor of a run and its scheduler, a child process, say to each other: one line
// each, words separated by tabs.
namespace skybridge::launch {

struct StopRequest {
  std::string reason;
  bool operator==(const StopRequest&) const = default;
};

// The job should have so many shards.
struct ShardsWanted {
  uint32_t shards = 0;
  bool operator==(const ShardsWanted&) const = default;
};

// From the supervisor.
using Order = std::variant<scheduler::NodeExit, StopRequest, ShardsWanted>;

// The scheduler is there, for nodes to join.
struct Listening {
  std::string endpoint;
  bool operator==(const Listening&) const = default;
};

// The job at one moment.
struct Progress {
  std::string phase;
  uint64_t done = 0;     // In this phase, in its own units.
  uint64_t settled = 0;  // Orders that were obeyed, durably.
  std::string line;      // For people.
  uint32_t shards = 0;   // That have slots, and that should.
  uint32_t shards_wanted = 0;
  bool scaled = false;  // They have equal shares.
  bool operator==(const Progress&) const = default;
};

// The job has given this process up, which may still run. Said again until its place is taken.
struct Lost {
  uint32_t pid = 0;
  std::string why;  // "silent for 12 s".
  bool operator==(const Lost&) const = default;
};

// What to print once the job has ended; may have many lines.
struct Report {
  std::string text;
  bool operator==(const Report&) const = default;
};

// The last word: how the job ended, or why it cannot run.
struct Ended {
  Status status;
  bool operator==(const Ended&) const = default;
};

// From the scheduler.
using Notice = std::variant<Listening, Progress, Lost, Report, Ended>;

std::string LineOf(const Order& order);
std::string LineOf(const Notice& notice);

// Nothing: the line makes no sense.
std::optional<Order> ParseOrder(std::string_view line);
std::optional<Notice> ParseNotice(std::string_view line);

}  // namespace skybridge::launch
