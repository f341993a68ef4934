// SPDX-License-Identifier: Apache-2.0
#include "env/folder_object_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "common/hash.h"
#include "env/files.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

constexpr char kTemporary[] = "tmp";
constexpr double kLeftoverSeconds = 24 * 3600;

// As of ObjectStore: what someone may mend there is "unavailable" here, and tried again.
Status Failed(const std::string& attempt, int error) {
  const std::string text = attempt + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT: return Status(StatusCode::kNotFound, text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Status(StatusCode::kResourceExhausted, text + "; free space on that disk");
    default: return Status(StatusCode::kUnavailable, text);
  }
}

Status Translated(const Status& status) {
  if (status.code() != StatusCode::kFailedPrecondition) return status;
  return Status(StatusCode::kUnavailable, status.message());
}

bool IsKey(std::string_view key) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  if (key.empty() || key.size() > 1000 || !std::ranges::all_of(key, fits)) return false;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view part = key.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return !key.starts_with(std::string(kTemporary) + "/");
}

std::string FolderOf(const std::string& path) { return fs::path(path).parent_path().string(); }

// Seconds since a file was written to, by this machine's clock.
Result<double> AgeOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Failed("look at " + path, errno);
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec - info.st_mtim.tv_sec) +
         static_cast<double>(now.tv_nsec - info.st_mtim.tv_nsec) * 1e-9;
}

// Gives the file its name unless something has it. Not every file system knows links.
int LinkOrMove(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return 0;
  const int error = errno;
  if (error != EPERM && error != EOPNOTSUPP && error != ENOSYS) return error;
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
}

}  // namespace

// A file in tmp/ while it is written.
class FolderObjectStore::Writer : public ObjectWriter {
 public:
  Writer(FolderObjectStore& store, std::string path) : store_(store), path_(std::move(path)) {}
  ~Writer() override {
    if (fd_ >= 0) close(fd_);
    if (made_) unlink(path_.c_str());
  }

  // Returns an errno, or 0.
  int Open() {
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    made_ = fd_ >= 0;
    return made_ ? 0 : errno;
  }

  Status Append(std::string_view bytes) override {
    info_.crc32c = Crc32c(bytes, info_.crc32c);
    info_.bytes += bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Failed("write " + path_, written < 0 ? errno : EIO);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return Status();
  }

  Result<ObjectInfo> Finish(std::string_view stem, std::string_view suffix) override {
    info_.key = fmt::format("{}-{}-{:08x}{}", stem, info_.bytes, info_.crc32c, suffix);
    SKY_ASSIGN_OR_RETURN(const std::string path, store_.PathOf(info_.key));
    SKY_RETURN_IF_ERROR(Close(path));
    // One of this name has these bytes; the new one takes its place, and is young.
    if (rename(path_.c_str(), path.c_str()) != 0) return Failed("make " + path, errno);
    SKY_RETURN_IF_ERROR(Translated(SyncFolder(FolderOf(path))));
    return info_;
  }

  // Makes the bytes durable and the folder that `path` goes to.
  Status Close(const std::string& path) {
    // Age counts from the end, by the clock of whoever keeps the folder.
    if (futimens(fd_, nullptr) != 0 || fdatasync(fd_) != 0) return Failed("sync " + path_, errno);
    if (close(std::exchange(fd_, -1)) != 0) return Failed("close " + path_, errno);
    return Translated(MakeFolders(FolderOf(path)));
  }

  const std::string& path() const { return path_; }

 private:
  FolderObjectStore& store_;
  const std::string path_;
  int fd_ = -1;
  bool made_ = false;  // Else the name is another's.
  ObjectInfo info_;
};

// ---------------------------------------------------------------- opening

Result<std::unique_ptr<FolderObjectStore>> FolderObjectStore::Open(std::string folder) {
  const std::string temporary = folder + "/" + kTemporary;
  SKY_RETURN_IF_ERROR(MakeFolders(folder).WithContext("open the object store " + folder));
  std::error_code error;
  for (fs::directory_iterator it(temporary, error), end; !error && it != end; it.increment(error)) {
    const auto age = AgeOf(it->path().string());
    std::error_code ignored;  // Another may be deleting it; it only takes room.
    if (age && *age > kLeftoverSeconds) fs::remove(it->path(), ignored);
  }
  return std::unique_ptr<FolderObjectStore>(new FolderObjectStore(std::move(folder)));
}

Result<std::string> FolderObjectStore::PathOf(const std::string& key) const {
  if (IsKey(key)) return folder_ + "/" + key;
  return Status(StatusCode::kInvalidArgument, "'" + key + "' cannot name an object in " + folder_);
}

// ---------------------------------------------------------------- writing

