// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include "common/time.h"

namespace skybridge::sim {

// What is still to happen, earliest first; of equal times, in the order of Push. A binary heap on
// (time, sequence), so that a run depends on nothing but what was pushed.
template <typename Event>
class EventQueue {
 public:
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  // When the next event happens. The queue must not be empty.
  Instant next_at() const {
    CHECK(!heap_.empty());
    return heap_.front().at;
  }

  void Push(Instant at, Event event) {
    heap_.push_back({at, ++pushed_, std::move(event)});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }

  // Takes the next event. The queue must not be empty.
  Event Pop() {
    CHECK(!heap_.empty());
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    Event event = std::move(heap_.back().event);
    heap_.pop_back();
    return event;
  }

 private:
  struct Entry {
    Instant at;
    uint64_t sequence;
    Event event;
  };

  static bool Later(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }

  std::vector<Entry> heap_;
  uint64_t pushed_ = 0;
};

}  // namespace skybridge::sim
