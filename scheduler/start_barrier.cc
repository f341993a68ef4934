// SPDX-License-Identifier: Apache-2.0
#include "scheduler/start_barrier.h"

#include <algorithm>

#include <fmt/format.h>

namespace skybridge::scheduler {
namespace {

constexpr uint32_t kNamedMax = 4;  // Of each role, in one line.

bool IsLive(const Member* member) { return member != nullptr && member->live(); }

}  // namespace

StartBarrier::StartBarrier(StartBarrierOptions options) : options_(options) {}

Result<std::optional<std::string>> StartBarrier::Tick(const Membership& membership, Instant now) {
  if (open_) return std::optional<std::string>();
  if (!began_at_) {
    began_at_ = now;
    line_at_ = now + options_.line_every;
  }
  const uint32_t missing = CountMissing(membership);
  if (missing == 0) {
    open_ = true;
    return std::optional<std::string>();
  }
  const Duration waited = now - *began_at_;
  const std::string list = fmt::format("{} of {}: {}", missing, options_.shards + options_.trainers,
                                       Missing(membership));
  if (waited > options_.timeout) {
    return Status(StatusCode::kDeadlineExceeded,
                  fmt::format("start: waited {:.0f} s in vain for {}", ToSeconds(waited), list));
  }
  if (now < line_at_) return std::optional<std::string>();
  line_at_ = now + options_.line_every;
  return std::optional(fmt::format("waiting {:.0f} s for {}", ToSeconds(waited), list));
}

void StartBarrier::Shift(Duration gap) {
  if (began_at_) began_at_ = *began_at_ + gap;
}

uint32_t StartBarrier::CountMissing(const Membership& membership) const {
  const size_t live = membership.Live(Role::kShard).size() + membership.Live(Role::kTrainer).size();
  return options_.shards + options_.trainers - static_cast<uint32_t>(live);
}

std::string StartBarrier::Missing(const Membership& membership) const {
  std::string list;
  uint32_t more = 0;
  const auto look = [&](Role role, uint32_t places) {
    uint32_t named = 0;
    for (uint32_t index = 0; index < places; ++index) {
      if (IsLive(membership.Holder({role, index}))) continue;
      if (++named > kNamedMax) {
        ++more;
        continue;
      }
      if (!list.empty()) list += ", ";
      list += Describe({role, index}, membership);
    }
  };
  look(Role::kShard, options_.shards);
  look(Role::kTrainer, options_.trainers);
  return more == 0 ? list : fmt::format("{}, and {} more", list, more);
}

std::string StartBarrier::Describe(NodeKey key, const Membership& membership) const {
  const bool shard = key.role == Role::kShard;
  const uint32_t places = shard ? options_.shards : options_.trainers;
  const uint32_t processes = std::max(1u, shard ? options_.servers : options_.workers);
  const uint32_t process = key.index / std::max(1u, places / processes);
  const Member* last = membership.Holder(key);
  std::string why = "never heard";
  if (last != nullptr) why = "host " + last->self.host + ", " + last->reason;
  if (const std::string refusal = membership.Refusal(key); !refusal.empty()) {
    why = "refused: " + refusal;
  }
  const std::string place = places == processes ? "" : NodeName(key) + ", ";
  return fmt::format("{} {} ({}{})", shard ? "server" : "worker", process, place, why);
}

}  // namespace skybridge::scheduler
