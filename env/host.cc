// SPDX-License-Identifier: Apache-2.0
#include "env/host.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace skybridge::env {

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

uint32_t ProcessId() { return static_cast<uint32_t>(getpid()); }

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  uint64_t resident_pages = 0;
  if (!(statm >> pages >> resident_pages)) return 0;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t FileLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

Status RaiseFileLimit(uint64_t needed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    if (limit.rlim_cur >= needed) return Status();
    if (limit.rlim_max >= needed) {
      limit.rlim_cur = needed;
      if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return Status();
    }
  }
  return Status(StatusCode::kResourceExhausted,
                "this process needs " + std::to_string(needed) + " open files and may have " +
                    std::to_string(limit.rlim_max) +
                    ": raise the limit (ulimit -Hn, or LimitNOFILE= of its service)");
}

}  // namespace skybridge::env
