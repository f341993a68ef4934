// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/hash.h"
#include "common/object_store.h"

namespace skybridge::support {

// An object store in memory that fails when told to.
class MemoryObjectStore : public ObjectStore {
 public:
  struct Entry {
    std::string bytes;
    double finished_at = 0;
  };
  // Tests look at these and change them while nobody else works on the store.
  std::map<std::string, Entry> entries;
  double now = 0;  // Seconds.
  // Asked before each call, by its name ("Create", "Append", "Finish", "Put", ...) and the key or
  // stem: an error is what the call returns, having done nothing.
  std::function<Status(std::string_view call, const std::string& key)> fail;
  std::map<std::string, uint64_t, std::less<>> calls;
  std::map<std::string, uint64_t> reads;  // Whole objects, by key.
  uint64_t bytes_sent = 0;                // Of objects that were finished or put.

  // All calls after the next `good` ones fail.
  void FailAfter(uint64_t good) {
    fail = [left = good](std::string_view, const std::string&) mutable {
      if (left == 0) return Status(StatusCode::kUnavailable, "the object store is away");
      --left;
      return Status();
    };
  }

  Result<std::unique_ptr<ObjectWriter>> Create() override {
    SKY_RETURN_IF_ERROR(Call("Create", ""));
    return std::unique_ptr<ObjectWriter>(std::make_unique<Writer>(*this));
  }
  Status Put(const std::string& key, std::string_view bytes) override {
    SKY_RETURN_IF_ERROR(Call("Put", key));
    const std::lock_guard lock(mutex_);
    if (entries.contains(key)) return {StatusCode::kAlreadyExists, key + ": it is there"};
    entries[key] = {std::string(bytes), now};
    bytes_sent += bytes.size();
    return Status();
  }
  Result<std::string> Get(const std::string& key, uint64_t bytes_max) override {
    SKY_RETURN_IF_ERROR(Call("Get", key));
    SKY_ASSIGN_OR_RETURN(std::string bytes, Find(key));
    if (bytes.size() <= bytes_max) return bytes;
    return Status(StatusCode::kDataLoss,
                  fmt::format("{}: {} bytes, more than {}", key, bytes.size(), bytes_max));
  }
  Status Read(const ObjectInfo& info,
              const std::function<Status(std::string_view)>& sink) override {
    SKY_RETURN_IF_ERROR(Call("Read", info.key));
    SKY_ASSIGN_OR_RETURN(const std::string bytes, Find(info.key));
    constexpr size_t kPiece = 1000;
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      SKY_RETURN_IF_ERROR(sink(std::string_view(bytes).substr(at, kPiece)));
    }
    if (bytes.size() != info.bytes || Crc32c(bytes) != info.crc32c) {
      return {StatusCode::kDataLoss, info.key + ": its content is not what it should be"};
    }
    const std::lock_guard lock(mutex_);
    ++reads[info.key];
    return Status();
  }
  Result<uint64_t> Bytes(const std::string& key) override {
    SKY_RETURN_IF_ERROR(Call("Bytes", key));
    SKY_ASSIGN_OR_RETURN(const std::string bytes, Find(key));
    return bytes.size();
  }
  Result<std::vector<std::string>> List(const std::string& prefix) override {
    SKY_RETURN_IF_ERROR(Call("List", prefix));
    const std::lock_guard lock(mutex_);
    std::vector<std::string> keys;
    for (const auto& [key, entry] : entries) {
      if (key.starts_with(prefix)) keys.push_back(key);
    }
    return keys;
  }
  Result<double> Age(const std::string& key) override {
    SKY_RETURN_IF_ERROR(Call("Age", key));
    const std::lock_guard lock(mutex_);
    const auto it = entries.find(key);
    if (it == entries.end()) return Missing(key);
    return now - it->second.finished_at;
  }
  Status Delete(const std::string& key) override {
    SKY_RETURN_IF_ERROR(Call("Delete", key));
    const std::lock_guard lock(mutex_);
    entries.erase(key);
    return Status();
  }

 private:
  class Writer : public ObjectWriter {
   public:
    explicit Writer(MemoryObjectStore& store) : store_(store) {}
    Status Append(std::string_view bytes) override {
      SKY_RETURN_IF_ERROR(store_.Call("Append", ""));
      bytes_ += bytes;
      return Status();
    }
    Result<ObjectInfo> Finish(std::string_view stem, std::string_view suffix) override {
      SKY_RETURN_IF_ERROR(store_.Call("Finish", std::string(stem)));
      const uint32_t crc = Crc32c(bytes_);
      ObjectInfo info{fmt::format("{}-{}-{:08x}{}", stem, bytes_.size(), crc, suffix),
                      bytes_.size(), crc};
      const std::lock_guard lock(store_.mutex_);
      store_.entries[info.key] = {std::move(bytes_), store_.now};
      store_.bytes_sent += info.bytes;
      return info;
    }

   private:
    MemoryObjectStore& store_;
    std::string bytes_;
  };

  static Status Missing(const std::string& key) {
    return {StatusCode::kNotFound, key + ": there is no such object"};
  }
  Status Call(std::string_view call, const std::string& key) {
    {
      const std::lock_guard lock(mutex_);
      ++calls[std::string(call)];
    }
    return fail ? fail(call, key) : Status();
  }
  Result<std::string> Find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto it = entries.find(key);
    if (it == entries.end()) return Missing(key);
    return it->second.bytes;
  }

  std::mutex mutex_;
};

}  // namespace skybridge::support
