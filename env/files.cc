// SPDX-License-Identifier: Apache-2.0
#include "env/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace skybridge::env {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

Status DiskFull(const std::string& path, uint64_t bytes) {
  return Status(StatusCode::kResourceExhausted,
                "disk full: need " + std::to_string(bytes) + " bytes at " + path);
}

// The status of `error` (an errno) met while doing `what` with `path`.
Status FileError(const char* what, const std::string& path, int error) {
  const std::string message =
      std::string(what) + " " + path + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT: return Status(StatusCode::kNotFound, message);
    case ENOSPC:
    case EDQUOT: return Status(StatusCode::kResourceExhausted, message + "; make room on its disk");
    case EACCES:
    case EPERM:
    case EROFS:
      return Status(StatusCode::kFailedPrecondition, message +
                                                         "; change its permissions or use "
                                                         "another path");
    case ENOTDIR:
    case EISDIR: return Status(StatusCode::kFailedPrecondition, message + "; use another path");
    default: return Status(StatusCode::kUnavailable, message);
  }
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  // Errors of delayed writes may come only now. False, with errno.
  bool Close() { return close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Writes all of `content` to the disk of `file`. Returns an errno, or 0.
int WriteAndSync(const File& file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(file.fd(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return fdatasync(file.fd()) == 0 ? 0 : errno;
}

std::string FolderOf(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

constexpr char kTemporary[] = ".tmp-";

// A name that no other writer of the same path uses now.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> count = 0;
  return path + kTemporary + std::to_string(getpid()) + "-" + std::to_string(++count);
}

}  // namespace

Status SystemStatus(const std::error_code& error, const std::string& attempt) {
  if (!error) return Status();
  const bool full = error == std::errc::no_space_on_device;
  return Status(full ? StatusCode::kResourceExhausted : StatusCode::kUnavailable,
                attempt + ": " + error.message());
}

std::string_view NameWrittenAs(std::string_view name) {
  return name.substr(0, name.find(kTemporary));
}

Result<bool> Exists(const std::string& path) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  SKY_RETURN_IF_ERROR(SystemStatus(error, "look for " + path));
  return there;
}

Result<std::string> ReadFile(const std::string& path) {
  std::string content;
  SKY_RETURN_IF_ERROR(ReadPieces(path, [&](std::string_view piece) {
    content += piece;
    return Status();
  }));
  return content;
}

Status ReadPieces(const std::string& path, const std::function<Status(std::string_view)>& sink) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return FileError("read", path, errno);
  std::vector<char> buffer(kPieceBytes);
  while (true) {
    const ssize_t count = read(file.fd(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError("read", path, errno);
    if (count == 0) return Status();
    SKY_RETURN_IF_ERROR(sink({buffer.data(), static_cast<size_t>(count)}));
  }
}

Status WriteFileDurably(const std::string& path, std::string_view content) {
  const std::string temporary = TemporaryName(path);
  File file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.open()) return FileError("write", path, errno);
  int error = WriteAndSync(file, content);
  if (!file.Close() && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return SyncFolder(FolderOf(path));
  unlink(temporary.c_str());
  const bool full = error == ENOSPC || error == EDQUOT;
  return full ? DiskFull(path, content.size()) : FileError("write", path, error);
}

Status WriteSecretFile(const std::string& path, std::string_view content) {
  File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open() && errno == EEXIST) {
    return Status(StatusCode::kAlreadyExists, "write " + path + ": it is there");
  }
  if (!file.open()) return FileError("write", path, errno);
  int error = WriteAndSync(file, content);
  if (!file.Close() && error == 0) error = errno;
  if (error == 0) return SyncFolder(FolderOf(path));
  unlink(path.c_str());
  return FileError("write", path, error);
}

// From the top: what is below a folder was made after the folder's name was safe, so of those that
// are there only the last one's may not be: its maker died too soon.
Status MakeFolders(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    if (!std::filesystem::is_directory(path, error)) return FileError("make folder", path, ENOTDIR);
    // Whoever may not list what is above has not made this.
    const Status synced = SyncFolder(FolderOf(path));
    return synced.code() == StatusCode::kFailedPrecondition ? Status() : synced;
  }
  if (FolderOf(path) != path) SKY_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
  std::filesystem::create_directory(path, error);
  if (error) return FileError("make folder", path, error.value());
  return SyncFolder(FolderOf(path));
}

Status SyncFolder(const std::string& path) {
  const File folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || fsync(folder.fd()) != 0) return FileError("sync folder", path, errno);
  return Status();
}

Result<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs disk {};
  if (statvfs(path.c_str(), &disk) != 0) return FileError("ask the free space of", path, errno);
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

Status CheckFreeSpace(const std::string& path, uint64_t bytes) {
  SKY_ASSIGN_OR_RETURN(const uint64_t free, FreeBytes(path));
  if (free >= bytes) return Status();
  return Status(StatusCode::kResourceExhausted,
                DiskFull(path, bytes).message() + ", " + std::to_string(free) + " are free");
}

}  // namespace skybridge::env
