// SPDX-License-Identifier: Apache-2.0
#include "env/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <glog/logging.h>

namespace skybridge::env {
namespace {

constexpr auto kPollEvery = std::chrono::milliseconds(2);

std::string ErrorText(int error) { return std::generic_category().message(error); }

// What the child needs between fork and exec, where it may not allocate or take a lock.
struct ChildPlan {
  char* const* arguments;
  const char* log_path;  // Null: none.
  int input_fd;          // -1: none.
  int kept_fd;           // -1: none.
  pid_t parent;
  int error_fd;  // Takes an errno if exec fails; closes itself if it does not.
};

[[noreturn]] void Abandon(int error_fd) {
  const int error = errno;
  (void)!write(error_fd, &error, sizeof error);
  _exit(127);
}

[[noreturn]] void BecomeProgram(const ChildPlan& plan) {
  // The parent may have died before prctl: then no signal would come.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Abandon(plan.error_fd);
  if (getppid() != plan.parent) _exit(127);
  if (setpgid(0, 0) != 0) Abandon(plan.error_fd);

  // Ignored signals and the mask are inherited through exec.
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGCHLD}) sigaction(number, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  const int input = plan.input_fd >= 0 ? plan.input_fd : open("/dev/null", O_RDONLY);
  if (input < 0 || dup2(input, STDIN_FILENO) < 0) Abandon(plan.error_fd);
  if (plan.log_path != nullptr) {
    const int log = open(plan.log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) {
      Abandon(plan.error_fd);
    }
  }
  // What some library opened without close-on-exec. An old kernel cannot; then it stays open.
  (void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
  if (plan.kept_fd >= 0 && fcntl(plan.kept_fd, F_SETFD, 0) != 0) Abandon(plan.error_fd);
  execvp(plan.arguments[0], plan.arguments);
  Abandon(plan.error_fd);
}

// The errno that the child reported, or 0 once it has become the program (or died).
int ReadChildError(int fd) {
  int error = 0;
  ssize_t count = 0;
  do {
    count = read(fd, &error, sizeof error);
  } while (count < 0 && errno == EINTR);
  return count == sizeof error ? error : 0;
}

std::string SignalName(int number) {
  const char* const name = sigabbrev_np(number);
  return name == nullptr ? "signal " + std::to_string(number) : std::string("SIG") + name;
}

}  // namespace

std::string ProcessExit::ToString() const {
  if (signal != 0) return "killed by " + SignalName(signal);
  return "exit code " + std::to_string(code);
}

Result<Process> Process::Spawn(const ProcessOptions& options) {
  CHECK(!options.arguments.empty());
  const std::string& program = options.arguments[0];
  const auto failed = [&](StatusCode code, int error) {
    std::string what = "start " + program;
    if (!options.log_path.empty()) what += " with log " + options.log_path;
    return Status(code, what + ": " + ErrorText(error));
  };
  std::vector<char*> arguments;
  for (const std::string& argument : options.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // exec does not write to it.
  }
  arguments.push_back(nullptr);
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) return failed(StatusCode::kUnavailable, errno);

  const ChildPlan plan = {.arguments = arguments.data(),
                          .log_path = options.log_path.empty() ? nullptr : options.log_path.c_str(),
                          .input_fd = options.input_fd,
                          .kept_fd = options.kept_fd,
                          .parent = getpid(),
                          .error_fd = error_pipe[1]};
  const pid_t pid = fork();
  if (pid == 0) BecomeProgram(plan);
  const int fork_error = pid < 0 ? errno : 0;
  close(error_pipe[1]);
  const int error = pid < 0 ? fork_error : ReadChildError(error_pipe[0]);
  close(error_pipe[0]);
  if (pid < 0) return failed(StatusCode::kUnavailable, error);
  if (error == 0) return Process(pid);
  waitpid(pid, nullptr, 0);
  return failed(error == ENOENT ? StatusCode::kNotFound : StatusCode::kUnavailable, error);
}

Process::~Process() {
  if (pid_ == 0 || reaped_) return;
  Kill();
  while (!Wait(std::chrono::seconds(1))) {
  }
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), reaped_(other.reaped_), exit_(other.exit_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(reaped_, other.reaped_);
  std::swap(exit_, other.exit_);
  return *this;
}

std::optional<ProcessExit> Process::Poll() {
  CHECK_NE(pid_, 0) << "moved from";
  if (reaped_) return exit_;
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return std::nullopt;
  CHECK_EQ(ended, pid_) << "wait for process " << pid_ << ": " << ErrorText(errno);
  reaped_ = true;
  if (WIFSIGNALED(status)) {
    exit_ = {.signal = WTERMSIG(status)};
  } else {
    exit_ = {.code = WEXITSTATUS(status)};
  }
  return exit_;
}

std::optional<ProcessExit> Process::Wait(Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (const auto exit = Poll()) return exit;
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(kPollEvery);
  }
}

void Process::Signal(int number) {
  // Until it is reaped, its number cannot belong to anybody else.
  if (pid_ != 0 && !reaped_) (void)kill(-pid_, number);
}

void Process::Terminate() { Signal(SIGTERM); }

void Process::Kill() { Signal(SIGKILL); }

void StopProcesses(std::span<Process> processes, Duration grace) {
  for (Process& process : processes) process.Terminate();
  const auto deadline = std::chrono::steady_clock::now() + grace;
  for (Process& process : processes) {
    const Duration left = deadline - std::chrono::steady_clock::now();
    (void)process.Wait(std::max(left, Duration::zero()));  // Killed below if it goes on.
  }
  for (Process& process : processes) process.Kill();
  for (Process& process : processes) {
    while (!process.Wait(std::chrono::seconds(1))) {
    }
  }
}

}  // namespace skybridge::env
