// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/node.h"
#include "common/object_store.h"
#include "common/status.h"
#include "env/redo_log.h"
#include "env/row_store.h"
#include "proto/checkpoint.pb.h"
#include "ps/log_tail.h"

namespace skybridge::ps {

void Encode(const ObjectInfo& info, checkpoint::Object* object);

// An object that is in the store already.
struct SentObject {
  ObjectInfo info;
  bool committed = false;  // A checkpoint names it; else it may be deleted when it is old.
};
using SentObjects = std::map<std::string, SentObject>;  // By the file's name in the frozen store.

// Freezes a store, which takes its time when RocksDB does.
class FreezeTask : public Task {
 public:
  // `store` outlives it.
  FreezeTask(uint64_t round_id, env::RowStore& store) : round(round_id), store_(store) {}
  void Run() override {
    auto frozen = store_.Freeze();
    status = frozen.status();
    if (frozen) image = *std::move(frozen);
  }

  const uint64_t round;
  // Out.
  std::unique_ptr<env::StoreImage> image;
  Status status;

 private:
  env::RowStore& store_;
};

// Sends files of a frozen store, from `next_file` on, until `step_bytes` were sent or all are
// there. What is known from before and still there is named again, not sent (docs/protocol.md, K4).
class FileUpload : public Task {
 public:
  // A step ends after the file with which it passes this: a round that is over stops soon.
  static constexpr uint64_t kFileStepBytes = 256 << 20;
  // Objects that no checkpoint names are deleted after an hour; a round may take a quarter of one.
  static constexpr double kUnnamedSecondsMax = 30 * 60;

  // `store` outlives it. to_folder: where in the store, as "objects/shard-3".
  FileUpload(uint64_t round_id, std::unique_ptr<env::StoreImage> frozen, std::string to_folder,
             ObjectStore& store)
      : round(round_id), image(std::move(frozen)), folder(std::move(to_folder)), objects_(store) {}
  void Run() override;

  // In and out.
  const uint64_t round;
  std::unique_ptr<env::StoreImage> image;
  const std::string folder;
  uint64_t step_bytes = kFileStepBytes;
  size_t next_file = 0;  // Of image->files().
  SentObjects known;     // From before.
  // Out.
  SentObjects sent;        // What is in the store now: of this step alone.
  uint64_t new_bytes = 0;  // That had to be sent.
  Status status;

 private:
  Status SendSome();
  bool StillThere(const env::ImageFile& file, const SentObject& object);
  Status Send(const env::ImageFile& file);
  ObjectStore& objects_;
};

// Sends the rest of a shard's part: the log's tail, and a Fragment that names all.
class CutUpload : public Task {
 public:
  // fragment: all but its tail. `store` outlives it.
  CutUpload(uint64_t cut_id, std::unique_ptr<env::LogTail> log_tail, checkpoint::Fragment named,
            std::string to_folder, ObjectStore& store)
      : cut(cut_id),
        tail(std::move(log_tail)),
        fragment(std::move(named)),
        folder(std::move(to_folder)),
        objects_(store) {}
  void Run() override;

  const uint64_t cut;
  std::unique_ptr<env::LogTail> tail;  // Given up when it was read.
  checkpoint::Fragment fragment;
  const std::string folder;
  // Out.
  ObjectInfo object;       // The Fragment.
  uint64_t new_bytes = 0;  // Of tail and Fragment.
  Status status;

 private:
  Status Send();
  ObjectStore& objects_;
};

// Gives up what a round kept: deleting files takes its time.
class RoundCleanup : public Task {
 public:
  RoundCleanup(std::unique_ptr<env::StoreImage> image, std::unique_ptr<env::LogTail> hold)
      : image_(std::move(image)), hold_(std::move(hold)) {}
  void Run() override {
    image_.reset();
    hold_.reset();
  }

 private:
  std::unique_ptr<env::StoreImage> image_;
  std::unique_ptr<env::LogTail> hold_;
};

}  // namespace skybridge::ps
