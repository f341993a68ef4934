// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sim_disk.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

namespace skybridge::support {

class SimDisk::File : public env::DiskFile {
 public:
  File(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  Status WriteAt(uint64_t offset, std::span<const std::string_view> pieces) override {
    std::string bytes;
    for (const std::string_view piece : pieces) bytes += piece;
    Content& content = disk_.files.at(path_);
    CHECK_LE(offset + bytes.size(), content.now.size()) << path_;
    const Status status = disk_.Call();
    if (!status.ok()) {
      const bool this_one = disk_.calls == disk_.fault->calls + 1;
      const size_t most = bytes.size() - (disk_.fault->for_good ? 0 : 1);  // A refusal is true.
      bytes.resize(std::min<size_t>(most, this_one ? disk_.fault->torn_bytes : 0));
    }
    if (bytes.empty()) return status;
    std::ranges::copy(bytes, content.now.begin() + static_cast<ptrdiff_t>(offset));
    content.unsynced.push_back({offset, std::move(bytes)});
    return status;
  }

  Status ReadAt(uint64_t offset, std::span<char> out) override {
    SKY_RETURN_IF_ERROR(disk_.Call());
    const std::string& content = disk_.files.at(path_).now;
    if (offset + out.size() > content.size()) return Status(StatusCode::kDataLoss, path_);
    std::copy_n(content.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return Status();
  }

  Status Sync() override {
    if (!failure_.ok()) return failure_;
    failure_ = disk_.Call();
    if (failure_.code() == StatusCode::kResourceExhausted) {
      failure_ = Status(StatusCode::kUnavailable, failure_.message());
    }
    const bool done =
        failure_.ok() || (disk_.calls == disk_.fault->calls + 1 && disk_.fault->carried_out);
    const auto file = disk_.files.find(path_);  // A removed one may still be synced.
    if (done && file != disk_.files.end()) {
      file->second.synced = file->second.now;
      file->second.unsynced.clear();
    }
    return failure_;
  }
  uint64_t bytes() const override { return disk_.files.at(path_).now.size(); }

 private:
  SimDisk& disk_;
  const std::string path_;
  Status failure_;
};

Status SimDisk::Call() {
  ++calls;
  if (!fault || calls <= fault->calls) return Status();
  return calls == fault->calls + 1 || fault->for_good ? fault->failure : Status();
}

void SimDisk::SyncNames() {
  for (auto& [path, content] : files) content.name_synced = true;
  removed_.clear();
}

Result<std::vector<std::string>> SimDisk::List(const std::string& folder) {
  SKY_RETURN_IF_ERROR(Call());
  SyncNames();
  std::vector<std::string> names;
  for (const auto& [path, content] : files) {
    if (path.starts_with(folder + "/")) names.push_back(path.substr(folder.size() + 1));
  }
  return names;
}

Result<std::unique_ptr<env::DiskFile>> SimDisk::Open(const std::string& path) {
  SKY_RETURN_IF_ERROR(Call());
  CHECK(files.contains(path)) << path;
  return std::unique_ptr<env::DiskFile>(std::make_unique<File>(*this, path));
}

Result<std::unique_ptr<env::DiskFile>> SimDisk::Create(const std::string& path, uint64_t bytes) {
  CHECK(!files.contains(path)) << path;
  SKY_RETURN_IF_ERROR(Call());
  files[path] = {};
  const auto failed = [&](Status status) {
    if (!fault->for_good) files.erase(path);  // Who lives on tidies up.
    return status;
  };
  Status reserved = Call();
  const uint64_t there = reserved.ok() ? bytes : std::min(bytes, fault->torn_bytes);
  files[path].now.resize(there);
  files[path].synced.resize(there);
  if (!reserved.ok()) return failed(std::move(reserved));
  if (Status synced = Call(); !synced.ok()) return failed(std::move(synced));
  SyncNames();
  return std::unique_ptr<env::DiskFile>(std::make_unique<File>(*this, path));
}

Status SimDisk::Remove(const std::string& path) {
  SKY_RETURN_IF_ERROR(Call());
  if (const auto it = files.find(path); it != files.end()) {
    if (it->second.name_synced) removed_[path] = std::move(it->second);
    files.erase(it);
  }
  SKY_RETURN_IF_ERROR(Call());
  SyncNames();
  return Status();
}

void SimDisk::CutPower(Rng& rng) {
  fault.reset();
  for (auto& [path, content] : removed_) {
    if (rng.Below(2) == 0) files.try_emplace(path, std::move(content));
  }
  for (auto it = files.begin(); it != files.end();) {
    it = it->second.name_synced || rng.Below(2) == 0 ? std::next(it) : files.erase(it);
  }
  const uint64_t mode = rng.Below(6);
  for (auto& [path, content] : files) Settle(content, mode, rng);
  SyncNames();
}

void SimDisk::Settle(Content& content, uint64_t mode, Rng& rng) const {
  std::string& left = content.synced;
  left.resize(content.now.size());
  const size_t torn = content.unsynced.empty() ? 0 : rng.Below(content.unsynced.size());
  for (size_t i = 0; i < content.unsynced.size(); ++i) {
    const Write& write = content.unsynced[i];
    // Nothing, everything; all but one, which is torn or lost; or each as it falls.
    const uint64_t fate = mode == 0   ? 0
                          : mode == 1 ? 1
                          : mode == 2 ? (i == torn ? 2 * rng.Below(2) : 1)
                                      : rng.Below(3);
    if (fate == 1) left.replace(write.offset, write.bytes.size(), write.bytes);
    if (fate == 2) Tear(write, &left, rng);
  }
  content.unsynced.clear();
  content.now = left;
}

void SimDisk::Tear(const Write& write, std::string* content, Rng& rng) const {
  if (rng.Below(2) == 0) {
    const size_t kept = rng.Below(write.bytes.size() + 1);
    content->replace(write.offset, kept, write.bytes, 0, kept);
    return;
  }
  const uint64_t end = write.offset + write.bytes.size();
  for (uint64_t at = write.offset; at < end;) {
    const uint64_t next = std::min(end, (at / sector_bytes + 1) * sector_bytes);
    if (rng.Below(2) == 0) {
      content->replace(at, next - at, write.bytes, at - write.offset, next - at);
    }
    at = next;
  }
}

}  // namespace skybridge::support
