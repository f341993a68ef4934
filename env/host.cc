// SPDX-License-Identifier: Apache-2.0
#include "env/host.h"

#include <unistd.h>

#include <fstream>
#include <random>

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

uint64_t UniqueNumber() {
  std::random_device random;
  const uint64_t high = random();
  return high << 32 | random();
}

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  return file >> id ? id : "unknown";
}

}  // namespace skybridge::env
