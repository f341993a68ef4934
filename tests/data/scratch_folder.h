// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <glog/logging.h>
#include <gtest/gtest.h>

namespace skybridge::data {

// A folder of its own for one test, gone afterwards.
class ScratchFolder {
 public:
  ScratchFolder() : path_(testing::TempDir() + "/skybridge_data_XXXXXX") {
    CHECK(mkdtemp(path_.data()) != nullptr) << path_;
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }

  // Writes `text` into file `name` and returns the file's path.
  std::string Write(const std::string& name, std::string_view text) const {
    const std::string path = path_ + "/" + name;
    std::ofstream file(path, std::ios::binary);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    CHECK(file.flush()) << path;
    return path;
  }

 private:
  std::string path_;
};

}  // namespace skybridge::data
