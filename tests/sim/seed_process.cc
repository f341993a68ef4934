// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/seed_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <glog/logging.h>

namespace skybridge::sim {
namespace {

constexpr std::chrono::seconds kHangAfter(60);    // Of its own time: a busy machine is no hang ...
constexpr std::chrono::minutes kAsleepAfter(30);  // ... but one that does nothing is.

void WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written <= 0) _exit(1);  // Nobody listens.
    done += static_cast<size_t>(written);
  }
}

std::chrono::nanoseconds CpuTimeOf(pid_t pid) {
  clockid_t clock;
  timespec spent{};
  if (clock_getcpuclockid(pid, &clock) == 0) clock_gettime(clock, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

std::string OneLine(std::string text) {
  for (char& c : text) c = c == '\n' || c == '\t' ? ' ' : c;
  return text;
}

std::string ToLine(uint64_t seed, const SeedOutcome& outcome) {
  std::ostringstream line;
  const RunStats& stats = outcome.stats;
  line << "done\t" << seed << "\t" << outcome.trace_hash << "\t" << stats.events << "\t"
       << stats.seconds << "\t" << stats.crashes << "\t" << stats.dropped << "\t" << stats.replayed
       << "\t" << stats.cuts << "\t" << stats.spilled << "\t" << stats.log_full << "\t"
       << stats.checkpoints << "\t" << stats.restores << "\t" << stats.moves << "\t";
  if (outcome.violation) {
    line << OneLine(outcome.violation->invariant) << "\t" << OneLine(outcome.violation->what);
  }
  line << "\n";
  return line.str();
}

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, '\t');) parts.push_back(part);
  return parts;
}

SeedReport FromLine(const std::vector<std::string>& parts) {
  CHECK_GE(parts.size(), 14u);
  SeedReport report{.seed = std::stoull(parts[1])};
  report.outcome.trace_hash = std::stoull(parts[2]);
  report.outcome.stats = {.events = std::stoull(parts[3]),
                          .seconds = std::stod(parts[4]),
                          .crashes = std::stoull(parts[5]),
                          .dropped = std::stoull(parts[6]),
                          .replayed = std::stoull(parts[7]),
                          .cuts = std::stoull(parts[8]),
                          .spilled = std::stoull(parts[9]),
                          .log_full = std::stoull(parts[10]),
                          .checkpoints = std::stoull(parts[11]),
                          .restores = std::stoull(parts[12]),
                          .moves = std::stoull(parts[13])};
  if (parts.size() > 15) report.outcome.violation = Violation{parts[14], parts[15]};
  return report;
}

[[noreturn]] void RunAll(const std::vector<Swarm>& swarms, const std::string& folder, int fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  SeedRunner runner = RunnerWithin(folder);
  const int words = open("stderr", O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0644);
  if (words >= 0) dup2(words, STDERR_FILENO);
  for (const Swarm& swarm : swarms) {
    WriteAll(fd, "begin\t" + std::to_string(swarm.seed) + "\n");
    WriteAll(fd, ToLine(swarm.seed, runner.Run(swarm)));
  }
  _exit(0);
}

// What a failed check says, or the last line if there is none.
std::string LastLineOf(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (line.find("Check failed") != line.npos)
      return line.substr(line.rfind(' ', line.find(']')) + 1);
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

SeedRunner RunnerWithin(const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  return SeedRunner("run");
}

SeedProcess::SeedProcess(std::vector<Swarm> swarms, std::string folder)
    : folder_(std::move(folder)) {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0) << std::strerror(errno);
  pid_ = fork();
  CHECK_GE(pid_, 0) << std::strerror(errno);
  if (pid_ == 0) RunAll(swarms, folder_, ends[1]);
  close(ends[1]);
  fd_ = ends[0];
}

SeedProcess::~SeedProcess() {
  if (pid_ > 0) kill(pid_, SIGKILL);
  if (fd_ >= 0) close(fd_);
  Reap();
}

int SeedProcess::Reap() {
  int status = 0;
  if (pid_ > 0) waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

void SeedProcess::TakeLine(const std::string& line, std::vector<SeedReport>& reports) {
  const std::vector<std::string> parts = Split(line);
  if (parts.front() == "begin") {
    running_ = std::stoull(parts[1]);
    since_ = Clock::now();
    cpu_before_ = CpuTimeOf(pid_);
    return;
  }
  running_.reset();
  reports.push_back(FromLine(parts));
}

SeedReport SeedProcess::LastWords(const std::string& invariant, std::string what) const {
  SeedReport report{.seed = running_.value_or(0)};
  report.outcome.violation = Violation{invariant, std::move(what)};
  return report;
}

std::vector<SeedReport> SeedProcess::Read() {
  std::vector<SeedReport> reports;
  pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
  while (fd_ >= 0 && poll(&waiting, 1, 0) > 0) {
    char buffer[4096];
    const ssize_t count = read(fd_, buffer, sizeof(buffer));
    if (count > 0) {
      unread_.append(buffer, static_cast<size_t>(count));
      continue;
    }
    close(std::exchange(fd_, -1));
  }
  for (size_t end; (end = unread_.find('\n')) != unread_.npos; unread_.erase(0, end + 1)) {
    TakeLine(unread_.substr(0, end), reports);
  }
  if (fd_ < 0) {
    const int status = Reap();
    if (status != 0) {
      const std::string how = WIFSIGNALED(status)
                                  ? "signal " + std::to_string(WTERMSIG(status))
                                  : "exit code " + std::to_string(WEXITSTATUS(status));
      reports.push_back(LastWords("crash", how + ": " + LastLineOf(folder_ + "/stderr")));
    }
  } else if (running_ &&
             (CpuTimeOf(pid_) - cpu_before_ > kHangAfter || Clock::now() - since_ > kAsleepAfter)) {
    kill(pid_, SIGKILL);
    close(std::exchange(fd_, -1));
    Reap();
    reports.push_back(LastWords("hang", "no end within 60 s of a processor"));
  }
  return reports;
}

}  // namespace skybridge::sim
