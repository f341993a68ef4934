// SPDX-License-Identifier: Apache-2.0
#include "env/posix_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "env/files.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

Status Failed(const std::string& attempt, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Status(full ? StatusCode::kResourceExhausted : StatusCode::kUnavailable,
                attempt + ": " + std::generic_category().message(error) +
                    (full ? "; free space on that disk" : ""));
}

class PosixFile : public DiskFile {
 public:
  PosixFile(std::string path, int fd, uint64_t bytes)
      : path_(std::move(path)), fd_(fd), bytes_(bytes) {}
  ~PosixFile() override { close(fd_); }

  Status WriteAt(uint64_t offset, std::span<const std::string_view> pieces) override {
    std::vector<iovec> parts;
    uint64_t left = 0;
    for (const std::string_view piece : pieces) {
      if (piece.empty()) continue;
      parts.push_back({const_cast<char*>(piece.data()), piece.size()});
      left += piece.size();
    }
    const std::string attempt = "write " + std::to_string(left) + " bytes to " + path_;
    size_t begin = 0;
    while (left > 0) {
      const size_t count = std::min<size_t>(parts.size() - begin, kPartsMax);
      const ssize_t written =
          pwritev(fd_, parts.data() + begin, static_cast<int>(count), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Failed(attempt, written < 0 ? errno : EIO);
      offset += static_cast<uint64_t>(written);
      left -= static_cast<uint64_t>(written);
      // A short write goes on where it ended.
      for (auto done = static_cast<size_t>(written); done > 0;) {
        iovec& part = parts[begin];
        const size_t step = std::min(done, part.iov_len);
        part.iov_base = static_cast<char*>(part.iov_base) + step;
        part.iov_len -= step;
        done -= step;
        if (part.iov_len == 0) ++begin;
      }
    }
    return Status();
  }

  Status ReadAt(uint64_t offset, std::span<char> out) override {
    const std::string attempt = "read " + std::to_string(out.size()) + " bytes at " +
                                std::to_string(offset) + " of " + path_;
    while (!out.empty()) {
      const ssize_t got = pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed(attempt, errno);
      if (got == 0) return Status(StatusCode::kDataLoss, attempt + ": the file ends before");
      out = out.subspan(static_cast<size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
    return Status();
  }

  Status Sync() override {
    const std::lock_guard lock(sync_mutex_);
    if (sync_failure_.ok() && fdatasync(fd_) != 0) {
      sync_failure_ = Status(StatusCode::kUnavailable, Failed("sync " + path_, errno).message());
    }
    return sync_failure_;
  }
  uint64_t bytes() const override { return bytes_; }

 private:
  static constexpr size_t kPartsMax = 1024;  // IOV_MAX.
  const std::string path_;
  const int fd_;
  const uint64_t bytes_;
  std::mutex sync_mutex_;
  Status sync_failure_;  // Guarded by sync_mutex_.
};

// A signal may interrupt it: a large reservation takes its time.
int Reserve(int fd, uint64_t bytes) {
  int error = EINTR;
  while (error == EINTR) error = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  return error;
}

}  // namespace

Result<std::vector<std::string>> PosixDisk::List(const std::string& folder) {
  SKY_RETURN_IF_ERROR(MakeFolders(folder));
  SKY_RETURN_IF_ERROR(SyncFolder(folder));
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return Failed("list " + folder, error.value());
  std::ranges::sort(names);
  return names;
}

Result<std::unique_ptr<DiskFile>> PosixDisk::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return Failed("open " + path, errno);
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    const Status failed = Failed("look at " + path, errno);
    close(fd);
    return failed;
  }
  return std::unique_ptr<DiskFile>(
      std::make_unique<PosixFile>(path, fd, static_cast<uint64_t>(info.st_size)));
}

Result<std::unique_ptr<DiskFile>> PosixDisk::Create(const std::string& path, uint64_t bytes) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return Failed("create " + path, errno);
  auto file = std::make_unique<PosixFile>(path, fd, bytes);
  const std::string folder = fs::path(path).parent_path().string();
  const auto fill = [&]() -> Status {
    // One that does not fit takes all that is free before it is given up.
    SKY_RETURN_IF_ERROR(CheckFreeSpace(folder, bytes));
    if (const int error = Reserve(fd, bytes); error != 0) {
      return Failed("reserve " + std::to_string(bytes) + " bytes for " + path, error);
    }
    if (fsync(fd) != 0) return Failed("sync " + path, errno);
    return SyncFolder(folder);
  };
  if (Status filled = fill(); !filled.ok()) {
    unlink(path.c_str());
    return filled;
  }
  return std::unique_ptr<DiskFile>(std::move(file));
}

Status PosixDisk::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("delete " + path, errno);
  return SyncFolder(fs::path(path).parent_path().string());
}

}  // namespace skybridge::env
