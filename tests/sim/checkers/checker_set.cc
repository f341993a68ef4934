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

bool IsAnswer(const wire::Header& header) {
  switch (header.body_case()) {
    case wire::Header::kError:
    case wire::Header::kPhaseReply:
    case wire::Header::kTableHashReply:
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
  ears.last = {};
  ears.pulls.clear();
  for (const auto& checker : checkers_) checker->Started(ears.place);
}

void CheckerSet::Hears(const std::string& node, const Envelope& message) {
  Ears& ears = EarsOf(node);
  ears.last = Listen(ears, message);
  if (ears.place.kind == NodeKind::kShard && ears.last.header.has_pull()) {
    ears.pulls[{message.peer, ears.last.header.request()}] = ears.last.header;
  }
  for (const auto& checker : checkers_) checker->Heard(ears.last);
}

void CheckerSet::Said(const std::string& node, const Envelope& message) {
  Ears& ears = EarsOf(node);
  Utterance said = Listen(ears, message);
  said.log_heard = ears.last.log_last;
  const uint64_t request = said.header.request();
  auto parked = ears.pulls.end();
  if (IsAnswer(said.header)) {
    parked = ears.pulls.find({message.peer, request});
    if (ears.last.peer == message.peer && ears.last.header.request() == request) {
      said.request = &ears.last.header;
    } else if (parked != ears.pulls.end()) {
      said.request = &parked->second;
      said.parked = true;
    }
  }
  for (const auto& checker : checkers_) checker->Said(said);
  if (parked != ears.pulls.end()) ears.pulls.erase(parked);
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
