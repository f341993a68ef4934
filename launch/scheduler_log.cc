// SPDX-License-Identifier: Apache-2.0
#include "launch/scheduler_log.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "env/durable_record_log.h"
#include "env/log_life.h"
#include "env/posix_disk.h"
#include "env/segmented_log.h"
#include "proto/scheduler_log.pb.h"

namespace skybridge::launch {
namespace {

constexpr uint64_t kSegmentBytes = 4 << 20;

// Beside the folder, so that it is not lost with it.
std::string LifeOf(const std::string& folder) { return folder + ".log_life"; }

// A record log with the files below it.
class FileLog : public env::RecordLog {
 public:
  static Result<std::unique_ptr<FileLog>> Open(const std::string& folder) {
    std::unique_ptr<FileLog> log(new FileLog);
    const auto open = [&]() -> Status {
      SKY_ASSIGN_OR_RETURN(env::LogLife life, env::LogLife::Open(LifeOf(folder)));
      SKY_ASSIGN_OR_RETURN(log->log_,
                           env::SegmentedLog::Open(log->disk_, {.folder = folder,
                                                                .segment_bytes = kSegmentBytes,
                                                                .begun = life.begun()}));
      return life.Begin("");  // Nothing is said that is not synced.
    };
    if (Status status = open(); !status.ok()) return OfOwnState(std::move(status));
    return log;
  }

  Status Write(std::span<const Record> records) override {
    return env::DurableRecordLog(*log_).Write(records);
  }
  Result<std::vector<Record>> Read() {
    auto records = env::ReadRecords(*log_);
    if (!records) return OfOwnState(records.error());
    return records;
  }

 private:
  FileLog() = default;
  env::PosixDisk disk_;
  std::unique_ptr<env::SegmentedLog> log_;
};

// An empty record: what came before it, and ended the job before its work was done, is void, and
// work that had been given up is tried again (DurableJob).
bool IsReopening(const Record& record) { return record.bytes.empty(); }

bool IsUntimelyEnd(const Record& record) {
  history::Entry entry;
  if (!entry.ParseFromString(record.bytes)) return false;
  return entry.has_place_given_up() ||
         (entry.has_job_ended() && entry.job_ended().status().code() != 0);
}

std::vector<Record> WithoutVoidEnds(std::vector<Record> all) {
  std::vector<Record> records;
  for (Record& record : all) {
    if (IsReopening(record)) std::erase_if(records, IsUntimelyEnd);
    // One before all others makes nothing void.
    if (!records.empty() || !IsReopening(record)) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

Status BeginSchedulerLog(const std::string& folder, std::span<const Record> records) {
  SKY_ASSIGN_OR_RETURN(const auto log, FileLog::Open(folder));
  SKY_ASSIGN_OR_RETURN(const auto there, log->Read());
  if (!there.empty()) return {StatusCode::kAlreadyExists, folder + " has a scheduler's log"};
  return log->Write(records);
}

Status ReopenJob(const std::string& folder) {
  std::error_code ignored;
  const bool begun = std::filesystem::exists(LifeOf(folder), ignored);
  if (!begun && !std::filesystem::exists(folder, ignored)) return {};  // Nothing to make void.
  SKY_ASSIGN_OR_RETURN(const auto log, FileLog::Open(folder));
  const Record reopening;
  return log->Write(std::span(&reopening, 1));
}

void DeleteSchedulerLog(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::remove(LifeOf(folder), ignored);  // First: what is left then is a log.
  std::filesystem::remove_all(folder, ignored);
}

Result<SchedulerLog> OpenSchedulerLog(const std::string& folder) {
  SKY_ASSIGN_OR_RETURN(auto log, FileLog::Open(folder));
  SKY_ASSIGN_OR_RETURN(auto records, log->Read());
  return SchedulerLog{.records = WithoutVoidEnds(std::move(records)), .log = std::move(log)};
}

}  // namespace skybridge::launch
