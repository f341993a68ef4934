// SPDX-License-Identifier: Apache-2.0
#include "launch/chaos_storm.h"

#include <signal.h>

#include <algorithm>
#include <iterator>

#include "env/child_processes.h"

namespace skybridge::launch {
namespace {

// Empty: not a process of the job, such as one that is not its program yet.
std::string RoleOf(const env::ChildProcess& child) {
  if (child.arguments.size() < 2) return "";
  const std::string& command = child.arguments[1];
  if (command == "run_scheduler") return "scheduler";
  if (command == "ps") return "server";
  return command == "worker" ? command : "";
}

}  // namespace

ChaosStorm::ChaosStorm(pid_t run, const ChaosOptions& options, Instant now)
    : run_(run), plan_(options) {
  Plan(now);
}

void ChaosStorm::Plan(Instant now) {
  next_.reset();
  if (plan_.over()) return;
  next_ = plan_.Next();
  due_at_ = now + next_->pause;
}

std::vector<ChaosStorm::Process> ChaosStorm::Alive() const {
  std::vector<Process> alive;
  for (const env::ChildProcess& child : env::ChildrenOf(run_)) {
    if (std::string role = RoleOf(child); !role.empty()) alive.push_back({child.pid, role});
  }
  return alive;
}

void ChaosStorm::Act(Instant now) {
  Thaw(now);
  if (!next_ || now < due_at_) return;
  std::vector<Process> alive = Alive();
  if (next_->kind == Fault::Kind::kFreeze) {
    std::erase_if(alive, [this](const Process& process) { return frozen_.contains(process.pid); });
  }
  for (uint64_t hits = 0; hits < next_->victims && !alive.empty(); ++hits) {
    const auto victim = alive.begin() + static_cast<ptrdiff_t>(plan_.Victim(alive.size()));
    Hit(*victim, now);
    alive.erase(victim);
  }
  Plan(now);
}

void ChaosStorm::Hit(const Process& victim, Instant now) {
  const bool kills = next_->kind == Fault::Kind::kKill;
  if (kill(victim.pid, kills ? SIGKILL : SIGSTOP) != 0) return;  // It has just ended.
  plan_.Count(next_->kind);
  ++(kills ? killed_ : counted_frozen_)[victim.role];
  if (!kills) frozen_[victim.pid] = now + next_->length;
}

void ChaosStorm::Thaw(Instant now) {
  const bool due = std::ranges::any_of(frozen_, [now](const auto& it) { return now >= it.second; });
  if (!due) return;
  // One that was killed meanwhile may have left its number to a stranger.
  const std::vector<Process> alive = Alive();
  std::erase_if(frozen_, [&](const auto& it) {
    if (now < it.second) return false;
    if (std::ranges::count(alive, it.first, &Process::pid) > 0) kill(it.first, SIGCONT);
    return true;
  });
}

}  // namespace skybridge::launch
