// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/node.h"
#include "env/redo_log.h"
#include "env/row_store.h"

namespace skybridge::sim {

// Kills a process in the midst of a call to its disk: one call is the last; it was carried out or
// not, and nobody hears which. The process is gone once its node comes back from it.
class Fuse {
 public:
  // `calls` more go well. The one after them is carried out if `carried_out`, and is the last.
  void Arm(uint64_t calls, bool carried_out) {
    calls_left_ = calls;
    carried_out_ = carried_out;
  }
  void Renew() {
    calls_left_.reset();
    blown_ = false;
  }
  void Disarm() { calls_left_.reset(); }
  bool blown() const { return blown_; }

  // Every call to the disk goes through here.
  template <typename Call>
  auto Guard(Call call) -> decltype(call()) {
    const Status gone(StatusCode::kUnavailable, "this process is dead");
    if (blown_) return gone;
    if (!calls_left_ || (*calls_left_)-- > 0) return call();
    blown_ = true;
    if (carried_out_) (void)call();
    return gone;
  }

 private:
  std::optional<uint64_t> calls_left_;
  bool carried_out_ = false;
  bool blown_ = false;
};

class FusedRedoLog : public env::RedoLog {
 public:
  // Both outlive it.
  FusedRedoLog(env::RedoLog& log, Fuse& fuse) : log_(log), fuse_(fuse) {}

  Result<uint64_t> Append(uint8_t type, std::span<const std::string_view> pieces) override {
    return fuse_.Guard([&] { return log_.Append(type, pieces); });
  }
  Status Sync() override {
    return fuse_.Guard([&] { return log_.Sync(); });
  }
  std::unique_ptr<env::RedoSync> StartSync() override { return log_.StartSync(); }
  Status FinishSync(const env::RedoSync& sync) override {
    return fuse_.Guard([&] { return log_.FinishSync(sync); });
  }
  Status Read(uint64_t from, const std::function<Status(const env::RedoRecord&)>& visit) override {
    return fuse_.Guard([&] { return log_.Read(from, visit); });
  }
  Result<std::unique_ptr<env::LogTail>> Tail(uint64_t from, uint64_t to) override {
    return fuse_.Guard([&] { return log_.Tail(from, to); });
  }
  Status Release(uint64_t lsn) override {
    return fuse_.Guard([&] { return log_.Release(lsn); });
  }
  uint64_t first() const override { return log_.first(); }
  uint64_t last() const override { return log_.last(); }
  uint64_t synced() const override { return log_.synced(); }

 private:
  env::RedoLog& log_;
  Fuse& fuse_;
};

class FusedRowStore : public env::RowStore {
 public:
  // Both outlive it.
  FusedRowStore(env::RowStore& store, Fuse& fuse) : store_(store), fuse_(fuse) {}

  Result<std::unique_ptr<env::StagedRows>> Stage(std::span<const env::RowRun> runs,
                                                 std::span<const env::StoreNote> notes) override {
    return fuse_.Guard([&] { return store_.Stage(runs, notes); });
  }
  Status Take(std::unique_ptr<env::StagedRows> staged) override {
    return fuse_.Guard([&] { return store_.Take(std::move(staged)); });
  }
  Status Drop(SlotRange slots, std::span<const env::StoreNote> notes) override {
    return fuse_.Guard([&] { return store_.Drop(slots, notes); });
  }
  Result<std::string> Note(std::string_view name) override {
    return fuse_.Guard([&] { return store_.Note(name); });
  }
  Status Read(TableId table, std::span<const env::RowKey> keys, std::span<char> records,
              std::span<uint8_t> found) override {
    return fuse_.Guard([&] { return store_.Read(table, keys, records, found); });
  }
  Status Scan(TableId table, env::RowKey from,
              const std::function<bool(env::RowKey, std::string_view)>& visit) override {
    return fuse_.Guard([&] { return store_.Scan(table, from, visit); });
  }
  Result<std::unique_ptr<env::StoreImage>> Freeze() override {
    return fuse_.Guard([&] { return store_.Freeze(); });
  }

 private:
  env::RowStore& store_;
  Fuse& fuse_;
};

// A node that dies with its fuse: what it wanted done then never happens.
class MortalNode : public Node {
 public:
  // `fuse` outlives it. `node` is null if it died before it was whole: then the fuse is blown.
  MortalNode(std::unique_ptr<Node> node, const Fuse& fuse) : node_(std::move(node)), fuse_(fuse) {
    CHECK(node_ != nullptr || fuse_.blown());
  }

  Effects Handle(const Envelope& message, Instant now) override {
    return IfAlive(node_->Handle(message, now));
  }
  Effects Tick(Instant now) override { return IfAlive(node_->Tick(now)); }
  Effects Finish(std::unique_ptr<Task> task, Instant now) override {
    return IfAlive(node_->Finish(std::move(task), now));
  }
  bool finished() const override { return fuse_.blown() || node_->finished(); }

 private:
  Effects IfAlive(Effects effects) const { return fuse_.blown() ? Effects() : std::move(effects); }

  const std::unique_ptr<Node> node_;
  const Fuse& fuse_;
};

}  // namespace skybridge::sim
