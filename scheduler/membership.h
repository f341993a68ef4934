// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

namespace skybridge::scheduler {

enum class Role : uint8_t { kShard = 1, kTrainer = 2 };  // Numbers of wire.Role.

// A place in the cluster, whichever process fills it.
struct NodeKey {
  Role role = Role::kShard;
  uint32_t index = 0;
  auto operator<=>(const NodeKey&) const = default;
};

// "shard 2", "trainer 0".
std::string NodeName(NodeKey key);

enum class NodeState : uint8_t { kLive, kSuspect, kDead, kLeft };

// What a process says of itself when it asks to join.
struct Registration {
  NodeKey key;
  uint32_t process = 0;  // Server or worker number.
  std::string host;
  uint32_t pid = 0;
  uint64_t instance = 0;  // Of this process, and of no other that asks for the place.
  std::string version;
  uint64_t job_hash = 0;
  uint64_t dataset_hash = 0;  // Shards: 0.
  std::string endpoint;       // Where a shard listens.
  uint64_t store_id = 0;      // Of the folder with a shard's rows; 0: it keeps none.
};

struct Member {
  Registration self;
  Incarnation incarnation{};
  NodeState state = NodeState::kLive;
  Instant heard_at;
  bool silent = false;  // Nothing has come since the scheduler started again.
  bool ended = false;   // A supervisor saw its process end.
  // Who else asks for its place, and when it was first heard to.
  struct Rival {
    uint64_t instance = 0;
    Instant asked_at;
  };
  std::optional<Rival> rival;
  std::string reason;  // Why it is dead or left.

  bool live() const { return state == NodeState::kLive || state == NodeState::kSuspect; }
};

// A supervisor saw the process of a node end, or knows that it had ended before.
struct NodeExit {
  NodeKey place;
  std::optional<uint32_t> pid;  // Of the process. Nothing: of whichever has the place.
  bool final = false;           // Nobody will start another in this place.
  Status how;
  bool operator==(const NodeExit&) const = default;
};

// A change of a member's state. `text` is one line for people.
struct MemberEvent {
  NodeKey key;
  Incarnation incarnation{};
  NodeState state = NodeState::kLive;  // The new one.
  std::string text;
  bool joined = false;  // Live for the first time.

  bool gone() const { return state == NodeState::kDead || state == NodeState::kLeft; }
};

struct MembershipOptions {
  uint32_t shards = 1;
  uint32_t trainers = 1;
  std::string version;
  uint64_t job_hash = 0;
  uint64_t dataset_hash = 0;
  Duration suspect_after = std::chrono::seconds(5);
  Duration dead_after = std::chrono::seconds(15);
  Duration replace_after = std::chrono::seconds(2);
  Duration pause_min = std::chrono::seconds(3);
};

// Who is in the cluster, and who has died (docs/protocol.md, section 4).
//
// A place is JOINING until a registration for it passes all checks; the process is then LIVE under
// a new incarnation, SUSPECT after suspect_after of silence, DEAD after dead_after, LEFT when it
// says so. DEAD and LEFT are final for an incarnation: a late message of it is fenced.
//
// Silence is measured at ticks: when two of them lie more than pause_min apart, this process was
// stopped, not the others, and every deadline moves by the gap.
//
// Pure state machine. Every input may be repeated.
class Membership {
 public:
  explicit Membership(MembershipOptions options);

  // From now on there are so many places for shards. Never less than there were.
  void SetShards(uint32_t shards) { shards_ = std::max(shards_, shards); }

  // A process asks to join. A repeat by the same process gives the same incarnation. Nothing: too
  // early to say whether this is a successor of the process that has the place; it will ask again.
  // Errors: kInvalidArgument     an index that the job does not have.
  //         kFailedPrecondition  version, job or data differ: names the field and both values; or
  //                              it has no instance.
  //         kFenced              a live process has the place: names its host and pid; or it had
  //                              the place itself, and is out.
  Result<std::optional<Incarnation>> Register(const Registration& asking, Instant now);

  // A message of this incarnation came.
  // Errors: kFenced if it is dead, has left, or was never given.
  Status Hear(Incarnation incarnation, Instant now);

  void Leave(Incarnation incarnation, const std::string& reason);
  // If the place is a successor's by now, nothing changes.
  void Exited(const NodeExit& exit);
  // Moves silent members on. Returns by how much deadlines moved: the gap, if this process was
  // stopped since the last tick.
  Duration Tick(Instant now);

  // What a former life of the scheduler decided, read back from its log; events follow.
  // Errors: kDataLoss if it cannot have decided so.
  Status Readmit(const Registration& asking, Incarnation given, Instant at);
  Status Remove(Incarnation incarnation, NodeState state, const std::string& reason);
  // Incarnations up to this one were given by schedulers of an earlier generation. Before anybody
  // joins.
  void BeginAfter(Incarnation given) {
    CHECK(members_.empty());
    next_incarnation_ = Number(given) + 1;
  }
  // The highest that was given.
  Incarnation last_given() const { return Incarnation(next_incarnation_ - 1); }
  // The scheduler starts again: whoever was live was heard just now, as far as anybody knows, and
  // nobody dies of silence before `grace` has passed.
  void Resume(Instant now, Duration grace);

  // What changed since the last call, in order.
  std::vector<MemberEvent> TakeEvents();

  const Member* Find(Incarnation incarnation) const;
  // The last process that held the place, whatever its state. Null: none ever did.
  const Member* Holder(NodeKey key) const;
  // Live members of a role by index.
  std::vector<const Member*> Live(Role role) const;
  // Dead ones whose place nobody has taken and whose process, for all that is known, still runs:
  // stopped, or hung. Whoever can should kill it.
  std::vector<const Member*> Lost() const;
  // Why the last registration for this place was refused; empty if it was not. An index that the
  // job does not have is no place.
  std::string Refusal(NodeKey key) const;

 private:
  Status Check(const Registration& asking) const;
  Result<std::optional<Incarnation>> Settle(const Registration& asking, Instant now);
  const Member* FindInstance(const Registration& asking) const;
  bool Outlives(Member& holder, const Registration& rival, Instant now) const;
  Member& Admit(const Registration& asking, Instant now);
  void Move(Member& member, NodeState state, const std::string& reason);

  const MembershipOptions options_;
  uint32_t shards_;  // Places.
  std::map<Incarnation, Member> members_;
  std::map<NodeKey, Incarnation> holders_;
  std::map<NodeKey, std::string> refusals_;
  std::vector<MemberEvent> events_;
  uint64_t next_incarnation_ = 1;
  std::optional<Instant> ticked_at_;
  std::optional<Instant> grace_ends_;
};

}  // namespace skybridge::scheduler
