// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/object_store.h"
#include "common/status.h"

namespace skybridge::env {

// Objects as files below a folder, which several machines may share. An object is written in tmp/
// and gets its name, whole, by a rename or a link, so whoever looks sees all of it or nothing, also
// after a crash or a power cut.
//
// Errors also: kInvalidArgument for a key that is none.
class FolderObjectStore : public ObjectStore {
 public:
  // Uses the folder, made if it is absent. What writers that died long ago left in tmp/ is deleted.
  static Result<std::unique_ptr<FolderObjectStore>> Open(std::string folder);

  Result<std::unique_ptr<ObjectWriter>> Create() override;
  Status Put(const std::string& key, std::string_view bytes) override;
  Result<std::string> Get(const std::string& key, uint64_t bytes_max) override;
  Status Read(const ObjectInfo& info, const std::function<Status(std::string_view)>& sink) override;
  Result<uint64_t> Bytes(const std::string& key) override;
  Result<std::vector<std::string>> List(const std::string& prefix) override;
  Result<double> Age(const std::string& key) override;
  Status Delete(const std::string& key) override;

 private:
  class Writer;
  explicit FolderObjectStore(std::string folder) : folder_(std::move(folder)) {}
  Result<std::string> PathOf(const std::string& key) const;

  const std::string folder_;
  std::atomic<uint64_t> writers_ = 0;  // For names in tmp/.
};

}  // namespace skybridge::env
