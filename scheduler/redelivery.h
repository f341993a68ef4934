// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/time.h"

namespace skybridge::scheduler {

// Messages that go out again and again until their receiver shows that it has them. A key names
// one message to one receiver. Pure state machine.
template <typename Key>
class Redelivery {
 public:
  explicit Redelivery(Duration every) : every_(every) {}

  // Exactly these are to be delivered; new ones are due at once, missing ones are forgotten.
  void Want(const std::set<Key>& keys) {
    std::erase_if(entries_, [&](const auto& entry) { return !keys.contains(entry.first); });
    for (const Key& key : keys) entries_.try_emplace(key);
  }

  // The receiver shows that it has it, or (false) that it does not, maybe no longer.
  void Acknowledge(const Key& key, bool has) {
    if (const auto it = entries_.find(key); it != entries_.end()) it->second.acknowledged = has;
  }

  // What to send now; each again after `every`.
  std::vector<Key> Due(Instant now) {
    std::vector<Key> due;
    for (auto& [key, entry] : entries_) {
      if (entry.acknowledged || (entry.sent_at && now - *entry.sent_at < every_)) continue;
      entry.sent_at = now;
      due.push_back(key);
    }
    return due;
  }

 private:
  struct Entry {
    std::optional<Instant> sent_at;
    bool acknowledged = false;
  };
  const Duration every_;
  std::map<Key, Entry> entries_;  // Ordered: messages leave in key order.
};

}  // namespace skybridge::scheduler
