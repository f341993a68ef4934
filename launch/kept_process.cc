// SPDX-License-Identifier: Apache-2.0
#include "launch/kept_process.h"

#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "launch/exit_code.h"
#include "launch/run_folder.h"

namespace skybridge::launch {
namespace {

// What it means for the job, if the job needs the process.
StatusCode CodeOf(const env::ProcessExit& exit) {
  if (exit.signal != 0 || exit.code == kInterrupted) return StatusCode::kUnavailable;
  return StatusOfExit(exit.code, "").code();
}

// Who kills from outside leaves no last words.
bool HasLastWords(const env::ProcessExit& exit) {
  return exit.signal != SIGKILL && exit.signal != SIGTERM;
}

}  // namespace

Status KeptProcess::Start(Instant now, uint64_t progress) {
  start_at_.reset();
  started_at_ = now;
  killed_why_.clear();
  policy_.Started(now, progress);
  SKY_ASSIGN_OR_RETURN(process_, options_.spawn());
  return {};
}

std::optional<KeptProcess::Exit> KeptProcess::Look(Instant now, uint64_t progress) {
  if (start_at_ && now >= *start_at_) {
    if (const Status started = Start(now, progress); !started.ok()) {
      return Again(started, fmt::format("{}: {}", name(), started.message()), now, progress);
    }
  }
  if (!process_) return std::nullopt;
  const std::optional<env::ProcessExit> end = process_->Poll();
  if (!end) return std::nullopt;
  const auto pid = static_cast<uint32_t>(process_->pid());
  process_.reset();
  Exit exit = OnExit(*end, now, progress);
  exit.pid = pid;
  return exit;
}

void KeptProcess::Kill(const std::string& why) {
  if (!process_ || !killed_why_.empty()) return;
  killed_why_ = why;
  process_->Kill();
}

KeptProcess::Exit KeptProcess::OnExit(const env::ProcessExit& exit, Instant now,
                                      uint64_t progress) {
  if (exit.ok()) return {.final = true};  // It has taken its leave.
  std::string line = fmt::format("{}: {}", name(), exit.ToString());
  if (exit.signal == SIGKILL && !killed_why_.empty()) {
    line = fmt::format("{}: {}: killed", name(), killed_why_);
  } else if (HasLastWords(exit)) {
    line += fmt::format("; {} ends with: {}", options_.log, LastLine(options_.log));
  }
  const Status how(CodeOf(exit), line);
  if (exit.signal == 0 && !WorthRestarting(exit.code))
    return {.how = how, .final = true, .line = line};
  return Again(how, std::move(line), now, progress);
}

KeptProcess::Exit KeptProcess::Again(Status how, std::string line, Instant now, uint64_t progress) {
  const std::optional<Duration> delay = policy_.Ended(now, progress);
  if (retired_) return {.how = std::move(how), .final = true, .line = std::move(line)};
  if (!delay) {
    line +=
        fmt::format("; given up after {} starts in a row that came to nothing", policy_.futile());
    return {.how = Status(how.code(), line), .final = true, .line = line};
  }
  // A long cause is told once, and again when the place is given up.
  if (line == std::exchange(last_line_, line))
    line = fmt::format("{}: ended in the same way", name());
  start_at_ = now + *delay;
  const double seconds = ToSeconds(*delay);
  line +=
      fmt::format("; starting it again{} (restart {})",
                  seconds > 0 ? fmt::format(" in {:g} s", seconds) : "", policy_.restarts() + 1);
  return {.how = std::move(how), .line = std::move(line)};
}

}  // namespace skybridge::launch
