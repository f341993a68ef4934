// SPDX-License-Identifier: Apache-2.0
#include "ps/push_ledger.h"

#include <string>

#include <glog/logging.h>

namespace skybridge::ps {
namespace {

std::string Name(StreamId stream) { return "stream " + std::to_string(Number(stream)); }

}  // namespace

Result<PushLedger::Stream*> PushLedger::Find(StreamId stream, Attempt attempt) {
  auto it = open_.find(stream);
  if (it == open_.end()) {
    if (open_.size() >= options_.streams_open_max) {
      return Status(StatusCode::kResourceExhausted,
                    Name(stream) + ": " + std::to_string(open_.size()) + " streams are open, " +
                        std::to_string(options_.streams_open_max) + " are allowed");
    }
    it = open_.emplace(stream, Stream{}).first;
  }
  Stream& found = it->second;
  if (attempt < found.attempt) {
    return Status(StatusCode::kFenced,
                  Name(stream) + ": attempt " + std::to_string(Number(found.attempt)) +
                      " has taken over from " + std::to_string(Number(attempt)),
                  Number(found.attempt));
  }
  found.attempt = attempt;
  return &found;
}

Result<bool> PushLedger::IsNew(StreamId stream, uint64_t sequence, Attempt attempt) {
  if (closed_.contains(stream)) return false;
  SKY_ASSIGN_OR_RETURN(const Stream* found, Find(stream, attempt));
  if (sequence < found->next) return false;
  const uint64_t ahead = sequence - found->next;
  if (ahead >= kWindow) {
    return Status(StatusCode::kOutOfRange, Name(stream) + ": push " + std::to_string(sequence) +
                                               " while " + std::to_string(found->next) +
                                               " is still missing");
  }
  return !found->window[ahead];
}

void PushLedger::Mark(StreamId stream, uint64_t sequence) {
  const auto it = open_.find(stream);
  CHECK(it != open_.end()) << Name(stream);
  Stream& found = it->second;
  CHECK_GE(sequence, found.next);
  CHECK_LT(sequence - found.next, kWindow);
  CHECK(!found.window[sequence - found.next]) << Name(stream) << ", push " << sequence;
  found.window.set(sequence - found.next);
  size_t done = 0;
  while (done < kWindow && found.window[done]) ++done;
  found.window >>= done;
  found.next += done;
}

Result<StreamProgress> PushLedger::Query(StreamId stream, Attempt attempt) {
  if (const auto closed = closed_.find(stream); closed != closed_.end()) {
    return StreamProgress{.next = closed->second};
  }
  SKY_ASSIGN_OR_RETURN(const Stream* found, Find(stream, attempt));
  return ProgressOf(*found);
}

StreamProgress PushLedger::ProgressOf(const Stream& stream) {
  StreamProgress progress{.next = stream.next};
  for (uint64_t i = 0; i < kWindow; ++i) {
    if (stream.window[i]) progress.applied.push_back(stream.next + i);
  }
  return progress;
}

Result<bool> PushLedger::MayClose(StreamId stream, uint64_t count) const {
  const auto closed = closed_.find(stream);
  const auto open = open_.find(stream);
  uint64_t applied = 0;
  bool gaps = false;
  if (closed != closed_.end()) {
    applied = closed->second;
  } else if (open != open_.end()) {
    applied = open->second.next;
    gaps = open->second.window.any();
  }
  if (applied != count || gaps) {
    return Status(StatusCode::kDataLoss, Name(stream) + ": has " + std::to_string(count) +
                                             " pushes, but this shard applied those below " +
                                             std::to_string(applied) +
                                             (gaps ? " and some above" : ""));
  }
  if (closed != closed_.end()) return false;
  if (closed_.size() >= options_.streams_closed_max) {
    return Status(StatusCode::kResourceExhausted, Name(stream) + ": " +
                                                      std::to_string(closed_.size()) +
                                                      " streams were closed in "
                                                      "this phase already");
  }
  return true;
}

Status PushLedger::Close(StreamId stream, uint64_t count) {
  SKY_ASSIGN_OR_RETURN(const bool is_new, MayClose(stream, count));
  if (!is_new) return Status();
  closed_.emplace(stream, count);
  open_.erase(stream);
  return Status();
}

void PushLedger::Clear() {
  open_.clear();
  closed_.clear();
}

PushLedger::Snapshot PushLedger::Take() const {
  Snapshot snapshot{.open = {}, .closed = {closed_.begin(), closed_.end()}};
  for (const auto& [stream, state] : open_) {
    snapshot.open.push_back({stream, ProgressOf(state), state.attempt});
  }
  return snapshot;
}

void PushLedger::Restore(const Snapshot& snapshot) {
  Clear();
  closed_.insert(snapshot.closed.begin(), snapshot.closed.end());
  for (const StreamState& state : snapshot.open) {
    Stream& stream = open_[state.stream];
    stream.next = state.progress.next;
    stream.attempt = state.attempt;
    for (const uint64_t sequence : state.progress.applied) {
      CHECK_LT(sequence - stream.next, kWindow) << Name(state.stream);
      stream.window.set(sequence - stream.next);
    }
  }
}

}  // namespace skybridge::ps
