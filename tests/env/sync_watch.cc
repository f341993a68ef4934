// SPDX-License-Identifier: Apache-2.0
#include "tests/env/sync_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <system_error>

namespace {

struct Seen {
  std::mutex mutex;
  bool watching = false;
  std::vector<std::string> paths;
};

Seen& SeenSyncs() {
  static auto* seen = new Seen;
  return *seen;
}

}  // namespace

// Takes the place of the C library's in this program.
extern "C" int fsync(int fd) {
  Seen& seen = SeenSyncs();
  {
    const std::lock_guard lock(seen.mutex);
    std::error_code ignored;
    if (seen.watching) {
      seen.paths.push_back(
          std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored).string());
    }
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace skybridge::env {

SyncWatch::SyncWatch() {
  const std::lock_guard lock(SeenSyncs().mutex);
  SeenSyncs().watching = true;
  SeenSyncs().paths.clear();
}

SyncWatch::~SyncWatch() {
  const std::lock_guard lock(SeenSyncs().mutex);
  SeenSyncs().watching = false;
}

std::vector<std::string> SyncWatch::synced() const {
  const std::lock_guard lock(SeenSyncs().mutex);
  return SeenSyncs().paths;
}

}  // namespace skybridge::env
