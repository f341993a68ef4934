// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <glog/logging.h>

namespace skybridge::launch {

// Sends what this process logs to stderr, each line at once.
void LogToStderr();

// Sends what this process logs to a file instead of stderr, while it exists.
class LogFile : public google::LogSink {
 public:
  explicit LogFile(const std::string& path);
  ~LogFile() override;

  void send(google::LogSeverity severity, const char* full_filename, const char* base_filename,
            int line, const google::LogMessageTime& time, const char* message,
            size_t length) override;

 private:
  int fd_;
};

}  // namespace skybridge::launch
