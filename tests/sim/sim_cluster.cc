// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_cluster.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/hash.h"

namespace skybridge::sim {
namespace {

constexpr Duration kClockOffsetMax = std::chrono::hours(1);

}  // namespace

SimCluster::SimCluster(SimClusterOptions options)
    : options_(options),
      transport_(options.seed, options.links),
      rng_(options.seed, Purpose::kSimulation) {}

void SimCluster::Add(const std::string& name, Factory factory, std::vector<Record> records) {
  const size_t slot = members_.size();
  CHECK(slots_.emplace(name, slot).second) << "two nodes named " << name;
  members_.push_back({.name = name, .factory = std::move(factory)});
  members_.back().records = std::move(records);
  Start(slot);
}

size_t SimCluster::SlotOf(const std::string& name) const {
  const auto found = slots_.find(name);
  CHECK(found != slots_.end()) << "no node is named " << name;
  return found->second;
}

Node* SimCluster::node(const std::string& name) const { return members_[SlotOf(name)].node.get(); }

const std::vector<Record>& SimCluster::records(const std::string& name) const {
  return members_[SlotOf(name)].records;
}

void SimCluster::Start(size_t slot) {
  Member& member = members_[slot];
  CHECK(member.node == nullptr);
  ++member.life;
  member.clock_offset = DrawDuration(rng_, Duration{0}, kClockOffsetMax);
  member.frozen_until = now_;
  member.crash_in_next_effects = false;
  member.node = member.factory();
  CHECK(member.node != nullptr);
  Trace(Kind::kStart, slot);
  if (observer_ != nullptr) observer_->Started(member.name);
  queue_.Push(now_ + DrawDuration(rng_, Duration{0}, options_.tick),
              {.kind = Kind::kTick, .slot = slot, .life = member.life});
}

void SimCluster::Crash(const std::string& name) { CrashSlot(SlotOf(name)); }

void SimCluster::CrashSlot(size_t slot) {
  Member& member = members_[slot];
  if (member.node == nullptr) return;
  Trace(Kind::kCrash, slot);
  ++crashes_;
  for (Task* task : member.tasks) {
    if (rng_.Below(2) == 0) task->Run();  // Its files are written; nobody hears of it.
  }
  member.tasks.clear();
  member.node.reset();
}

void SimCluster::CrashInNextEffects(const std::string& name) {
  members_[SlotOf(name)].crash_in_next_effects = true;
}

void SimCluster::Restart(const std::string& name) {
  const size_t slot = SlotOf(name);
  Member& member = members_[slot];
  if (member.node != nullptr && !member.node->finished()) return;
  member.tasks.clear();
  member.node.reset();
  Start(slot);
}

void SimCluster::Freeze(const std::string& name, Instant until) {
  Member& member = members_[SlotOf(name)];
  member.frozen_until = std::max(member.frozen_until, until);
}

std::vector<SimCluster::Leftover> SimCluster::TakeRequests() {
  std::vector<Leftover> requests;
  while (!queue_.empty()) {
    Event event = queue_.Pop();
    const bool request =
        event.kind == Kind::kMessage && event.message.peer.find('#') != std::string::npos;
    if (request) requests.push_back({members_[event.slot].name, std::move(event.message)});
  }
  return requests;
}

void SimCluster::Deliver(Leftover request, Instant at) {
  const auto to = slots_.find(request.to);
  if (to == slots_.end()) return;
  std::string& peer = request.message.peer;
  peer = peer.substr(0, peer.find('#')) + "#0";  // No life has this number.
  queue_.Push(at,
              {.kind = Kind::kMessage, .slot = to->second, .message = std::move(request.message)});
}

void SimCluster::At(Instant at, std::function<void()> action) {
  CHECK(at >= now_);
  queue_.Push(at, {.kind = Kind::kAction, .action = std::move(action)});
}

bool SimCluster::Run(const std::function<bool()>& until, Instant deadline) {
  while (!queue_.empty() && queue_.next_at() <= deadline) {
    now_ = queue_.next_at();
    Happen(queue_.Pop());
    if (until()) return true;
  }
  now_ = std::max(now_, deadline);
  return false;
}

void SimCluster::Happen(Event event) {
  if (event.kind == Kind::kAction) return event.action();

  Member& member = members_[event.slot];
  const bool meant = event.life == member.life || event.life == 0;
  if (!meant || member.node == nullptr) return;
  if (member.node->finished()) {
    std::erase(member.tasks, event.task.get());
    return;
  }
  if (now_ < member.frozen_until) return queue_.Push(member.frozen_until, std::move(event));

  const Instant local = now_ + member.clock_offset;
  Node& node = *member.node;
  switch (event.kind) {
    case Kind::kTick: {
      const Instant next = now_ + DrawDuration(rng_, options_.tick, options_.tick * 3 / 2);
      Trace(Kind::kTick, event.slot);
      Perform(event.slot, node.Tick(local));
      queue_.Push(next, std::move(event));
      return;
    }
    case Kind::kMessage:
      Trace(Kind::kMessage, event.slot, event.message.header, event.message.payload);
      if (observer_ != nullptr) observer_->Hears(member.name, event.message);
      return Perform(event.slot, node.Handle(event.message, local));
    case Kind::kTask:
      Trace(Kind::kTask, event.slot);
      std::erase(member.tasks, event.task.get());
      event.task->Run();
      return Perform(event.slot, node.Finish(std::move(event.task), local));
    default: LOG(FATAL) << "an event that never waits in the queue";
  }
}

// Records first: a message may promise what they say. A crash on the way leaves a prefix.
void SimCluster::Perform(size_t slot, Effects effects) {
  Member& member = members_[slot];
  const size_t parts = effects.persist.size() + effects.send.size() + effects.start.size();
  const bool crash = member.crash_in_next_effects && parts > 0;
  size_t left = crash ? rng_.Below(parts + 1) : parts;

  for (Record& record : effects.persist) {
    if (left == 0) break;
    --left;
    Trace(Kind::kPersist, slot, record.bytes);
    if (observer_ != nullptr) observer_->Kept(member.name, record);
    member.records.push_back(std::move(record));
  }
  for (Envelope& message : effects.send) {
    if (left == 0) break;
    --left;
    Send(slot, std::move(message));
  }
  for (std::unique_ptr<Task>& task : effects.start) {
    if (left == 0) break;
    --left;
    member.tasks.push_back(task.get());
    const Instant done = now_ + DrawDuration(rng_, options_.task_min, options_.task_max);
    queue_.Push(done,
                {.kind = Kind::kTask, .slot = slot, .life = member.life, .task = std::move(task)});
  }
  if (crash) CrashSlot(slot);
}

void SimCluster::Send(size_t slot, Envelope message) {
  Trace(Kind::kSend, slot, message.header, message.payload);
  if (observer_ != nullptr) observer_->Said(members_[slot].name, message);
  const Member& sender = members_[slot];
  const std::string_view peer = message.peer;
  const size_t mark = peer.find('#');
  const bool reply = mark != peer.npos;
  const auto to = slots_.find(std::string(peer.substr(0, mark)));
  if (to == slots_.end()) return;  // An endpoint where nobody listens.
  const Member& target = members_[to->second];
  if (reply && peer.substr(mark + 1) != std::to_string(target.life)) return;  // It is gone.

  message.peer = reply ? sender.name : sender.name + "#" + std::to_string(sender.life);
  for (const Instant at : transport_.Arrivals(sender.name, target.name, now_)) {
    queue_.Push(
        at, {.kind = Kind::kMessage, .slot = to->second, .life = target.life, .message = message});
  }
  // What a connection kept for an endpoint may reach the next process behind it. A reply goes to
  // the one that asked.
  if (const auto replayed = transport_.Replay(sender.name, target.name, now_)) {
    queue_.Push(*replayed, {.kind = Kind::kMessage,
                            .slot = to->second,
                            .life = reply ? target.life : 0,
                            .message = message});
  }
}

void SimCluster::Trace(Kind kind, size_t slot, std::string_view a, std::string_view b) {
  ++events_;
  struct {
    int64_t at;
    uint64_t slot;
    uint64_t kind;
    uint64_t a_bytes;
  } const head{now_.since_start.count(), slot, static_cast<uint64_t>(kind), a.size()};
  trace_hash_ = HashBytes({reinterpret_cast<const char*>(&head), sizeof(head)}, trace_hash_);
  if (!a.empty()) trace_hash_ = HashBytes(a, trace_hash_);
  if (!b.empty()) trace_hash_ = HashBytes(b, trace_hash_);
}

}  // namespace skybridge::sim
