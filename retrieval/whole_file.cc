// SPDX-License-Identifier: Apache-2.0
#include "retrieval/whole_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace skybridge::retrieval {
namespace {

Status SystemError(const std::string& what, const std::string& path, int error) {
  const std::string message =
      what + " " + path + ": " + std::error_code(error, std::generic_category()).message();
  switch (error) {
    case ENOENT: return Status(StatusCode::kNotFound, message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Status(StatusCode::kResourceExhausted, message + "; free some space and try again");
    case EACCES:
    case EROFS: return Status(StatusCode::kFailedPrecondition, message);
    default: return Status(StatusCode::kUnavailable, message);
  }
}

std::string FolderOf(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

Status SyncFolderOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError("sync folder", folder, errno);
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  return failed == 0 ? Status() : SystemError("sync folder", folder, failed);
}

}  // namespace

Result<WholeFile> WholeFile::Create(const std::string& path, const std::string& writer) {
  std::error_code error;
  std::filesystem::create_directories(FolderOf(path), error);
  if (error) return SystemError("make the folder of", path, error.value());
  std::string temporary = path + ".tmp" + writer;
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("write", temporary, errno);
  return WholeFile(path, std::move(temporary), fd);
}

WholeFile::WholeFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      fd_(fd),
      hash_(XXH64_createState()) {
  XXH64_reset(static_cast<XXH64_state_t*>(hash_), 0);
}

WholeFile::WholeFile(WholeFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      hash_(std::exchange(other.hash_, nullptr)) {}

WholeFile::~WholeFile() {
  if (hash_ != nullptr) XXH64_freeState(static_cast<XXH64_state_t*>(hash_));
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

Status WholeFile::Failed(const char* what) const { return SystemError(what, path_, errno); }

Status WholeFile::Append(std::string_view bytes) {
  XXH64_update(static_cast<XXH64_state_t*>(hash_), bytes.data(), bytes.size());
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return Status();
}

Result<FileSummary> WholeFile::Commit() {
  if (fdatasync(fd_) != 0) return Failed("sync");
  const int fd = std::exchange(fd_, -1);
  if (close(fd) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) {
    const Status failed = Failed("finish");
    unlink(temporary_.c_str());
    return failed;
  }
  SKY_RETURN_IF_ERROR(SyncFolderOf(path_));
  return FileSummary{bytes_, XXH64_digest(static_cast<XXH64_state_t*>(hash_))};
}

Result<FileSummary> SummariseFile(const std::string& path) {
  SKY_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  return FileSummary{file.bytes().size(), XXH64(file.bytes().data(), file.bytes().size(), 0)};
}

Status CheckFile(const std::string& path, const FileSummary& expected) {
  SKY_ASSIGN_OR_RETURN(const FileSummary found, SummariseFile(path));
  if (found.bytes != expected.bytes) {
    return Status(StatusCode::kDataLoss,
                  "read " + path + ": it has " + std::to_string(found.bytes) + " bytes, " +
                      std::to_string(expected.bytes) + " were written; export again");
  }
  if (found.xxh64 != expected.xxh64) {
    return Status(StatusCode::kDataLoss,
                  "read " + path + ": its checksum differs from the manifest's; export again");
  }
  return Status();
}

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError("read", path, errno);
  struct stat info = {};
  int failed = fstat(fd, &info) != 0 ? errno : 0;
  if (failed == 0 && !S_ISREG(info.st_mode)) failed = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
  if (failed != 0) {
    close(fd);
    return SystemError("read", path, failed);
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) {
    close(fd);
    return MappedFile("", 0);
  }
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  close(fd);
  if (data == MAP_FAILED) return SystemError("map", path, error);
  return MappedFile(static_cast<const char*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<char*>(data_), size_);
}

}  // namespace skybridge::retrieval
