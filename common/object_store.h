// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace skybridge {

// What an object holds, so that it can be told from a damaged one.
struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
  uint32_t crc32c = 0;
  bool operator==(const ObjectInfo&) const = default;
};

// An object while it is written. It is there once Finish returned OK, and not before; without
// Finish nothing is left of it.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual Status Append(std::string_view bytes) = 0;
  // Gives it its name: `stem`-BYTES-CRC32C`suffix`. Durable when it returns.
  virtual Result<ObjectInfo> Finish(std::string_view stem, std::string_view suffix) = 0;
};

// Where checkpoints lie: immutable named objects, by folder or bucket. Keys are relative paths of
// letters, digits, '-', '_', '.' and '/'. Blocking; for tasks and commands. Any thread.
//
// Errors of all, naming the object: kResourceExhausted if there is no room, kNotFound, kDataLoss if
// bytes are not what ObjectInfo says, else kUnavailable.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // A new object, whose name depends on what will be in it.
  virtual Result<std::unique_ptr<ObjectWriter>> Create() = 0;
  // All at once, under this name: whole or not at all, durable when it returns. Replaces nothing:
  // kAlreadyExists if there is one.
  virtual Status Put(const std::string& key, std::string_view bytes) = 0;
  // A small object, at most `bytes_max`.
  virtual Result<std::string> Get(const std::string& key, uint64_t bytes_max) = 0;
  // The bytes of an object in pieces, checked against `info` at the end.
  virtual Status Read(const ObjectInfo& info,
                      const std::function<Status(std::string_view)>& sink) = 0;
  // Its size. Errors: kNotFound.
  virtual Result<uint64_t> Bytes(const std::string& key) = 0;
  // Keys that begin with `prefix`, ascending.
  virtual Result<std::vector<std::string>> List(const std::string& prefix) = 0;
  // Age since it was finished, in seconds.
  virtual Result<double> Age(const std::string& key) = 0;
  // Absent is fine.
  virtual Status Delete(const std::string& key) = 0;
};

}  // namespace skybridge
