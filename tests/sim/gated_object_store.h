// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/object_store.h"

namespace skybridge::sim {

// An object store as one sees it through a gate: gate.Guard(call) makes each call, or an error in
// its place.
template <typename Gate>
class GatedObjectStore : public ObjectStore {
 public:
  // Both outlive it.
  GatedObjectStore(ObjectStore& store, Gate& gate) : store_(store), gate_(gate) {}

  Result<std::unique_ptr<ObjectWriter>> Create() override {
    return gate_.Guard([&]() -> Result<std::unique_ptr<ObjectWriter>> {
      SKY_ASSIGN_OR_RETURN(auto writer, store_.Create());
      return std::unique_ptr<ObjectWriter>(std::make_unique<Writer>(std::move(writer), gate_));
    });
  }
  Status Put(const std::string& key, std::string_view bytes) override {
    return gate_.Guard([&] { return store_.Put(key, bytes); });
  }
  Result<std::string> Get(const std::string& key, uint64_t bytes_max) override {
    return gate_.Guard([&] { return store_.Get(key, bytes_max); });
  }
  Status Read(const ObjectInfo& info,
              const std::function<Status(std::string_view)>& sink) override {
    return gate_.Guard([&] { return store_.Read(info, sink); });
  }
  Result<uint64_t> Bytes(const std::string& key) override {
    return gate_.Guard([&] { return store_.Bytes(key); });
  }
  Result<std::vector<std::string>> List(const std::string& prefix) override {
    return gate_.Guard([&] { return store_.List(prefix); });
  }
  Result<double> Age(const std::string& key) override {
    return gate_.Guard([&] { return store_.Age(key); });
  }
  Status Delete(const std::string& key) override {
    return gate_.Guard([&] { return store_.Delete(key); });
  }

 private:
  class Writer : public ObjectWriter {
   public:
    Writer(std::unique_ptr<ObjectWriter> writer, Gate& gate)
        : writer_(std::move(writer)), gate_(gate) {}
    Status Append(std::string_view bytes) override {
      return gate_.Guard([&] { return writer_->Append(bytes); });
    }
    Result<ObjectInfo> Finish(std::string_view stem, std::string_view suffix) override {
      return gate_.Guard([&] { return writer_->Finish(stem, suffix); });
    }

   private:
    const std::unique_ptr<ObjectWriter> writer_;
    Gate& gate_;
  };

  ObjectStore& store_;
  Gate& gate_;
};

}  // namespace skybridge::sim
