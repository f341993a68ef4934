// SPDX-License-Identifier: Apache-2.0
// Stands between a program and the C library and lets the n-th call fail that changes a file below
// a folder. See fault_shim.h.
#include "tests/cluster/fault_shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace skybridge::cluster {
namespace {

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Null: nobody asked for faults.
FaultState* State() {
  static FaultState* const state = []() -> FaultState* {
    const char* const path = getenv("SKYBRIDGE_FAULT_STATE");  // NOLINT(concurrency-mt-unsafe)
    if (path == nullptr) return nullptr;
    const int fd = Next<int(const char*, int, ...)>("open")(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* const memory =
        mmap(nullptr, sizeof(FaultState), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return memory == MAP_FAILED ? nullptr : static_cast<FaultState*>(memory);
  }();
  return state;
}

bool Below(const char* path, const FaultState& state) {
  const size_t length = strlen(state.under);
  return strncmp(path, state.under, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

// What is to happen to this call: 0: nothing; else an errno, or kShort.
uint32_t Count(const char* call, FaultState& state) {
  const uint64_t number = state.calls.fetch_add(1) + 1;
  if (state.fail_at == 0 || number < state.fail_at || number > state.fail_at + state.repeats) {
    return 0;
  }
  if (state.failed.fetch_add(1) == 0) snprintf(state.what, sizeof state.what, "%s", call);
  return state.error;
}

uint32_t OnPath(const char* call, const char* path) {
  FaultState* const state = State();
  return state != nullptr && Below(path, *state) ? Count(call, *state) : 0;
}

uint32_t OnFile(const char* call, int fd) {
  FaultState* const state = State();
  if (state == nullptr) return 0;
  const int before = errno;
  char link[64];
  char path[1024];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length <= 0) return 0;
  path[length] = '\0';
  return Below(path, *state) ? Count(call, *state) : 0;
}

// A call without bytes has no half: it fails instead.
int Fail(uint32_t fault) {
  errno = fault == FaultState::kShort ? EIO : static_cast<int>(fault);
  return -1;
}

bool Changes(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }

int Open(const char* name, const char* path, int flags, mode_t mode) {
  if (Changes(flags)) {
    if (const uint32_t fault = OnPath(name, path)) return Fail(fault);
  }
  return Next<int(const char*, int, ...)>(name)(path, flags, mode);
}

}  // namespace
}  // namespace skybridge::cluster

using namespace skybridge::cluster;  // NOLINT(google-build-using-namespace)

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return Open("open64", path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  const auto next = Next<ssize_t(int, const void*, size_t)>("write");
  const uint32_t fault = OnFile("write", fd);
  if (fault == 0) return next(fd, bytes, count);
  if (fault == FaultState::kShort && count > 1) return next(fd, bytes, count / 2);
  return Fail(fault);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  const auto next = Next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  const uint32_t fault = OnFile("pwrite", fd);
  if (fault == 0) return next(fd, bytes, count, at);
  if (fault == FaultState::kShort && count > 1) return next(fd, bytes, count / 2, at);
  return Fail(fault);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  return pwrite64(fd, bytes, count, at);
}

// A short one writes the first piece alone.
ssize_t pwritev64(int fd, const iovec* pieces, int count, off64_t at) {
  const auto next = Next<ssize_t(int, const iovec*, int, off64_t)>("pwritev64");
  const uint32_t fault = OnFile("pwritev", fd);
  if (fault == 0) return next(fd, pieces, count, at);
  if (fault == FaultState::kShort && count > 1) return next(fd, pieces, 1, at);
  return Fail(fault);
}

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t at) {
  return pwritev64(fd, pieces, count, at);
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  const auto next = Next<ssize_t(int, const iovec*, int)>("writev");
  const uint32_t fault = OnFile("writev", fd);
  if (fault == 0) return next(fd, pieces, count);
  if (fault == FaultState::kShort && count > 1) return next(fd, pieces, 1);
  return Fail(fault);
}

int fdatasync(int fd) {
  const uint32_t fault = OnFile("fdatasync", fd);
  return fault == 0 ? Next<int(int)>("fdatasync")(fd) : Fail(fault);
}

int fsync(int fd) {
  const uint32_t fault = OnFile("fsync", fd);
  return fault == 0 ? Next<int(int)>("fsync")(fd) : Fail(fault);
}

int ftruncate64(int fd, off64_t size) noexcept {
  const uint32_t fault = OnFile("ftruncate", fd);
  return fault == 0 ? Next<int(int, off64_t)>("ftruncate64")(fd, size) : Fail(fault);
}

int ftruncate(int fd, off_t size) noexcept { return ftruncate64(fd, size); }

int posix_fallocate(int fd, off_t at, off_t size) {
  const uint32_t fault = OnFile("posix_fallocate", fd);
  if (fault != 0) {
    (void)Fail(fault);
    return errno;
  }
  return Next<int(int, off_t, off_t)>("posix_fallocate")(fd, at, size);
}

int rename(const char* from, const char* to) noexcept {
  const uint32_t fault = OnPath("rename", to);
  return fault == 0 ? Next<int(const char*, const char*)>("rename")(from, to) : Fail(fault);
}

int link(const char* from, const char* to) noexcept {
  const uint32_t fault = OnPath("link", to);
  return fault == 0 ? Next<int(const char*, const char*)>("link")(from, to) : Fail(fault);
}

int unlink(const char* path) noexcept {
  const uint32_t fault = OnPath("unlink", path);
  return fault == 0 ? Next<int(const char*)>("unlink")(path) : Fail(fault);
}

int mkdir(const char* path, mode_t mode) noexcept {
  const uint32_t fault = OnPath("mkdir", path);
  return fault == 0 ? Next<int(const char*, mode_t)>("mkdir")(path, mode) : Fail(fault);
}

}  // extern "C"
