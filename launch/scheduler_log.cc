// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_log.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "common/hash.h"
#include "env/files.h"
#include "launch/files.h"
#include "proto/scheduler_log.pb.h"

namespace skybridge::launch {
namespace {

// A record on disk: its length, a checksum of its bytes, the bytes.
struct Frame {
  uint64_t bytes = 0;
  uint64_t sum = 0;
};

std::string Framed(std::span<const Record> records) {
  std::string bytes;
  for (const Record& record : records) {
    const Frame frame = {record.bytes.size(), HashBytes(record.bytes)};
    bytes.append(reinterpret_cast<const char*>(&frame), sizeof frame);
    bytes += record.bytes;
  }
  return bytes;
}

// Survives the death of the process, not yet a power cut.
class FileLog : public env::RecordLog {
 public:
  explicit FileLog(std::string path)
      : path_(std::move(path)), file_(path_, std::ios::binary | std::ios::app) {}

  Status Write(std::span<const Record> records) override {
    const std::string bytes = Framed(records);
    file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file_.flush();
    if (file_) return {};
    return {StatusCode::kUnavailable, fmt::format("write {}: it failed", path_)};
  }

 private:
  const std::string path_;
  std::ofstream file_;
};

// The records of `text` up to the first that a crash cut off; `whole`: the bytes that they take.
std::vector<Record> WholeRecords(const std::string& text, size_t* whole) {
  std::vector<Record> records;
  size_t at = 0;
  Frame frame;
  while (text.size() - at >= sizeof frame) {
    std::memcpy(&frame, text.data() + at, sizeof frame);
    if (text.size() - at - sizeof frame < frame.bytes) break;
    Record record{text.substr(at + sizeof frame, frame.bytes)};
    if (HashBytes(record.bytes) != frame.sum) break;
    at += sizeof frame + frame.bytes;
    records.push_back(std::move(record));
  }
  *whole = at;
  return records;
}

// What ended the job before its work was done.
bool IsUntimelyEnd(const Record& record) {
  history::Entry entry;
  if (!entry.ParseFromString(record.bytes)) return false;
  return entry.has_place_given_up() ||
         (entry.has_job_ended() && entry.job_ended().status().code() != 0);
}

}  // namespace

Status ReopenJob(const std::string& folder) {
  const std::string path = folder + "/log";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};  // It had not begun.
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  size_t whole = 0;
  std::vector<Record> records = WholeRecords(text, &whole);
  std::erase_if(records, IsUntimelyEnd);
  return env::WriteFileDurably(path, Framed(records));
}

Result<SchedulerLog> OpenSchedulerLog(const std::string& folder) {
  SKY_RETURN_IF_ERROR(MakeFolder(folder));
  const std::string path = folder + "/log";
  SchedulerLog log;
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    size_t whole = 0;
    log.records = WholeRecords(text, &whole);
    std::filesystem::resize_file(path, whole, error);
    if (error) {
      return Status(StatusCode::kUnavailable, fmt::format("cut {}: {}", path, error.message()));
    }
  }
  log.log = std::make_unique<FileLog>(path);
  return log;
}

}  // namespace skybridge::launch
