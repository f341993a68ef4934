// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers/checker_set.h"

#include <charconv>
#include <string_view>

#include <glog/logging.h>

namespace skybridge::sim {
namespace {

NodePlace PlaceOf(std::string_view name) {
  if (name == kSchedulerName) return {};
  const size_t dash = name.find('-');
  CHECK(dash != name.npos) << name;
  NodePlace place{name.starts_with("shard") ? NodeKind::kShard : NodeKind::kTrainer, 0};
  std::from_chars(name.data() + dash + 1, name.data() + name.size(), place.index);
  return place;
}

// What shards are asked; each is answered.
bool IsRequest(const wire::Header& header) {
  switch (header.body_case()) {
    case wire::Header::kOpenPhase:
    case wire::Header::kClosePhase:
    case wire::Header::kRetireRank:
    case wire::Header::kCloseStream:
    case wire::Header::kTableHash:
    case wire::Header::kPrepareRound:
    case wire::Header::kCutRound:
    case wire::Header::kCollectRound:
    case wire::Header::kEndRound:
    case wire::Header::kPull:
    case wire::Header::kPush:
    case wire::Header::kRankDone:
    case wire::Header::kLedgerQuery:
    case wire::Header::kRankQuery:
    case wire::Header::kScan: return true;
    default: return false;
  }
}

bool IsAnswer(const wire::Header& header) {
  switch (header.body_case()) {
    case wire::Header::kError:
    case wire::Header::kPhaseReply:
    case wire::Header::kTableHashReply:
    case wire::Header::kRoundReply:
    case wire::Header::kPullReply:
    case wire::Header::kPushReply:
    case wire::Header::kRankDoneReply:
    case wire::Header::kLedgerReply:
    case wire::Header::kRankReply:
    case wire::Header::kScanReply: return true;
    default: return false;
  }
}

}  // namespace

CheckerSet::Ears& CheckerSet::EarsOf(const std::string& node) {
  const auto found = ears_.find(node);
  if (found != ears_.end()) return found->second;
  Ears& ears = ears_[node];
  ears.place = PlaceOf(node);
  return ears;
}

// A header that cannot be read is an empty one: nobody is interested.
Utterance CheckerSet::Listen(const Ears& ears, const Envelope& message) const {
  Utterance heard{.node = ears.place, .peer = message.peer, .now = now_()};
  if (!heard.header.ParseFromString(message.header)) heard.header.Clear();
  if (ears.place.kind == NodeKind::kShard) heard.log_last = log_last_(ears.place.index);
  return heard;
}

void CheckerSet::Started(const std::string& node) {
  Ears& ears = EarsOf(node);
  ears.unanswered.clear();
  for (const auto& checker : checkers_) checker->Started(ears.place);
}

void CheckerSet::Hears(const std::string& node, const Envelope& message) {
  Ears& ears = EarsOf(node);
  const Utterance heard = Listen(ears, message);
  ++ears.heard;
  if (ears.place.kind == NodeKind::kShard && IsRequest(heard.header)) {
    ears.unanswered[{message.peer, heard.header.request()}].push_back(
        {heard.header, heard.log_last, ears.heard});
  }
  for (const auto& checker : checkers_) checker->Heard(heard);
}

// The request that this answers. Refusals overtake answers that wait for the disk. Shards ignore
// what a former scheduler, or one that takes them for another process, has asked.
std::optional<CheckerSet::Heard> CheckerSet::Answered(const Utterance& said, Ears& ears) {
  const auto asked = ears.unanswered.find({said.peer, said.header.request()});
  if (asked == ears.unanswered.end() || !IsAnswer(said.header)) return std::nullopt;
  std::deque<Heard>& queue = asked->second;
  const wire::Identity& self = said.header.identity();
  const auto ignored = [&](const Heard& heard) {
    const wire::Identity& identity = heard.header.identity();
    return said.peer == kSchedulerName && heard.number < ears.heard &&
           (identity.term() < self.term() ||
            identity.target_incarnation() != self.sender_incarnation());
  };
  while (queue.size() > 1 && ignored(queue.front())) queue.pop_front();
  const bool at_once = said.header.has_error() && queue.back().number == ears.heard;
  const auto answered = at_once ? queue.end() - 1 : queue.begin();
  Heard request = std::move(*answered);
  queue.erase(answered);
  if (queue.empty()) ears.unanswered.erase(asked);
  return request;
}

void CheckerSet::Said(const std::string& node, const Envelope& message) {
  Ears& ears = EarsOf(node);
  Utterance said = Listen(ears, message);
  said.log_heard = said.log_last;
  const std::optional<Heard> request = Answered(said, ears);
  if (request) {
    said.request = &request->header;
    said.parked = request->number < ears.heard;
    said.log_heard = request->log_last;
  }
  for (const auto& checker : checkers_) checker->Said(said);
}

void CheckerSet::Kept(const std::string&, const Record& record) {
  history::Entry entry;
  CHECK(entry.ParseFromString(record.bytes)) << "a record that cannot be read";
  for (const auto& checker : checkers_) checker->Kept(entry, now_());
}

void CheckerSet::Passed() {
  for (const auto& checker : checkers_) checker->Passed(now_());
}

void CheckerSet::Ended() {
  for (const auto& checker : checkers_) checker->Ended();
}

std::optional<Violation> CheckerSet::violation() const {
  for (const auto& checker : checkers_) {
    if (checker->violation()) return checker->violation();
  }
  return std::nullopt;
}

}  // namespace skybridge::sim
