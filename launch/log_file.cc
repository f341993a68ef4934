// SPDX-License-Identifier: Apache-2.0
#include "launch/log_file.h"

#include <fcntl.h>
#include <unistd.h>

namespace skybridge::launch {
namespace {

// glog's own files, in the temporary folder under names of its choice, are not wanted.
void NoLogFilesOfGlog() {
  for (int severity = 0; severity < google::NUM_SEVERITIES; ++severity) {
    google::SetLogDestination(severity, "");
  }
}

}  // namespace

void LogToStderr() {
  NoLogFilesOfGlog();
  FLAGS_logtostderr = true;
}

LogFile::LogFile(const std::string& path)
    : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  NoLogFilesOfGlog();
  FLAGS_logtostderr = false;
  FLAGS_stderrthreshold = google::GLOG_FATAL;
  google::AddLogSink(this);
}

LogFile::~LogFile() {
  google::RemoveLogSink(this);
  if (fd_ >= 0) close(fd_);
}

void LogFile::send(google::LogSeverity severity, const char*, const char* base_filename, int line,
                   const google::LogMessageTime& time, const char* message, size_t length) {
  const std::string text = ToString(severity, base_filename, line, time, message, length) + "\n";
  // A log that cannot be written is no reason to stop.
  [[maybe_unused]] const ssize_t written = write(fd_, text.data(), text.size());
}

}  // namespace skybridge::launch
