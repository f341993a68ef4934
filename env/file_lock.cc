// SPDX-License-Identifier: Apache-2.0
#include "env/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace skybridge::env {
namespace {

constexpr auto kTryEvery = std::chrono::milliseconds(10);

std::string ErrorText(int error) { return std::generic_category().message(error); }

// The process id that the holder wrote.
std::string HolderOf(int fd) {
  std::array<char, 32> text;
  const ssize_t count = pread(fd, text.data(), text.size(), 0);
  return count <= 0 ? "?" : std::string(text.data(), static_cast<size_t>(count));
}

// For people: a lock without a name in it is one all the same.
void WriteHolder(int fd) {
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, pid.data(), pid.size(), 0);
}

}  // namespace

Result<FileLock> FileLock::Take(const std::string& path, Duration patience) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) {
    return Status(StatusCode::kUnavailable, "open " + path + ": " + ErrorText(errno));
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return Status(StatusCode::kUnavailable, "lock " + path + ": " + ErrorText(errno));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return Status(StatusCode::kAlreadyExists,
                    path + " is held by process " + HolderOf(file.get()) + " or a child of it");
    }
    std::this_thread::sleep_for(kTryEvery);
  }
  WriteHolder(file.get());
  return FileLock(std::move(file));
}

}  // namespace skybridge::env