Result<std::unique_ptr<ObjectWriter>> FolderObjectStore::Create() {
  SKY_RETURN_IF_ERROR(Translated(MakeFolders(folder_ + "/" + kTemporary)));
  char host[256] = {};
  (void)gethostname(host, sizeof(host) - 1);  // Empty if it fails: still unlikely to be taken.
  // Names of writers on other machines, and of a process before this one, may be there.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    auto writer = std::make_unique<Writer>(
        *this, fmt::format("{}/{}/{}-{}-{}", folder_, kTemporary, host, getpid(), ++writers_));
    const int error = writer->Open();
    if (error == 0) return std::unique_ptr<ObjectWriter>(std::move(writer));
    if (error != EEXIST) return Failed("create " + writer->path(), error);
  }
  return Status(StatusCode::kUnavailable, "create a file in " + folder_ + "/" + kTemporary);
}

Status FolderObjectStore::Put(const std::string& key, std::string_view bytes) {
  SKY_ASSIGN_OR_RETURN(const std::string path, PathOf(key));
  SKY_ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> created, Create());
  auto& writer = static_cast<Writer&>(*created);
  SKY_RETURN_IF_ERROR(writer.Append(bytes));
  SKY_RETURN_IF_ERROR(writer.Close(path));
  const int error = LinkOrMove(writer.path(), path);
  if (error == EEXIST) return Status(StatusCode::kAlreadyExists, "make " + path + ": it exists");
  if (error != 0) return Failed("make " + path, error);
  return Translated(SyncFolder(FolderOf(path)));
}

Status FolderObjectStore::Delete(const std::string& key) {
  SKY_ASSIGN_OR_RETURN(const std::string path, PathOf(key));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("delete " + path, errno);
  return Status();
}

// ---------------------------------------------------------------- reading

Result<std::string> FolderObjectStore::Get(const std::string& key, uint64_t bytes_max) {
  SKY_ASSIGN_OR_RETURN(const std::string path, PathOf(key));
  std::string bytes;
  SKY_RETURN_IF_ERROR(Translated(ReadPieces(path, [&](std::string_view piece) {
    bytes += piece;
    if (bytes.size() <= bytes_max) return Status();
    return Status(StatusCode::kDataLoss,
                  fmt::format("read {}: it has more than {} bytes", path, bytes_max));
  })));
  return bytes;
}

Status FolderObjectStore::Read(const ObjectInfo& info,
                               const std::function<Status(std::string_view)>& sink) {
  SKY_ASSIGN_OR_RETURN(const std::string path, PathOf(info.key));
  uint64_t bytes = 0;
  uint32_t crc = 0;
  // What the sink says must come back as it is.
  Status sunk;
  const Status read = ReadPieces(path, [&](std::string_view piece) {
    bytes += piece.size();
    crc = Crc32c(piece, crc);
    return sunk = sink(piece);
  });
  SKY_RETURN_IF_ERROR(sunk);
  SKY_RETURN_IF_ERROR(Translated(read));
  if (bytes == info.bytes && crc == info.crc32c) return Status();
  return Status(StatusCode::kDataLoss,
                fmt::format("read {}: {} bytes with checksum {:08x} instead of {} with {:08x}",
                            path, bytes, crc, info.bytes, info.crc32c));
}

Result<uint64_t> FolderObjectStore::Bytes(const std::string& key) {
  SKY_ASSIGN_OR_RETURN(const std::string path, PathOf(key));
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Failed("look at " + path, errno);
  return static_cast<uint64_t>(info.st_size);
}

Result<double> FolderObjectStore::Age(const std::string& key) {
  SKY_ASSIGN_OR_RETURN(const std::string path, PathOf(key));
  return AgeOf(path);
}

Result<std::vector<std::string>> FolderObjectStore::List(const std::string& prefix) {
  std::vector<std::string> keys;
  std::error_code error;
  // From the folder that all such keys lie in.
  const size_t slash = prefix.rfind('/');
  const std::string top =
      slash == std::string::npos ? folder_ : folder_ + "/" + prefix.substr(0, slash);
  const std::string temporary = folder_ + "/" + kTemporary;
  fs::recursive_directory_iterator it(top, error);
  for (; !error && it != fs::end(it); it.increment(error)) {
    if (it->path() == temporary) it.disable_recursion_pending();
    std::error_code gone;  // By someone who prunes.
    if (!it->is_regular_file(gone)) continue;
    std::string key = it->path().string().substr(folder_.size() + 1);
    if (key.starts_with(prefix)) keys.push_back(std::move(key));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Failed("list " + top, error.value());
  }
  std::ranges::sort(keys);
  return keys;
}

}  // namespace skybridge::env
